from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.objects import merge_patch

LEAVES = st.text(max_size=3) | st.integers(2, 9) | st.lists(st.text(max_size=2), max_size=3)
NAMES = st.sampled_from(["a", "b", "c"])
TREES = st.dictionaries(
    NAMES, st.recursive(LEAVES, lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=8)
)


def applied(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = applied(result.get(name), value)
    return result


@given(TREES, TREES)
def test_a_patch_applied_to_the_old_gives_the_new(old: dict[str, object], new: dict[str, object]) -> None:
    assert applied(old, merge_patch(old, new)) == new


@given(TREES, TREES)
def test_a_patch_is_empty_only_where_nothing_differs(old: dict[str, object], new: dict[str, object]) -> None:
    assert (merge_patch(old, new) == {}) == (old == new)


def test_what_is_equal_is_not_sent_again() -> None:
    old: dict[str, object] = {"kept": {"deep": 1}, "list": [1, 2], "gone": 1}
    new: dict[str, object] = {"kept": {"deep": 1}, "list": [1, 3]}
    assert merge_patch(old, new) == {"list": [1, 3], "gone": None}
