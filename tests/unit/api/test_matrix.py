"""The matrix of reasons as a table: what a person reads on the resource for each of them, row by row."""

import pytest

from llmkeys.api.conditions import TYPES, Judgement, conditions_of
from llmkeys.api.objects import Condition, condition_of
from llmkeys.api.reasons import Reason, row_of

GENERATION = 3
THEN, NOW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
ORDER = ("Active", "InvalidKey", "RateLimited", "SecretSynced", "Ready", "Reconciling", "Stalled")

NEW = "a new key"
GOOD = "a key that was Ready"
DEAD = "a key that was dead"
BEFORE: dict[str, dict[str, str]] = {
    NEW: {},
    GOOD: {"Active": "True", "Ready": "True", "Stalled": "False", "InvalidKey": "False"},
    DEAD: {"Active": "False", "Ready": "False", "Stalled": "True", "InvalidKey": "True"},
}

# Per reason: was the key proven, what stood before (about the same key, unless new), is its value in the Secret,
# then the seven conditions in ORDER as letters: T, F, U.
VERIFIED = [
    # proven, before, delivered, conditions
    (False, NEW, True, "TFF TTFF"),
    (True, GOOD, True, "TFF TTFF"),
    (False, DEAD, True, "TFF TTFF"),
]
DEAD_KEY = [
    (False, NEW, False, "FTF FFFT"),
    (True, GOOD, True, "FTF TFFT"),
    (True, GOOD, False, "FTF FFFT"),
    (False, DEAD, False, "FTF FFFT"),
]
UNDECIDED = [
    (False, NEW, False, "UFF FUTF"),
    (True, GOOD, True, "TFF TTFF"),
    (True, GOOD, False, "TFF FUTF"),  # believed good, but the Secret does not hold it: not Ready
    (False, DEAD, False, "FFF FFFT"),
]
MISCONFIGURED = [
    (False, NEW, False, "UFF FFFT"),
    (True, GOOD, True, "TFF TFFT"),
    (False, DEAD, False, "FFF FFFT"),
]
LIMITED = [
    (False, NEW, False, "UFT FUTF"),
    (False, DEAD, False, "UFT FUTF"),
    (True, GOOD, True, "TFT TTFF"),
    (True, GOOD, False, "TFT FUTF"),
]
OUT_OF_MONEY = [
    (False, NEW, False, "FFT FFFT"),
    (True, GOOD, False, "FFT FFFT"),
    (True, GOOD, True, "FFT TTFF"),
]
VALID_BUT_USELESS = [
    (False, NEW, False, "FFF FFFT"),
    (True, GOOD, False, "FFF FFFT"),
    (True, GOOD, True, "FFF TTFF"),
]
SOURCE = [
    (False, NEW, False, "UFF FUTF"),
    (True, GOOD, True, "TFF TUTF"),
    (False, DEAD, False, "FFF FUTF"),
]
SPEC = [
    (False, NEW, False, "UFF FFFT"),
    (True, GOOD, True, "TFF TFFT"),
]
OFF = [
    (False, NEW, False, "UFF FFFT"),
    (True, GOOD, False, "UFF FFFT"),
    (False, DEAD, False, "UFF FFFT"),
]

TABLE = {
    Reason.VERIFIED: VERIFIED,
    Reason.UNVERIFIED: VERIFIED,
    Reason.REJECTED: DEAD_KEY,
    Reason.EXPIRED: DEAD_KEY,
    Reason.ACCOUNT_BLOCKED: DEAD_KEY,
    Reason.WRONG_CREDENTIAL_TYPE: DEAD_KEY,
    Reason.MALFORMED_KEY: DEAD_KEY,
    Reason.CONFIRMING: UNDECIDED,
    Reason.THROTTLED: LIMITED,
    Reason.OVERLOADED: LIMITED,
    Reason.QUOTA_EXHAUSTED: OUT_OF_MONEY,
    Reason.NOT_ACTIVATED: VALID_BUT_USELESS,
    Reason.PERMISSION_DENIED: VALID_BUT_USELESS,
    Reason.MODEL_UNAVAILABLE: [(False, NEW, True, "TFF TFFF"), (True, GOOD, True, "TFF TFFF")],
    Reason.REGION_DENIED: UNDECIDED,
    Reason.PROVIDER_UNREACHABLE: UNDECIDED,
    Reason.PROVIDER_SUSPECT: UNDECIDED,
    Reason.PROBE_REFUSED: UNDECIDED,
    Reason.UNRECOGNISED: UNDECIDED,
    Reason.BAD_ENDPOINT: MISCONFIGURED,
    Reason.ADDRESS_BLOCKED: MISCONFIGURED,
    Reason.CHECKING: [(False, NEW, False, "UFF FUTF"), (True, GOOD, True, "TFF TUTF")],
    Reason.PROVIDER_NOT_FOUND: SOURCE,
    Reason.SOURCE_NOT_FOUND: SOURCE,
    Reason.SOURCE_NOT_ALLOWED: SOURCE,
    Reason.SOURCE_FIELD_MISSING: SOURCE,
    Reason.UNKNOWN_TYPE: SPEC,
    Reason.DECRYPT_FAILED: SPEC,
    Reason.SEALED_FOR_OTHER_SCOPE: SPEC,
    Reason.KEY_RETIRED: SPEC,
    Reason.SEALED_FOR_OTHER_HOST: OFF,
    Reason.SEALED_FOR_OTHER_DELIVERY: OFF,
    Reason.KEYS_MISSING: SPEC,
    Reason.DATA_INVALID: SPEC,
    Reason.DISABLED: OFF,
    Reason.PROVIDER_DISABLED: OFF,
    Reason.NAMESPACE_NOT_ALLOWED: OFF,
}
NO_ROW = {
    Reason.KEPT_LAST_GOOD,
    Reason.SYNCED,
    Reason.TARGET_CONFLICT,
    Reason.CONTESTED,
    Reason.WITHDRAWN,
    Reason.AWAITING_KEY,
    Reason.NOT_APPLICABLE,
    Reason.RESOLVED,
    Reason.PUBLISHED,
    Reason.PUBLISHED_IN_PART,
    Reason.AWAITING_MODELS,
    Reason.CONFIG_MAP_CONFLICT,
    Reason.PUBLISH_REFUSED,
}

ROWS = [pytest.param(reason, *row, id=f"{reason}-{row[1]}-{row[2]}") for reason in TABLE for row in TABLE[reason]]


def stood(statuses: dict[str, str]) -> tuple[Condition, ...]:
    return tuple(Condition(kind, status, "Before", "It was so.", THEN, 1) for kind, status in statuses.items())


def judgement_of(reason: Reason, *, proven: bool, as_before: bool, delivered: bool) -> Judgement:
    synced = Reason.SYNCED if delivered else Reason.AWAITING_KEY
    return Judgement(reason, row_of(reason, proven=proven), "Said.", synced, "Synced.", as_before, delivered)


def letters(conditions: tuple[Condition, ...]) -> str:
    found = {one.type: one.status[0] for one in conditions}
    text = "".join(found[kind] for kind in ORDER)
    return f"{text[:3]} {text[3:]}"


def test_every_reason_that_can_decide_has_its_rows_here() -> None:
    assert set(Reason) == set(TABLE) | NO_ROW


@pytest.mark.parametrize(("reason", "proven", "before", "delivered", "expected"), ROWS)
def test_a_reason_sets_the_conditions_of_its_row(
    reason: Reason, proven: bool, before: str, delivered: bool, expected: str
) -> None:
    judgement = judgement_of(reason, proven=proven, as_before=before != NEW, delivered=delivered)
    conditions = conditions_of(judgement, stood(BEFORE[before]), GENERATION, NOW)
    assert letters(conditions) == expected
    assert tuple(one.type for one in conditions) == TYPES
    assert {one.observed_generation for one in conditions} == {GENERATION}


@pytest.mark.parametrize("reason", [reason for reason in TABLE if TABLE[reason] is UNDECIDED])
def test_what_stood_about_another_key_counts_for_nothing(reason: Reason) -> None:
    judgement = judgement_of(reason, proven=False, as_before=False, delivered=False)
    assert letters(conditions_of(judgement, stood(BEFORE[GOOD]), GENERATION, NOW)) == "UFF FUTF"


KEPT = [
    (Reason.CONFIRMING, "TFF TUTF"),
    (Reason.PROVIDER_UNREACHABLE, "TFF TUTF"),
    (Reason.THROTTLED, "TFT TUTF"),
    (Reason.REJECTED, "TTF TFFT"),
    (Reason.MALFORMED_KEY, "TTF TFFT"),
]


@pytest.mark.parametrize(("reason", "expected"), KEPT)
def test_a_kept_value_stays_active_and_only_a_refusal_of_its_replacement_stalls(reason: Reason, expected: str) -> None:
    row = row_of(reason, proven=False)
    judgement = Judgement(reason, row, "Said.", Reason.SYNCED, "Synced.", kept=True, kept_message="Kept.")
    conditions = conditions_of(judgement, (), GENERATION, NOW)
    assert letters(conditions) == expected
    active = condition_of(conditions, "Active")
    assert active is not None
    assert (active.reason, active.message) == ("KeptLastGood", "Kept.")


@pytest.mark.parametrize("held_up", [Reason.TARGET_CONFLICT, Reason.CONTESTED])
def test_a_secret_that_somebody_else_holds_overrules_a_good_key(held_up: Reason) -> None:
    row = row_of(Reason.VERIFIED, proven=True)
    conditions = conditions_of(Judgement(Reason.VERIFIED, row, "Good.", held_up, "Not ours."), (), GENERATION, NOW)
    assert letters(conditions) == "TFF FFFT"
    for kind in ("Ready", "Stalled", "SecretSynced"):
        one = condition_of(conditions, kind)
        assert one is not None
        assert (one.reason, one.message) == (held_up.value, "Not ours.")


def test_an_outage_leaves_the_word_for_which_a_key_is_active() -> None:
    before = stood(BEFORE[GOOD])
    judgement = judgement_of(Reason.PROVIDER_UNREACHABLE, proven=True, as_before=True, delivered=True)
    active = condition_of(conditions_of(judgement, before, GENERATION, NOW), "Active")
    assert active is not None
    assert (active.reason, active.message, active.last_transition_time) == ("Before", "It was so.", THEN)
