"""What a workload will find is told by names, before any key is known."""

import msgspec
import pytest

from llmkeys.api.credential import DeliveredFile, Target
from llmkeys.api.provider import ProviderSpec
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import Provider
from llmkeys.delivery.names import files_of, names_of, optional_names_of
from llmkeys.delivery.render import DataInvalidError, render
from llmkeys.probe.endpoint import Endpoint, resolve_endpoint

CATALOGUE = load()
VERTEX = {"type": "google-vertex", "config": {"project": "acme-1", "location": "europe-west1"}}


def resolved(**spec: object) -> tuple[Provider, Endpoint]:
    entry = CATALOGUE.find(str(spec["type"]))
    return entry, resolve_endpoint(msgspec.convert(spec, ProviderSpec), entry)


@pytest.mark.parametrize("form", ["Env", "JSON", "Dotenv", "Files"])
@pytest.mark.parametrize(
    ("spec", "fields"), [({"type": "openai"}, {"apiKey": "sk-1"}), (VERTEX, {"serviceAccountJson": "{}"})]
)
def test_names_and_files_together_are_what_the_secret_holds(
    form: str, spec: dict[str, object], fields: dict[str, str]
) -> None:
    entry, endpoint = resolved(**spec)
    target = Target(format=form)

    found = set(names_of(target, entry, endpoint)) | {one.name for one in files_of(target, entry, endpoint)}

    assert found == set(render(target, entry, endpoint, fields))


@pytest.mark.parametrize("form", ["Env", "Files"])
def test_renames_are_variables_or_files_as_the_format_says(form: str) -> None:
    entry, endpoint = resolved(type="openai")
    target = Target(format=form, data={"MINE": "$(apiKey)"})

    names, files = names_of(target, entry, endpoint), files_of(target, entry, endpoint)

    assert (names, files) == ((("MINE",), ()) if form == "Env" else ((), (DeliveredFile("MINE"),)))


def test_a_document_is_a_file_whose_path_the_usual_variable_holds() -> None:
    assert files_of(Target(), *resolved(**VERTEX)) == (
        DeliveredFile("serviceAccountJson", "GOOGLE_APPLICATION_CREDENTIALS"),
    )


def test_without_any_key_no_variable_of_a_key_is_promised() -> None:
    entry, endpoint = resolved(type="ollama", baseURL="http://ollama.example:11434")

    assert names_of(Target(), entry, endpoint, fields=None) == tuple(sorted(render(Target(), entry, endpoint, {})))


def test_a_rename_of_a_field_that_there_is_not_is_an_error() -> None:
    target = Target(format="Files", data={"MINE": "$(other)"})

    with pytest.raises(DataInvalidError):
        files_of(target, *resolved(type="openai"))


def test_a_variable_that_a_key_may_lack_is_told_to_be_optional() -> None:
    entry, endpoint = resolved(type="aws-bedrock", config={"region": "us-east-1"})

    optional = optional_names_of(Target(), entry)

    assert optional == ("AWS_SESSION_TOKEN",)
    assert set(optional) < set(names_of(Target(), entry, endpoint))


@pytest.mark.parametrize("target", [Target(format="JSON"), Target(data={"AWS_SESSION_TOKEN": "$(sessionToken)"})])
def test_what_is_renamed_or_in_a_file_is_always_there(target: Target) -> None:
    assert optional_names_of(target, CATALOGUE.find("aws-bedrock")) == ()
