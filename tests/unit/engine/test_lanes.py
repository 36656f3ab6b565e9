from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.objects import Key
from llmkeys.engine.lanes import Lane, Line

KEYS = st.builds(Key, st.sampled_from("abc"), st.sampled_from("wxyz"))
PUTS = st.tuples(st.just("put"), KEYS, st.sampled_from(Lane))
POPS = st.tuples(st.just("pop"), st.none(), st.none())
DISCARDS = st.tuples(st.just("discard"), KEYS, st.none())


@given(st.lists(PUTS | POPS | DISCARDS, max_size=60))
def test_a_line_holds_each_key_once_in_its_most_urgent_lane(steps: list[tuple[str, Key | None, Lane | None]]) -> None:
    line = Line()
    model: dict[Key, Lane] = {}
    for step, key, lane in steps:
        if step == "put" and key is not None and lane is not None:
            line.put(key, lane)
            model[key] = min(lane, model.get(key, lane))
        elif step == "discard" and key is not None:
            line.discard(key)
            model.pop(key, None)
        else:
            popped = line.pop()
            if popped is None:
                assert not model
                continue
            assert model.pop(popped[0]) == popped[1]
            assert all(popped[1] <= other for other in model.values())
        assert len(line) == len(model)
        assert set(line) == set(model)
        assert all(one in line for one in model)
        assert [line.depth(one) for one in Lane] == [Counter(model.values())[one] for one in Lane]
    rest = dict(iter(line.pop, None))
    assert rest == model
    assert not line


@given(st.lists(KEYS, unique=True, min_size=1, max_size=12))
def test_within_a_namespace_who_came_first_goes_first(keys: list[Key]) -> None:
    line = Line()
    for key in keys:
        line.put(key, Lane.CHANGE)
    popped = [key for key, _ in iter(line.pop, None)]
    for namespace in "abc":
        assert [key for key in popped if key.namespace == namespace] == [
            key for key in keys if key.namespace == namespace
        ]


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 20), min_size=1))
def test_no_namespace_waits_for_more_than_one_of_each_other(sizes: dict[str, int]) -> None:
    line = Line()
    for namespace, size in sizes.items():
        for number in range(size):
            line.put(Key(namespace, str(number)), Lane.REFRESH)
    served: Counter[str] = Counter()
    for key, _ in iter(line.pop, None):
        served[key.namespace] += 1
        waiting = [one for one in sizes if served[one] < sizes[one]]
        assert all(served[one] >= served[key.namespace] - 1 for one in waiting)


def test_a_key_moves_up_and_never_down() -> None:
    line, key = Line(), Key("a", "x")
    line.put(key, Lane.RETRY)
    line.put(key, Lane.REFRESH)
    assert line.depth(Lane.RETRY) == 1
    line.put(key, Lane.CHANGE)
    assert line.pop() == (key, Lane.CHANGE)
    assert line.pop() is None
