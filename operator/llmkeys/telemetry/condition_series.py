"""The conditions of every object as series that cost memory only while somebody reads them.

A gauge of the library takes about a kilobyte per label set, and there are seven for each object; here it is one
dictionary entry per object that points to a shared tuple.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Conditions = tuple[tuple[str, str], ...]

_NAME: Final = "llmkeys_condition"
_HELP: Final = "1 for the status that each condition of an object has."
_LABELS: Final = ("kind", "namespace", "name", "type", "status")


class ConditionSeries(Collector):
    """Collects `llmkeys_condition{kind,namespace,name,type,status} 1`."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str, str], Conditions] = {}
        self._shared: dict[Conditions, Conditions] = {}

    def set(self, kind: str, namespace: str, name: str, conditions: Iterable[tuple[str, str]]) -> None:
        """Replace an object's conditions.

        Args:
            kind: LLMProvider or LLMCredential.
            namespace: empty for cluster-scoped kinds.
            name: of the object.
            conditions: type and status of each.

        """
        held = tuple(conditions)
        self._objects[kind, namespace, name] = self._shared.setdefault(held, held)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Forget a deleted object."""
        self._objects.pop((kind, namespace, name), None)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the family without walking the objects."""
        yield GaugeMetricFamily(_NAME, _HELP, labels=_LABELS)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Make the series of now; the copy lets the event loop go on writing while a thread reads."""
        family = GaugeMetricFamily(_NAME, _HELP, labels=_LABELS)
        for identity, conditions in self._objects.copy().items():
            for condition in conditions:
                family.add_metric((*identity, *condition), 1.0)
        yield family
