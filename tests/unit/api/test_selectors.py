"""Label selectors against a model that goes through every rule one by one."""

from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.provider import AllowedNamespaces, LabelSelector, Requirement

NAMES = st.sampled_from(["team", "tier", "env"])
VALUES = st.sampled_from(["", "a", "b"])
LABELS = st.dictionaries(NAMES, VALUES)
OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"]
REQUIREMENTS = st.builds(Requirement, NAMES, st.sampled_from(OPERATORS), st.lists(VALUES, max_size=2).map(tuple))
SELECTORS = st.builds(LabelSelector, LABELS, st.lists(REQUIREMENTS, max_size=3).map(tuple))


def model(selector: LabelSelector, labels: dict[str, str]) -> bool:
    """https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors, as questions."""
    for name, value in selector.match_labels.items():
        if (name, value) not in labels.items():
            return False
    for one in selector.match_expressions:
        wanted = {(one.key, value) for value in one.values}
        hit = any(pair in labels.items() for pair in wanted)
        has = one.key in labels
        allowed = {"In": hit, "NotIn": not hit, "Exists": has, "DoesNotExist": not has}
        if not allowed[one.operator]:
            return False
    return True


@given(SELECTORS, LABELS)
def test_a_selector_matches_what_kubernetes_says_it_does(selector: LabelSelector, labels: dict[str, str]) -> None:
    assert selector.matches(labels) == model(selector, labels)


@given(LABELS)
def test_an_operator_that_is_not_known_admits_nobody(labels: dict[str, str]) -> None:
    assert not LabelSelector(match_expressions=(Requirement("team", "Near", ("a",)),)).matches(labels)


def test_without_a_word_every_namespace_is_admitted_even_an_unknown_one() -> None:
    assert AllowedNamespaces().admits(None)
    assert AllowedNamespaces(from_="All").admits({})


def test_a_selector_admits_only_namespaces_whose_labels_are_known_and_match() -> None:
    only = AllowedNamespaces(from_="Selector", selector=LabelSelector({"team": "a"}))
    assert only.admits({"team": "a", "tier": "b"})
    assert not only.admits({"team": "b"})
    assert not only.admits({})
    assert not only.admits(None)


def test_an_empty_selector_admits_every_known_namespace() -> None:
    assert AllowedNamespaces(from_="Selector", selector=LabelSelector()).admits({})


def test_a_selector_that_was_left_out_admits_nobody() -> None:
    assert not AllowedNamespaces(from_="Selector").admits({"team": "a"})
