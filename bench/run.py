"""One run: the stage, the N credentials on it, and what was found out so far."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.samples import summary
from bench.stage import Population, Stage, say


@dataclass(slots=True)
class Run:
    """What every measure gets, and writes its findings to.

    Args:
        stage: what they act upon.
        population: the N credentials.
        results: what goes into bench.json.
        samples: seconds, by the name under which the plot shows them.

    """

    stage: Stage
    population: Population
    results: dict[str, Any] = field(default_factory=dict)
    samples: dict[str, list[float]] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return self.population.count

    def note(self, name: str, **values: object) -> None:
        """Add to one group of results."""
        self.results.setdefault(name, {}).update(values)
        say(f"{name}: {', '.join(f'{key} {value}' for key, value in values.items())}")

    def sampled(self, name: str, seconds: Sequence[float], **more: object) -> None:
        """Add the percentiles of samples as the group `<name>_seconds`."""
        self.plotted(name, seconds)
        self.note(f"{name}_seconds", **summary(seconds), **more)

    def plotted(self, name: str, seconds: Sequence[float]) -> None:
        """Show samples in the plot alone."""
        self.samples[name] = [round(one, 4) for one in seconds]
