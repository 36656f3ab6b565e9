from typing import Any

from llmkeys.api.credential import LLMCredential, credential_from
from llmkeys.api.durations import epoch
from llmkeys.api.provider import LLMProvider, provider_from
from llmkeys.explain.standing import ago, changed, credential_row, provider_row, rows_of, story_of
from llmkeys.explain.standing_text import HEADS, cells_of, facts_of

LOOKED = "2026-01-01T00:00:00Z"
NEXT = "2026-01-01T06:00:00Z"
NOW = epoch(LOOKED) + 720


def condition(kind: str, status: str, reason: str, message: str = "", generation: int = 1) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": LOOKED,
        "observedGeneration": generation,
    }


def credential(
    name: str = "openai", provider: str = "openai", *conditions: dict[str, Any], generation: int = 1, **status: Any
) -> LLMCredential:
    return credential_from(
        {
            "metadata": {"name": name, "namespace": "team-a", "generation": generation},
            "spec": {"providerRef": {"name": provider}},
            "status": {"observedGeneration": 1, "conditions": list(conditions), **status},
        }
    )


def provider(name: str = "openai", *conditions: dict[str, Any]) -> LLMProvider:
    return provider_from(
        {
            "metadata": {"name": name, "generation": 1},
            "spec": {"type": "openai"},
            "status": {"observedGeneration": 1, "conditions": list(conditions)},
        }
    )


READY = condition("Ready", "True", "Verified", "It was accepted.")
REFUSED = condition("Ready", "False", "Rejected", "Create a new key.")
STALLED = condition("Stalled", "True", "Rejected", "Create a new key.")
GOOD_STATUS: dict[str, Any] = {
    "secretName": "openai",
    "encryption": "Envelope",
    "env": ["OPENAI_API_KEY"],
    "audience": "https://api.openai.com",
    "activeKey": "primary",
    "lastProbeTime": LOOKED,
    "keys": [
        {
            "name": "primary",
            "fingerprint": "f",
            "verdict": "Verified",
            "belief": "Valid",
            "lastProbeTime": LOOKED,
            "nextProbeTime": NEXT,
        },
        {"name": "backup", "fingerprint": "g", "verdict": "Rejected", "belief": "Invalid", "failures": 3},
    ],
    "target": {"key": "f", "sequence": 2, "previousUntil": NEXT, "sealedWith": "abc"},
    "unsealer": {"address": "https://unsealer:8443"},
    "usage": [{"serviceAccount": "chat", "count": 5, "lastTime": LOOKED}],
}


def test_credentials_stand_below_their_provider_and_strays_at_the_end() -> None:
    rows = rows_of(
        [provider("zhipu"), provider("openai")],
        [credential("c", "gone"), credential("b", "openai"), credential("a", "openai"), credential("z", "zhipu")],
    )
    assert [row.name for row in rows] == ["openai", "a", "b", "zhipu", "z", "c"]
    first = [cells[0] for cells in cells_of(rows, NOW)]
    assert first == ["openai", "  team-a/a", "  team-a/b", "zhipu", "  team-a/z", "gone", "  team-a/c"]
    assert {len(cells) for cells in cells_of(rows, NOW)} == {len(HEADS)}


def test_without_the_right_to_see_providers_credentials_still_show() -> None:
    cells = cells_of(rows_of([], [credential("a", "openai")]), NOW)
    assert [row[0] for row in cells] == ["openai", "  team-a/a"]
    assert "not yours to see" in cells[0][3]


def test_a_row_tells_the_state_at_a_glance() -> None:
    row = credential_row(credential("openai", "openai", READY, **GOOD_STATUS))
    assert (row.ready, row.reason, row.key, row.secret, row.next_look) == (
        "True",
        "Verified",
        "primary",
        "openai",
        NEXT,
    )
    assert cells_of([row], NOW)[1] == (
        "  team-a/openai",
        "",
        "True",
        "Verified",
        "primary",
        "openai",
        "12 min ago",
        "in 5.8 h",
    )


def test_what_was_said_of_an_older_spec_is_not_ready() -> None:
    stale = credential_row(credential("openai", "openai", READY, generation=2))
    assert (stale.ready, stale.is_ready) == ("Unknown", False)
    assert "changed" in stale.message


def test_what_was_never_looked_at_is_not_ready() -> None:
    assert credential_row(credential()).ready == "Unknown"
    assert provider_row(provider()).ready == "Unknown"
    assert "not looked at it yet" in story_of(credential(), None).next


def test_a_story_says_what_to_do_where_only_a_person_can_help() -> None:
    assert story_of(credential("a", "b", REFUSED, STALLED), None).next == "Create a new key."
    throttled = condition("Ready", "Unknown", "Throttled", "It is throttled.")
    assert story_of(credential("a", "b", throttled), None).next.startswith("It is throttled. Nothing has to be done")
    assert story_of(credential("a", "b", READY), None).next == "Nothing to do."


def test_a_story_tells_everything_that_is_known() -> None:
    known = provider("openai", condition("Ready", "True", "Resolved"))
    story = story_of(credential("openai", "openai", READY, **GOOD_STATUS), known)
    assert list(facts_of(story, NOW)) == [
        ("credential", "team-a/openai"),
        ("ready", "True, Verified"),
        ("what to do", "Nothing to do."),
        ("provider", "openai, type openai, ready True"),
        ("audience", "https://api.openai.com"),
        (
            "keys",
            "primary: Verified, believed Valid, looked at 12 min ago, next look in 5.8 h, delivered",
        ),
        ("", "backup: Rejected, believed Invalid, 3 in a row"),
        ("Secret", "openai, encryption Envelope"),
        ("", "variables OPENAI_API_KEY"),
        ("", f"content number 2; the one before opens until {NEXT}"),
        ("", "sealed with key abc"),
        ("unsealer", "https://unsealer:8443"),
        ("opened by", "chat: 5 times, last 12 min ago"),
        ("conditions", "Ready True (Verified, 12 min ago): It was accepted."),
    ]


def test_whoever_has_repaired_something_is_told_how_to_have_it_looked_at_again() -> None:
    line = 'kubectl annotate --overwrite llmcredential a -n team-a llmkeys.dev/requestedAt="$(date -Is)"'
    assert ("look again now", line) in list(facts_of(story_of(credential("a", "b", REFUSED, STALLED), None), NOW))


def test_a_provider_that_cannot_be_used_is_told_in_the_story() -> None:
    broken = provider("openai", condition("Ready", "False", "BadEndpoint", "Set spec.baseURL."))
    facts = list(facts_of(story_of(credential("a", "openai", REFUSED), broken), NOW))
    assert ("", "Set spec.baseURL.") in facts


def test_times_are_told_from_now() -> None:
    assert ago("", NOW) == "-"
    assert ago(LOOKED, NOW) == "12 min ago"
    assert ago(NEXT, NOW) == "in 5.8 h"


def test_only_what_changed_is_new() -> None:
    before = rows_of([provider()], [credential("a"), credential("b")])
    after = rows_of([provider()], [credential("a", "openai", READY), credential("b"), credential("c")])
    assert [row.name for row in changed(before, after)] == ["a", "c"]
