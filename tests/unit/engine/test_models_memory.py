"""What is remembered of lists is bounded, whatever providers send."""

from hypothesis import given
from hypothesis import strategies as st

from llmkeys.engine.models_memory import Memory


def test_what_is_remembered_is_found() -> None:
    memory = Memory[str, str](10)
    assert memory.get("a") is None
    assert memory.put("a", "first", 3) == "first"
    assert memory.get("a") == "first"


def test_the_first_value_of_a_key_is_kept() -> None:
    memory = Memory[str, list[int]](10)
    first = memory.put("a", [1], 1)
    assert memory.put("a", [1], 1) is first


def test_what_was_not_used_for_longest_is_forgotten_first() -> None:
    memory = Memory[str, int](6)
    memory.put("a", 1, 1)
    memory.put("b", 2, 1)
    memory.put("c", 3, 1)
    memory.get("a")
    memory.put("d", 4, 1)
    assert [memory.get(key) for key in "abcd"] == [1, None, 3, 4]


def test_the_latest_is_kept_however_heavy() -> None:
    memory = Memory[str, int](5)
    memory.put("a", 1, 1)
    assert memory.put("b", 2, 100) == 2
    assert (memory.get("a"), memory.get("b")) == (None, 2)


@given(puts=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=60))
def test_the_room_is_never_exceeded_by_more_than_the_latest(puts: list[tuple[int, int]]) -> None:
    memory = Memory[int, int](12)
    weights: dict[int, int] = {}
    for key, weight in puts:
        if memory.get(key) is None:
            weights[key] = weight
        memory.put(key, weight, weight)
    assert sum(weights[key] + 1 for key in weights if memory.get(key) is not None) <= 12
