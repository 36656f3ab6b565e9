"""Manifests with keys in clear."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import inspect

from llmkeys.api.credential import CredentialSpec
from llmkeys.api.provider import ProviderSpec
from llmkeys.bootstrap.faults import TemplateFaultsError
from llmkeys.bootstrap.read import read_sealed, read_template
from llmkeys.bootstrap.template import Template, TemplateInvalidError
from llmkeys.bootstrap.variables import Variables
from llmkeys.catalogue.loader import load

CATALOGUE = load()
CRDS = Path(__file__).parents[3] / "crds"
PROVIDER = "apiVersion: llmkeys.dev/v1alpha1\nkind: LLMProvider\nmetadata: {name: openai}\nspec: {type: openai}\n"


def credential(keys: str, more: str = "") -> str:
    return (
        "apiVersion: llmkeys.dev/v1alpha1\nkind: LLMCredential\nmetadata: {name: chat, namespace: team-a}\n"
        f"spec:\n  providerRef: {{name: openai}}\n  keys: {keys}\n{more}"
    )


def read(text: str, **variables: str) -> Template:
    return read_template(text.encode(), Variables(variables), CATALOGUE)


def refused(text: str) -> str:
    with pytest.raises(TemplateInvalidError) as caught:
        read(text)
    return str(caught.value)


def test_documents_lists_and_lists_of_kubernetes_are_all_read() -> None:
    second = credential("[{name: a, value: k1}]")
    as_list = "".join("- " + text.strip().replace("\n", "\n  ") + "\n" for text in (PROVIDER, second))
    for text in (f"{PROVIDER}---\n{second}", as_list, "apiVersion: v1\nkind: List\nitems:\n" + as_list):
        found = read(text)
        assert [one.name for one in found.providers] == ["openai"]
        assert [(one.namespace, one.name) for one in found.credentials] == [("team-a", "chat")]


def test_a_key_is_a_text_fields_sealed_or_a_reference() -> None:
    text = credential(
        "[{name: a, value: '${K}'}, {name: b, value: {accessKeyId: i, secretAccessKey: 0123}},"
        " {name: c, sealed: {apiKey: llmkeys1.x.y}}, {name: d, sealed: {apiKey: sk-clear}},"
        " {name: e, secretRef: {name: raw, fields: {apiKey: K}}}]"
    )
    (one,) = read(text, K="a'b\"`\\\n$").credentials
    assert [{name: value.reveal() for name, value in key.clear.items()} for key in one.keys] == [
        {"": "a'b\"`\\\n$"},
        {"accessKeyId": "i", "secretAccessKey": "0123"},
        {},
        {"apiKey": "sk-clear"},
        {},
    ]
    assert one.keys[2].sealed == {"apiKey": "llmkeys1.x.y"}
    assert one.keys[4].source == {"name": "raw", "fields": {"apiKey": "K"}}
    assert one.spec == {"providerRef": {"name": "openai"}}


def test_a_key_without_a_value_is_left_and_so_is_a_credential_without_keys() -> None:
    (one,) = read(credential("[{name: a, value: k1}, {name: b, value: '${NO:-}'}]")).credentials
    assert [key.name for key in one.keys] == ["a"]
    found = read(credential("[{name: a, value: <your key>}]"))
    assert found.credentials == ()
    assert [one.what for one in found.left] == ["LLMCredential chat, key a", "LLMCredential chat"]


def test_labels_stay_and_what_kubectl_adds_goes() -> None:
    text = (
        "apiVersion: llmkeys.dev/v1alpha1\nkind: LLMProvider\nmetadata:\n  name: x\n  uid: u\n  labels: {a: 1}\n"
        "  annotations: {b: c, kubectl.kubernetes.io/last-applied-configuration: '{}'}\n  finalizers: [f]\n"
        "spec: {type: openai}\nstatus: {}\n"
    )
    found = read(text)
    (one,) = found.providers
    assert (one.labels, one.annotations) == ({"a": "1"}, {"b": "c"})
    assert [one.what for one in found.left] == ["metadata.finalizers"]


def test_numbers_and_truth_values_may_come_from_variables() -> None:
    text = PROVIDER.replace(
        "{type: openai}", "{type: openai, enabled: '${E}', validation: {requestsPerSecond: '${N}'}}"
    )
    (one,) = read(text, E="false", N="5").providers
    assert one.spec == {"type": "openai", "enabled": False, "validation": {"requestsPerSecond": 5}}


def test_other_kinds_are_left() -> None:
    found = read(f"{PROVIDER}---\napiVersion: v1\nkind: Secret\ndata: {{a: b}}\n")
    assert [(one.place.line, one.what) for one in found.left] == [(6, "Secret")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PROVIDER.replace("type:", "tpye:"), "line 4, column 8: spec has no such field. The nearest is type."),
        (PROVIDER.replace("{type: openai}", "{enabled: true}"), "line 4, column 7: spec needs the field type."),
        (
            PROVIDER.replace("type: openai", "type: [openai]"),
            "line 4, column 14: spec.type must be one text, not a list.",
        ),
        (PROVIDER.replace("type: openai", "type: a, enabled: 3"), "spec.enabled must be true or false."),
        (
            PROVIDER.replace("type: openai", "type: a, validation: {maxConcurrent: many}"),
            "spec.validation.maxConcurrent must be a whole number.",
        ),
        (
            PROVIDER.replace("type: openai", "type: a, models: {defaults: {chat: x}}"),
            "a name in spec.models.defaults must be one of: llm, embedding",
        ),
        (
            PROVIDER.replace("v1alpha1", "v1"),
            "line 1, column 1: apiVersion of an LLMProvider must be llmkeys.dev/v1alpha1.",
        ),
        (PROVIDER.replace("name: openai", "nmae: openai"), "an LLMProvider needs metadata.name."),
        (PROVIDER.replace("spec:", "spce:"), "an LLMProvider has no such field. The nearest is spec."),
        (credential("[{name: a, value: x1, sealed: {}}]"), "a key needs exactly one of: value, sealed, secretRef."),
        (credential("[{name: a, vlaue: x1}]"), "a key has no such field. The nearest is value."),
        (credential("[{value: x1}]"), "a key needs a name"),
        (credential("{a: x1}"), "spec.keys must be a list"),
        (credential("[{name: a, value: [x1]}]"), "value must hold names with values (name: value), not a list."),
        (credential("[{name: a, secretRef: {}}]"), "secretRef needs the field name."),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, message: str) -> None:
    assert message in refused(text)


def test_everything_that_is_wrong_is_told_at_once_by_line() -> None:
    text = credential("[{name: a, value: '${A}'}]") + "---\n" + PROVIDER.replace("type", "typo")
    with pytest.raises(TemplateFaultsError) as caught:
        read(text)
    lines = str(caught.value).splitlines()
    assert [line.split(",")[0] for line in lines] == ["line 6", "line 11"]
    assert caught.value.place.line == 6


def test_a_sealed_document_is_literal_and_holds_no_clear_key() -> None:
    text = credential("[{name: a, sealed: {apiKey: llmkeys1.x.y}}]", "  target: {data: {A: '$(apiKey) ${B} $$'}}\n")
    (one,) = read_sealed(text.encode(), CATALOGUE).credentials
    assert one.spec["target"] == {"data": {"A": "$(apiKey) ${B} $$"}}
    with pytest.raises(TemplateInvalidError, match="key a stands here in clear"):
        read_sealed(credential("[{name: a, value: canary}]").encode(), CATALOGUE)
    with pytest.raises(TemplateInvalidError, match="no manifests with sealed keys"):
        read_sealed(b"user_default_llm: {factory: a}", CATALOGUE)


@pytest.mark.parametrize(("crd", "spec"), [("llmproviders", ProviderSpec), ("llmcredentials", CredentialSpec)])
def test_the_fields_that_are_known_are_those_of_the_schema(crd: str, spec: type) -> None:
    schema = yaml.safe_load((CRDS / f"{crd}.yaml").read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert sorted(in_struct(inspect.type_info(spec))) == sorted(in_schema(schema["properties"]["spec"]))


def in_schema(schema: dict[str, Any], path: str = "") -> list[str]:
    inner = schema.get("items", schema)
    found = []
    for name, value in inner.get("properties", {}).items():
        found += [f"{path}.{name}", *in_schema(value, f"{path}.{name}")]
    return [one for one in found if not one.startswith(".endpoints.")]


def in_struct(kind: inspect.Type, path: str = "") -> list[str]:
    if isinstance(kind, inspect.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    if isinstance(kind, inspect.VarTupleType):
        kind = kind.item_type
    found = []
    for one in kind.fields if isinstance(kind, inspect.StructType) else ():
        found += [f"{path}.{one.encode_name}", *in_struct(one.type, f"{path}.{one.encode_name}")]
    return found
