"""Which models are there: what some proven key opens, as its last look that listed models has shown."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.models import ModelType
from llmkeys.api.objects import Key
from llmkeys.delivery.model_list import ListedModel
from llmkeys.engine import model_book
from llmkeys.engine.model_book import Holder, ModelBook
from llmkeys.probe.models import Model

LLM = ModelType.LLM


def holder(number: int = 1) -> Holder:
    return Key("team", f"chat-{number}"), f"fingerprint-{number}"


def models(*names: str) -> list[Model]:
    return [Model(name, LLM) for name in names]


def listed(*names: str) -> list[ListedModel]:
    return [ListedModel(name, LLM) for name in names]


def shown(book: ModelBook, *holders: Holder) -> set[str]:
    return {one.name for one in current(book, *holders)}


def current(book: ModelBook, *holders: Holder) -> tuple[ListedModel, ...]:
    book.forget_unseen(holders)
    return book.models


def test_the_models_of_all_proven_keys_are_there() -> None:
    book = ModelBook("a")
    book.take_in(holder(1), "", models("x", "y"), 1)
    book.take_in(holder(2), "", models("y", "z"), 2)
    assert shown(book, holder(1), holder(2)) == {"x", "y", "z"}


def test_a_model_that_no_key_shows_any_more_goes_when_all_have_been_looked_at_since() -> None:
    book = ModelBook("a")
    book.take_in(holder(1), "", models("x", "y"), 1)
    book.take_in(holder(2), "", models("x", "y"), 2)
    book.take_in(holder(1), "", models("x"), 3)
    assert shown(book, holder(1), holder(2)) == {"x", "y"}
    book.take_in(holder(2), "", models("x"), 4)
    assert shown(book, holder(1), holder(2)) == {"x"}


def test_a_key_that_is_not_proven_any_more_takes_its_models_along() -> None:
    book = ModelBook("a")
    book.take_in(holder(1), "", models("x"), 1)
    book.take_in(holder(2), "", models("z"), 2)
    assert shown(book, holder(1)) == {"x", "z"}
    book.take_in(holder(1), "", models("x"), 3)
    assert shown(book, holder(1)) == {"x"}
    assert shown(book) == set()


def test_what_was_published_before_stays_until_every_proven_key_has_been_looked_at() -> None:
    book = ModelBook("a")
    book.take_in(holder(1), "", models("x"), 1)
    book.seed(listed("x", "old"))
    assert shown(book, holder(1), holder(2)) == {"x", "old"}
    book.take_in(holder(2), "", models("x"), 2)
    assert shown(book, holder(1), holder(2)) == {"x"}


def test_a_look_knows_a_type_better_than_what_was_published() -> None:
    book = ModelBook("a")
    book.take_in(holder(), "", [Model("x", ModelType.TTS)], 1)
    book.seed(listed("x"))
    assert current(book, holder()) == (ListedModel("x", ModelType.TTS),)


def test_regions_of_a_model_are_told_and_kept_over_a_restart() -> None:
    book = ModelBook("a")
    book.take_in(holder(1), "intl", models("x"), 1)
    book.take_in(holder(2), "cn", models("x"), 2)
    told = current(book, holder(1), holder(2))
    assert told == (ListedModel("x", LLM, ("cn", "intl")),)
    again = ModelBook("a")
    again.seed(told)
    assert current(again, holder(1)) == told


def test_memory_is_bounded_and_says_that_something_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_book, "MOST", 3)
    book = ModelBook("a")
    book.take_in(holder(), "", models("a", "b", "c"), 1)
    assert (shown(book, holder()), book.whole) == ({"a", "b", "c"}, True)
    book.take_in(holder(), "", models("a", "b", "c", "d"), 2)
    assert (shown(book, holder()), book.whole) == ({"a", "b", "c"}, False)
    book.take_in(holder(), "", models("a"), 3)
    assert (shown(book, holder()), book.whole) == ({"a"}, True)


def test_of_a_model_that_several_regions_show_the_latest_type_is_told() -> None:
    book = ModelBook("a")
    book.take_in(holder(1), "intl", models("x"), 1)
    book.take_in(holder(2), "cn", [Model("x", ModelType.TTS)], 2)
    assert current(book, holder(1), holder(2)) == (ListedModel("x", ModelType.TTS, ("cn", "intl")),)
    before = book.changes
    book.take_in(holder(1), "intl", models("x"), 3)
    assert current(book, holder(1), holder(2)) == (ListedModel("x", LLM, ("cn", "intl")),)
    assert book.changes > before


def test_a_name_is_in_the_book_until_no_region_shows_it() -> None:
    book = ModelBook("a")
    book.take_in(holder(1), "intl", models("x"), 1)
    book.take_in(holder(2), "cn", models("x", "y"), 2)
    book.forget_unseen([holder(2)])
    assert ("x" in book, "y" in book) == (True, True)
    book.take_in(holder(2), "cn", models("y"), 3)
    book.forget_unseen([holder(2)])
    assert ("x" in book, "y" in book) == (False, True)


LOOKS = st.lists(st.tuples(st.integers(1, 4), st.frozensets(st.sampled_from("abcdef"))), max_size=30)


@given(LOOKS, st.frozensets(st.integers(1, 4)))
def test_nothing_that_a_proven_key_opens_is_ever_left_out_and_after_a_round_nothing_else_is_shown(
    looks: Iterable[tuple[int, frozenset[str]]], proven: frozenset[int]
) -> None:
    book, opens = ModelBook("a"), dict[int, frozenset[str]]()
    for at, (number, names) in enumerate(looks):
        book.take_in(holder(number), "", models(*names), at)
        opens[number] = names
    holders = [holder(number) for number in proven]
    there = {name for number in proven for name in opens.get(number, ())}
    assert there <= shown(book, *holders)
    for number in proven:
        book.take_in(holder(number), "", models(*opens.get(number, ())), 100)
    assert shown(book, *holders) == there


STEPS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.dictionaries(st.sampled_from("abcd"), st.sampled_from([LLM, ModelType.TTS]), max_size=4),
        st.sampled_from(["", "cn", "intl"]),
        st.frozensets(st.integers(1, 3)),
    ),
    max_size=20,
)


@given(STEPS)
def test_without_a_change_of_its_counter_a_book_shows_the_same(
    steps: Iterable[tuple[int, dict[str, ModelType], str, frozenset[int]]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_book, "MOST", 5)
        book, shows = ModelBook("a"), dict[int, object]()
        for at, (number, found, region, proven) in enumerate(steps):
            book.take_in(holder(number), region, (Model(name, kind) for name, kind in found.items()), at)
            assert shows.setdefault(book.changes, seen(book)) == seen(book)
            book.forget_unseen([holder(one) for one in proven])
            assert shows.setdefault(book.changes, seen(book)) == seen(book)


def seen(book: ModelBook) -> tuple[bool, list[ListedModel]]:
    return book.whole, sorted(book.models, key=lambda one: one.name)
