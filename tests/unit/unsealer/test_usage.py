import pytest

from llmkeys.unsealer import usage
from llmkeys.unsealer.usage import Usage
from tests.unit.unsealer.world import START


def test_counts_are_kept_by_account_and_credential_with_the_last_time() -> None:
    at = START
    counts = Usage(lambda: at)
    counts.count("a", "openai", "chat")
    at += 60
    counts.count("a", "openai", "chat")
    counts.count("b", "openai", "chat")
    first, second = counts.report().usage
    assert (first.count, second.count) == (2, 1)
    assert first.last_time == second.last_time == "2027-01-15T08:01:00Z"


def test_two_processes_can_be_told_apart() -> None:
    assert Usage(lambda: 0.0).report().replica != Usage(lambda: 0.0).report().replica


def test_it_forgets_who_was_longest_without_a_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_MOST", 2)
    counts = Usage(lambda: START)
    for account in ("one", "two", "one", "three"):
        counts.count("a", "openai", account)
    assert {line.service_account for line in counts.report().usage} == {"one", "three"}
