"""Looks at keys and judges them: each distinct key once, in its region, with what was believed of it before."""

import asyncio
from collections.abc import Callable
from typing import Self

from llmkeys.api.reasons import Belief, Reason
from llmkeys.cli.check_ask import Asker
from llmkeys.cli.check_net import Clock
from llmkeys.cli.check_target import Target
from llmkeys.explain.finding import Finding, Seen, finding_of
from llmkeys.probe.build import key_parts
from llmkeys.probe.judge import Circumstances, KeyState, judge
from llmkeys.probe.kind import Kind
from llmkeys.probe.material import Candidate, Material, out_of_date
from llmkeys.probe.region import asks_another, decisive, is_home, regions_to_ask
from llmkeys.probe.verdict import Verdict

_Identity = tuple[str, ...]
"""Equal for equal keys."""


class Looker:
    """Looks at keys of one provider. An async context manager.

    Args:
        target: what is asked.
        clock: for the schedule, and for the pace of requests.

    """

    def __init__(self, target: Target, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._asker = Asker(target.spec, target.entry, clock, target.required)
        self._states: dict[str, KeyState] = {}
        self._homes: dict[_Identity, str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._asker.close()

    def due(self, candidate: Candidate) -> float | None:
        """When a key is to be looked at (epoch seconds); None: it is not, for no request would tell more."""
        if self._present(candidate).problem is not None:
            return None
        return self._states.get(candidate.name, KeyState()).due

    async def look(self, candidates: list[Candidate], done: Callable[[], None]) -> list[Finding]:
        """Look at all of these at once; equal keys share a look.

        Args:
            candidates: with names of their own.
            done: called when one is finished.

        """
        present = [self._present(one) for one in candidates]
        looks: dict[_Identity, asyncio.Task[Seen]] = {}
        async with asyncio.TaskGroup() as group:
            for one in present:
                if one.material is None or one.problem is not None or _identity(one.material) in looks:
                    continue
                task = looks[_identity(one.material)] = group.create_task(self._seen(one.material))
                task.add_done_callback(lambda _: done())
        return [self._finding(one, looks) for one in present]

    def _present(self, candidate: Candidate) -> Candidate:
        """The key as it is now: a token in a file comes to its end."""
        return out_of_date(candidate, self._target.entry, self._clock.now())

    def _finding(self, candidate: Candidate, looks: dict[_Identity, asyncio.Task[Seen]]) -> Finding:
        if candidate.material is None or candidate.problem is not None:
            return self._without_call(candidate, candidate.problem or Reason.MALFORMED_KEY)
        seen = looks[_identity(candidate.material)].result()
        before = self._states.get(candidate.name, KeyState())
        state = self._states[candidate.name] = judge(before, seen.verdict, self._circumstances())
        return finding_of(candidate, seen, state, self._target.other_regions)

    def _without_call(self, candidate: Candidate, reason: Reason) -> Finding:
        belief = Belief.UNKNOWN if reason is Reason.SOURCE_FIELD_MISSING else Belief.INVALID
        seen = Seen(Verdict(reason), Kind(self._target.entry, self._target.endpoint))
        return finding_of(candidate, seen, KeyState(belief, reason))

    def _circumstances(self) -> Circumstances:
        return Circumstances(
            now=self._clock.now(),
            interval=self._target.spec.validation.interval_seconds,
            jitter=self._clock.jitter(),
            checks_keys=self._target.entry.key_required,
        )

    async def _seen(self, material: Material) -> Seen:
        """Show a key to its region; while that is not known, to one after the other."""
        identity = _identity(material)
        answers: list[Seen] = []
        for region in regions_to_ask(self._homes.get(identity, ""), self._target.regions):
            answers.append(await self._asker.ask(self._target.at(region), material))
            if is_home(answers[-1].verdict):
                self._homes[identity] = region
            if not asks_another([one.verdict for one in answers]):
                break
        return answers[decisive([one.verdict for one in answers])]


def _identity(material: Material) -> _Identity:
    return tuple(key_parts(material))
