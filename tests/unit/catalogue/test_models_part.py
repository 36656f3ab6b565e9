"""What a file of the catalogue may say about models."""

from typing import Any

import msgspec
import pytest

from llmkeys.catalogue.checks import mistakes
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import ProviderFile
from llmkeys.probe.models import is_name
from tests.unit.catalogue.made_up import made_up

CATALOGUE = load()


def file(models: dict[str, Any]) -> ProviderFile:
    return made_up(
        "global",
        other_endpoints={"hub": "https://hub.made-up.example"},
        config_fields=[{"name": "tenant"}],
        models=models,
    )


@pytest.mark.parametrize(
    ("models", "field"),
    [
        ({"per_model_endpoint": "nowhere"}, "models.per_model_endpoint"),
        ({"per_model_path": "models/{id}"}, "models.per_model_path"),
        ({"per_model_path": "/models/{id}?a=b"}, "models.per_model_path"),
        ({"per_model_path": "/models/{apiKey}"}, "models.per_model_path"),
        ({"query": {"a": "{apiKey}"}}, "models.query.a"),
    ],
)
def test_a_mistake_is_told_with_its_field(models: dict[str, Any], field: str) -> None:
    assert [found for found, _ in mistakes(file(models), "made-up")] == [field]


@pytest.mark.parametrize(
    "models",
    [{"kinds": {"at": "type", "words": {"chat": "lmm"}}}, {"ids": {"chat": ["a"]}}, {"choices": {"llm": "gpt-5"}}],
)
def test_an_unknown_type_is_refused(models: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        file(models)


def test_what_is_right_has_no_mistake() -> None:
    models = {
        "query": {"tenant": "{tenant}"},
        "per_model_path": "/models/{owner}/{name}",
        "per_model_endpoint": "hub",
        "kinds": {"at": "type", "words": {"chat": "llm", "video": "other"}},
        "choices": {"llm": ["big", "small"]},
    }
    assert list(mistakes(file(models), "made-up")) == []


def test_parts_of_ids_are_written_as_they_are_compared() -> None:
    tables = [CATALOGUE.defaults.model_ids, *(one.models.ids for one in CATALOGUE.providers.values())]
    parts = [part for table in tables for some in table.values() for part in some]
    assert parts
    assert all(part and part == part.lower() for part in parts)


def test_choices_are_names_that_the_list_could_show() -> None:
    for provider in CATALOGUE.providers.values():
        for names in provider.models.choices.values():
            assert all(is_name(name) for name in names)
            assert all(
                not provider.models.strip_prefix or not n.startswith(provider.models.strip_prefix) for n in names
            )
            assert len(set(names)) == len(names)
