"""Which key of the ordered list is used: look at one more, take one, or hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from llmkeys.api.reasons import MATRIX, Belief, NextKey, Reason, Row, row_of
from llmkeys.probe.judge import KeyState


@dataclass(frozen=True, slots=True)
class View:
    """One key as the choice sees it.

    Args:
        problem: found without a call; such a key is never looked at.
        state: what is known of it.
        due: it must be looked at before anything is decided by it.
        delivered: its value is what the Secret holds.

    """

    problem: Reason | None
    state: KeyState
    due: bool
    delivered: bool = False

    @property
    def reason(self) -> Reason:
        return self.problem or self.state.verdict or Reason.CHECKING

    @property
    def row(self) -> Row:
        return row_of(self.reason, proven=self.state.proven)


@dataclass(frozen=True, slots=True)
class Look:
    """Key `index` must be looked at first."""

    index: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What the list comes to.

    Args:
        index: the key whose reason decides.
        deliver: its value may be rendered and delivered.
        skipped: keys that were tried before it and passed over.

    """

    index: int
    deliver: bool
    skipped: tuple[int, ...] = ()


def choose(views: Sequence[View], *, key_required: bool) -> Look | Decision:
    """Go through the keys in order; the first proven one is used.

    Args:
        views: at least one.
        key_required: the type needs a key; then an `Unverified` one never displaces a proven one.

    """
    fallback: int | None = None
    for index, view in enumerate(views):
        lacks_models = fallback is not None and views[fallback].reason is Reason.MODEL_UNAVAILABLE
        if view.problem is None and view.due:
            if fallback is not None and not view.state.proven and not lacks_models:
                continue  # a key that can be used is at hand; only a better one is worth a look
            return Look(index)
        row = view.row
        if (row.next_key is NextKey.YES and row.delivers) or (view.reason is Reason.UNVERIFIED and key_required):
            fallback = index if fallback is None else fallback
        elif lacks_models and not view.state.proven:
            continue  # it may open the models, but until it is proven a good key that does not is better
        elif row.delivers or row.next_key is NextKey.NO:
            return Decision(index, _may_deliver(view), tuple(range(index)))
    if fallback is not None:
        return Decision(fallback, deliver=True, skipped=tuple(range(fallback)))
    return _settle(views)


def _may_deliver(view: View) -> bool:
    """A proven key may be rendered even while its provider throttles it or is away."""
    return view.row.delivers or (view.state.proven and view.problem is None and view.delivered)


def _settle(views: Sequence[View]) -> Decision:
    """No key can be taken: the most hopeful one decides, the first among equals."""
    best = min(range(len(views)), key=lambda index: (_rank(views[index]), index))
    return Decision(best, deliver=_may_deliver(views[best]), skipped=tuple(range(best)))


def _rank(view: View) -> int:
    if view.problem is None and view.state.proven:
        return 0 if view.delivered else 1
    if not view.row.terminal:
        return 2
    return 3 if MATRIX.get(view.reason, view.row).belief is not Belief.INVALID else 4
