"""Which of a provider's regions a key is shown to under `region: auto`, and what their answers come to.

A key is shown to a further region only after one has refused it, to each at most once for one look. The region that
knows it is kept: from then on the key goes nowhere else, dead or alive.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from llmkeys.api.reasons import MATRIX, Belief, Reason
from llmkeys.probe.verdict import Verdict

_NOT_HERE: Final = frozenset({Reason.REJECTED, Reason.PROVIDER_UNREACHABLE})
_TELLS_NOTHING: Final = Reason.UNVERIFIED


def regions_to_ask(known: str, regions: Iterable[str]) -> tuple[str, ...]:
    """The regions to show a key to, in this order.

    Args:
        known: where the key was at home before; empty if that is not known.
        regions: of the catalogue, in its order; none unless `region: auto`. An empty name stands for the only one.

    """
    names = tuple(regions) or ("",)
    return (known,) if known in names else names


def asks_another(verdicts: Sequence[Verdict]) -> bool:
    """Whether another region is asked after these answers.

    Only after the first did not know the key, and until one knows it or says something else than that it is away.
    """
    refused_first = verdicts[0].reason is Reason.REJECTED
    return refused_first and verdicts[-1].reason in _NOT_HERE


def is_home(verdict: Verdict) -> bool:
    """Whether this answer comes from the region that the key belongs to."""
    row = MATRIX.get(verdict.reason)
    return row is not None and row.belief is Belief.VALID and verdict.reason is not _TELLS_NOTHING


def decisive(verdicts: Sequence[Verdict]) -> int:
    """The place of the answer that counts: what ended the search, else of a region that was away, else the first.

    A key is dead only if every region refused it: the one that did not answer may be its own.
    """
    if verdicts[-1].reason not in _NOT_HERE:
        return len(verdicts) - 1
    return next((place for place, one in enumerate(verdicts) if one.reason is not Reason.REJECTED), 0)
