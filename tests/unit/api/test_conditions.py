"""What holds of the seven conditions whatever came before."""

from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.conditions import TYPES, Judgement, conditions_of
from llmkeys.api.durations import rfc3339
from llmkeys.api.objects import Condition
from llmkeys.api.reasons import MATRIX, Reason, row_of

SYNCED = st.sampled_from(
    [Reason.SYNCED, Reason.AWAITING_KEY, Reason.WITHDRAWN, Reason.TARGET_CONFLICT, Reason.CONTESTED, Reason.DISABLED]
)
DECIDING = st.sampled_from(sorted([*MATRIX, Reason.THROTTLED, Reason.OVERLOADED]))


@st.composite
def judgements(draw: st.DrawFn) -> Judgement:
    reason = draw(DECIDING)
    return Judgement(
        reason=reason,
        row=row_of(reason, proven=draw(st.booleans())),
        message=f"{reason} it is.",
        synced=draw(SYNCED),
        synced_message="So it is with the Secret.",
        as_before=draw(st.booleans()),
        delivered=draw(st.booleans()),
        kept=draw(st.booleans()),
    )


def statuses(conditions: tuple[Condition, ...]) -> dict[str, str]:
    return {one.type: one.status for one in conditions}


@given(st.lists(judgements(), min_size=1, max_size=8))
def test_conditions_keep_their_promises_over_any_history(history: list[Judgement]) -> None:
    before: tuple[Condition, ...] = ()
    for generation, judgement in enumerate(history, 1):
        now = rfc3339(1_800_000_000 + generation)
        after = conditions_of(judgement, before, generation, now)
        found, was = statuses(after), {one.type: one for one in before}
        assert [one.type for one in after] == list(TYPES)
        assert set(found.values()) <= {"True", "False", "Unknown"}
        assert (found["Reconciling"] == "True") == (found["Ready"] == "Unknown")
        assert found["Stalled"] != "True" or found["Ready"] == "False"
        assert not (found["Ready"] == "True" and found["SecretSynced"] == "False")
        for one in after:
            same_status = one.type in was and was[one.type].status == one.status
            assert one.last_transition_time == (was[one.type].last_transition_time if same_status else now)
            assert one.observed_generation == generation
            assert one.reason
        before = after


@given(judgements())
def test_the_same_judgement_twice_changes_nothing(judgement: Judgement) -> None:
    once = conditions_of(judgement, (), 1, rfc3339(1_800_000_000))
    twice = conditions_of(judgement, once, 1, rfc3339(1_800_000_060))
    # A judgement that leans on what stood may settle once more; from then on it is still.
    thrice = conditions_of(judgement, twice, 1, rfc3339(1_800_000_120))
    assert thrice == conditions_of(judgement, thrice, 1, rfc3339(1_800_000_180))
    if not judgement.as_before:
        assert once == twice
