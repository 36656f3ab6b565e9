from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.credential import Usage
from llmkeys.api.objects import Key
from llmkeys.engine.usage import MOST, Counted, UsageBook

CHAT = Key("team", "chat")
AT = 1_700_000_000.0
TIME = "2023-11-14T22:13:20Z"


def counted(count: int, last: float = AT, account: str = "web") -> list[Counted]:
    return [Counted(CHAT, account, count, last)]


def test_openings_since_the_last_look_are_added_to_what_is_told() -> None:
    book = UsageBook()
    book.take_in("a", counted(3))
    book.take_in("a", counted(5, AT + 60))

    assert book.merged(CHAT, (Usage("web", 10, TIME),)) == (Usage("web", 12, "2023-11-14T22:14:20Z"),)


def test_what_was_counted_before_the_first_look_shows_as_a_time_only() -> None:
    book = UsageBook()
    book.take_in("a", counted(3))

    assert book.merged(CHAT, ()) == (Usage("web", 0, TIME),)


def test_replicas_add_up_and_a_new_process_starts_from_nothing() -> None:
    book = UsageBook()
    for replica in ("a", "b"):
        book.take_in(replica, [])
        book.take_in(replica, counted(2))
    book.keep_only(["a"])
    book.take_in("b2", counted(7))

    assert book.merged(CHAT, ()) == (Usage("web", 4, TIME),)


def test_what_is_written_is_not_told_twice() -> None:
    book = UsageBook()
    book.take_in("a", [])
    book.take_in("a", counted(2))
    told = book.merged(CHAT, ())
    book.written(CHAT)

    assert book.merged(CHAT, told) == told
    book.take_in("a", counted(2))
    assert book.merged(CHAT, told) == told


@given(st.lists(st.integers(0, 5), max_size=30))
def test_no_opening_is_lost_or_told_twice(steps: list[int]) -> None:
    book = UsageBook()
    book.take_in("a", [])
    told: tuple[Usage, ...] = ()
    total = 0
    for more in steps:
        total += more
        book.take_in("a", counted(total))
        if more % 2:
            told = book.merged(CHAT, told)
            book.written(CHAT)
    told = book.merged(CHAT, told)
    assert sum(one.count for one in told) == total


def test_a_status_names_those_who_asked_last() -> None:
    book = UsageBook()
    book.take_in("a", [Counted(CHAT, f"account-{index:02}", 1, AT + index) for index in range(MOST + 8)])

    told = book.merged(CHAT, ())

    assert len(told) == MOST
    assert told[0].service_account == f"account-{MOST + 7}"
