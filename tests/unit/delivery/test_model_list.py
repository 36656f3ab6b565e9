"""The ConfigMap of a provider's models: stable text, a bounded size, names and labels that Kubernetes takes."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.models import ModelType
from llmkeys.api.objects import Metadata
from llmkeys.api.provider import LLMProvider, ProviderSpec
from llmkeys.delivery.model_list import (
    CUT,
    LIST,
    ROOM,
    ListedModel,
    config_map_name,
    list_manifest,
    list_patch,
    listed_in,
    model_list,
)

LLM = ModelType.LLM
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
models = st.lists(
    st.builds(ListedModel, names, st.sampled_from(ModelType), st.lists(names, max_size=2).map(tuple)),
    unique_by=lambda one: one.name,
)
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
LABELS = {"llmkeys.dev/internal": "true", "llmkeys.dev/provider": "openai"}


def provider(name: str = "openai", uid: str = "u1") -> LLMProvider:
    return LLMProvider(Metadata(name, uid), ProviderSpec("openai"))


def metadata(name: str) -> dict[str, Any]:
    found: dict[str, Any] = list_manifest(provider(name), "llmkeys-system", {})["metadata"]
    return found


def test_a_model_is_a_line_of_json_with_what_is_known_of_it() -> None:
    found = model_list([ListedModel("b", LLM), ListedModel("a", ModelType.TTS, ("cn", "intl"))])
    assert found.data == {LIST: '[\n{"name":"a","type":"tts","regions":["cn","intl"]},\n{"name":"b","type":"llm"}\n]\n'}
    assert (found.count, found.whole) == (2, True)


def test_no_models_are_an_empty_list() -> None:
    assert json.loads(model_list([]).data[LIST]) == []


@given(models, st.randoms())
def test_the_order_of_models_changes_nothing_and_all_are_found_again(found: list[ListedModel], dice: Any) -> None:
    shuffled = dice.sample(found, len(found))
    assert model_list(shuffled) == model_list(found)
    assert sorted(listed_in(model_list(found).data), key=lambda one: one.name) == sorted(
        found, key=lambda one: one.name
    )


def test_a_list_that_is_too_long_is_cut_and_says_so() -> None:
    found = model_list(ListedModel(f"模型-{number:06}", LLM) for number in range(40_000))
    assert ROOM - 100 < len(found.data[LIST].encode()) <= ROOM
    assert (found.whole, found.count) == (False, len(json.loads(found.data[LIST])))
    assert "cut off" in found.data[CUT]


def test_what_was_cut_already_is_said_to_be() -> None:
    assert CUT in model_list([ListedModel("a", LLM)], whole=False).data


@pytest.mark.parametrize("text", ["", "{", "{}", '[{"name": 1}]', '[{"name": "a", "type": "sofa"}]', "\ud800", "[1]"])
def test_a_list_that_somebody_made_unreadable_holds_nothing(text: str) -> None:
    assert listed_in({LIST: text}) == ()
    assert listed_in({}) == ()


@pytest.mark.parametrize("name", ["openai", "a" * 253, "a." * 126 + "a", "x" * 64, f"{'b' * 219}.{'c' * 20}"])
def test_name_and_label_are_what_kubernetes_takes(name: str) -> None:
    made = config_map_name(name)
    assert made.startswith("llmkeys-models-")
    assert len(made) <= 253
    assert SUBDOMAIN.fullmatch(made)
    label = metadata(name)["labels"]["llmkeys.dev/provider"]
    assert len(label) <= 63
    assert LABEL.fullmatch(label)


def test_long_names_that_begin_alike_differ() -> None:
    one, other = "a" * 252 + "b", "a" * 252 + "c"
    assert config_map_name(one) != config_map_name(other)
    assert metadata(one)["labels"] != metadata(other)["labels"]


def test_the_list_goes_with_its_provider_and_holds_up_no_deletion() -> None:
    (owner,) = metadata("openai")["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("LLMProvider", "openai", "u1")
    assert owner["blockOwnerDeletion"] is False


def test_a_patch_tests_both_labels_before_it_changes_anything() -> None:
    operations = list_patch(provider(), {LIST: "[]\n"})
    tested = {one["path"]: one["value"] for one in operations[:2]}
    assert [one["op"] for one in operations] == ["test", "test", "add", "add"]
    assert tested == {"/metadata/labels/" + name.replace("/", "~1"): value for name, value in LABELS.items()}
    assert metadata("openai")["labels"] == LABELS


def test_a_patch_without_data_only_tests() -> None:
    assert {one["op"] for one in list_patch(provider(), None)} == {"test"}
