"""What is offered, what the defaults are, and what is missing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.models import AddedModel, ModelsSpec, ModelsStatus, ModelType
from llmkeys.catalogue.calls import Models
from llmkeys.probe.models import Listing, Model
from llmkeys.probe.models_offer import NOTHING, Asked, assess, in_words, matches, offered

LLM, EMBEDDING = ModelType.LLM, ModelType.EMBEDDING
CHOICES = Models(choices={LLM: ("gpt-5", "gpt-4o"), EMBEDDING: ("embed-3",)})


def listing(*names: str, complete: bool = True, absent: tuple[str, ...] = ()) -> Listing:
    return Listing(tuple(Model(name, LLM) for name in names), complete, absent=frozenset(absent))


def spec(**fields: object) -> ModelsSpec:
    return ModelsSpec(**fields)  # type: ignore[arg-type]


def names(found: Listing, wanted: ModelsSpec) -> list[str]:
    return [model.id for model in offered(found, wanted)]


LISTED = listing("gpt-5", "gpt-5-preview", "gpt-4o", "whisper-1")


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        (spec(), ["gpt-5", "gpt-5-preview", "gpt-4o", "whisper-1"]),
        (spec(include=("gpt-*",)), ["gpt-5", "gpt-5-preview", "gpt-4o"]),
        (spec(include=("gpt-*",), exclude=("*-preview",)), ["gpt-5", "gpt-4o"]),
        (spec(include=("gpt-5", "whisper-*")), ["gpt-5", "whisper-1"]),
        (spec(exclude=("*",), add=(AddedModel("mine"),)), ["mine"]),
        (spec(include=("gpt-4o",), add=(AddedModel("gpt-5"),)), ["gpt-5", "gpt-4o"]),
        (spec(include=("GPT-5",)), []),
    ],
)
def test_the_patterns_decide_what_is_offered(wanted: ModelsSpec, there: list[str]) -> None:
    assert names(LISTED, wanted) == there


def test_an_added_model_has_the_type_that_was_said() -> None:
    (model,) = offered(listing(), spec(add=(AddedModel("voice", ModelType.TTS),)))
    assert model == Model("voice", ModelType.TTS)


def test_an_added_model_that_does_not_exist_is_not_offered() -> None:
    assert names(listing(absent=("a/b",)), spec(add=(AddedModel("a/b"), AddedModel("a/c")))) == ["a/c"]


@given(pattern=st.text("ab*.", max_size=8), name=st.text("ab.", max_size=8))
def test_a_pattern_means_what_a_regular_expression_of_it_means(pattern: str, name: str) -> None:
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    assert matches(pattern, name) == bool(re.fullmatch(expression, name))


def test_a_pattern_of_many_stars_costs_no_time() -> None:
    assert not matches("*a" * 120 + "b", "a" * 256)


def test_a_required_model_that_is_there_is_not_missing() -> None:
    assert assess(LISTED, Asked(spec(), ("gpt-5",)), CHOICES, NOTHING) == ModelsStatus(4)


def test_a_required_model_that_is_gone_is_missing() -> None:
    assert assess(LISTED, Asked(spec(), ("gpt-3", "gpt-5")), CHOICES, NOTHING).missing == ("gpt-3",)


def test_a_required_model_that_is_excluded_is_missing() -> None:
    assert assess(LISTED, Asked(spec(exclude=("gpt-5",)), ("gpt-5",)), CHOICES, NOTHING).missing == ("gpt-5",)


def test_a_list_that_does_not_show_all_says_nothing_of_what_it_does_not_show() -> None:
    asked = Asked(spec(exclude=("no-*",), defaults={LLM: "my-deployment"}), ("my-deployment", "no-1"))
    assert assess(listing("gpt-5", complete=False), asked, CHOICES, NOTHING).missing == ("no-1",)


def test_a_model_that_was_asked_for_alone_and_is_not_there_is_missing() -> None:
    asked = Asked(spec(), ("a/b", "a/c"))
    assert assess(listing(complete=False, absent=("a/b",)), asked, CHOICES, NOTHING).missing == ("a/b",)


def test_what_was_not_counted_has_no_count() -> None:
    found = Listing((), complete=False, counted=False)
    assert assess(found, Asked(spec(add=(AddedModel("a/b"),))), CHOICES, NOTHING).available is None


def test_a_default_that_is_asked_for_is_taken() -> None:
    found = assess(LISTED, Asked(spec(defaults={LLM: "gpt-4o"})), CHOICES, NOTHING)
    assert (found.defaults, found.missing) == ({"llm": "gpt-4o"}, ())


def test_a_default_that_is_asked_for_and_not_there_stays_and_is_missing() -> None:
    found = assess(LISTED, Asked(spec(defaults={LLM: "gpt-3"})), CHOICES, NOTHING)
    assert (found.defaults, found.missing) == ({"llm": "gpt-3"}, ("gpt-3",))


def test_only_types_that_are_named_have_a_default() -> None:
    assert assess(LISTED, Asked(spec()), CHOICES, NOTHING).defaults == {}


def test_an_empty_default_is_the_catalogues_first_choice_among_those_there() -> None:
    asked = Asked(spec(defaults={LLM: ""}))
    assert assess(listing("gpt-4o", "other"), asked, CHOICES, NOTHING).defaults == {"llm": "gpt-4o"}


def test_a_choice_is_kept_when_a_better_model_comes() -> None:
    asked = Asked(spec(defaults={LLM: ""}))
    before = ModelsStatus(1, {"llm": "gpt-4o"})
    found = assess(LISTED, asked, CHOICES, before)
    assert (found.defaults, found.missing) == ({"llm": "gpt-4o"}, ())


def test_a_choice_that_disappeared_is_missing_and_not_replaced() -> None:
    asked = Asked(spec(defaults={LLM: ""}))
    found = assess(listing("gpt-5"), asked, CHOICES, ModelsStatus(1, {"llm": "gpt-4o"}))
    assert (found.defaults, found.missing) == ({"llm": "gpt-4o"}, ("gpt-4o",))


def test_where_the_catalogue_has_no_choice_the_default_is_missing() -> None:
    found = assess(listing("other"), Asked(spec(defaults={EMBEDDING: ""})), CHOICES, NOTHING)
    assert (found.defaults, found.missing) == ({"embedding": ""}, ("a default for embedding",))


def test_a_name_with_the_lists_prefix_is_the_same_model() -> None:
    models = Models(strip_prefix="models/")
    assert assess(listing("gemini"), Asked(spec(), ("models/gemini",)), models, NOTHING).missing == ()


def test_a_name_without_the_implied_suffix_is_the_same_model() -> None:
    models = Models(implied_suffix=":latest")
    asked = Asked(spec(), ("llama3", "llama3:8b"))
    assert assess(listing("llama3:latest"), asked, models, NOTHING).missing == ("llama3:8b",)


def test_without_a_list_nothing_changes_but_what_is_asked_for() -> None:
    before = ModelsStatus(7, {"llm": "gpt-4o"}, ("gone", "old"))
    asked = Asked(spec(defaults={LLM: "", EMBEDDING: "embed-9"}), ("gone",))
    found = assess(None, asked, CHOICES, before)
    assert found == ModelsStatus(7, {"embedding": "embed-9", "llm": "gpt-4o"}, ("gone",))


def test_without_a_list_and_a_wish_nothing_is_known() -> None:
    assert assess(None, Asked(spec()), CHOICES, NOTHING) == NOTHING


def test_many_missing_models_are_not_all_named_in_a_message() -> None:
    assert in_words(("a", "b")) == "a, b"
    assert in_words(tuple("abcdefg")) == "a, b, c, d, e and 2 more"


NAMES = st.sampled_from(["gpt-5", "gpt-4o", "embed-3", "a", "b"])


@given(
    there=st.lists(NAMES, unique=True),
    required=st.lists(NAMES, unique=True),
    said=st.dictionaries(st.sampled_from([LLM, EMBEDDING]), NAMES | st.just("")),
    before=st.dictionaries(st.sampled_from(["llm", "embedding"]), NAMES),
)
def test_no_text_of_a_list_enters_the_status(
    there: list[str], required: list[str], said: dict[ModelType, str], before: dict[str, str]
) -> None:
    hostile = listing(*there, "text of the reply")
    found = assess(hostile, Asked(spec(defaults=said), tuple(required)), CHOICES, ModelsStatus(1, before))
    assert "text of the reply" not in {*found.defaults.values(), *found.missing}
    assert set(found.defaults) == set(said)
    assert set(required) - set(there) <= set(found.missing)
    assert not set(there) & set(found.missing)
