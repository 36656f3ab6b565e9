"""The files in crds/: what can be seen in them without an API server."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from llmkeys.api.names import (
    CREDENTIAL_KIND,
    CREDENTIAL_PLURAL,
    GROUP,
    PROVIDER_KIND,
    PROVIDER_PLURAL,
    VERSION,
)
from tests.cluster.golden.cases import REFUSED, golden_cases

CRDS: Final = Path(__file__).resolve().parents[2] / "crds"
FILES: Final = {PROVIDER_KIND: "llmproviders.yaml", CREDENTIAL_KIND: "llmcredentials.yaml"}
PLURALS: Final = {PROVIDER_KIND: PROVIDER_PLURAL, CREDENTIAL_KIND: CREDENTIAL_PLURAL}
MAX_BYTES: Final = 60 * 1024

Node = tuple[str, dict[str, Any]]


def definition(kind: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CRDS / FILES[kind]).read_text(encoding="utf-8"))
    return loaded


def version(kind: str) -> dict[str, Any]:
    (only,) = definition(kind)["spec"]["versions"]
    return dict(only)


def schema(kind: str) -> dict[str, Any]:
    return dict(version(kind)["schema"]["openAPIV3Schema"])


def nodes(node: dict[str, Any], path: str = "") -> Iterator[Node]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in node:
        yield from nodes(node["items"], f"{path}[]")
    if "additionalProperties" in node:
        yield from nodes(node["additionalProperties"], f"{path}{{}}")


def spec_nodes(kind: str) -> Iterator[Node]:
    yield from nodes(schema(kind)["properties"]["spec"], ".spec")


both_kinds = pytest.mark.parametrize("kind", FILES)


def test_the_folder_holds_the_two_kinds_and_nothing_else() -> None:
    documents = [
        document for file in CRDS.iterdir() for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    ]

    assert sorted(file.name for file in CRDS.iterdir()) == sorted(FILES.values())
    assert sorted(document["spec"]["names"]["kind"] for document in documents) == sorted(FILES)
    assert {document["kind"] for document in documents} == {"CustomResourceDefinition"}


@both_kinds
def test_a_file_stays_small(kind: str) -> None:
    assert (CRDS / FILES[kind]).stat().st_size <= MAX_BYTES


@both_kinds
def test_the_names_are_those_that_the_code_uses(kind: str) -> None:
    spec = definition(kind)["spec"]

    assert (spec["group"], spec["names"]["plural"], version(kind)["name"]) == (GROUP, PLURALS[kind], VERSION)
    assert definition(kind)["metadata"]["name"] == f"{PLURALS[kind]}.{GROUP}"
    assert spec["names"]["categories"] == ["llm"]


def test_a_provider_belongs_to_the_cluster_and_a_credential_to_a_namespace() -> None:
    assert definition(PROVIDER_KIND)["spec"]["scope"] == "Cluster"
    assert definition(CREDENTIAL_KIND)["spec"]["scope"] == "Namespaced"


@both_kinds
def test_status_is_a_subresource_that_begins_unobserved(kind: str) -> None:
    assert version(kind)["subresources"] == {"status": {}}
    assert schema(kind)["properties"]["status"]["default"] == {"observedGeneration": -1}


@both_kinds
def test_no_field_of_spec_has_a_default(kind: str) -> None:
    assert [path for path, node in spec_nodes(kind) if "default" in node] == []


@both_kinds
def test_every_field_is_described(kind: str) -> None:
    # The API server allows none on metadata; the values of a map are described with the map.
    undescribed = [
        path
        for path, node in nodes(schema(kind))
        if path != ".metadata" and not path.endswith("{}") and not node.get("description", "").strip().endswith(".")
    ]

    assert undescribed == []


@both_kinds
def test_every_field_has_a_type_and_none_admits_anything(kind: str) -> None:
    for path, node in nodes(schema(kind)):
        assert "type" in node, path
        assert "x-kubernetes-preserve-unknown-fields" not in node, path
        if node["type"] == "object" and path != ".metadata":
            assert ("properties" in node) != ("additionalProperties" in node), path


@both_kinds
def test_everything_in_spec_that_can_grow_has_a_limit(kind: str) -> None:
    limits = {"string": "maxLength", "array": "maxItems", "integer": "maximum"}
    for path, node in spec_nodes(kind):
        if "enum" in node:
            continue
        limit = "maxProperties" if "additionalProperties" in node else limits.get(node["type"])
        assert limit is None or limit in node, path


@both_kinds
def test_every_list_says_how_it_is_merged(kind: str) -> None:
    lists = {path: node["x-kubernetes-list-type"] for path, node in nodes(schema(kind)) if node["type"] == "array"}

    assert lists.pop(".status.conditions") == "map"
    assert set(lists.values()) == {"atomic"}


@both_kinds
def test_every_rule_has_a_message_and_a_case_that_must_be_refused_with_it(kind: str) -> None:
    rules = [rule for _, node in nodes(schema(kind)) for rule in node.get("x-kubernetes-validations", [])]
    expected = {case.message for case in golden_cases(REFUSED).values() if case.kind == kind}

    untested = [rule["rule"] for rule in rules if not any(message in rule["message"] for message in expected)]

    assert rules
    assert untested == []


@both_kinds
def test_every_message_is_one_that_no_other_rule_gives(kind: str) -> None:
    """Else a case could pass because another field was refused."""
    rules = [
        (path, rule["message"])
        for path, node in nodes(schema(kind))
        for rule in node.get("x-kubernetes-validations", [])
    ]

    same = [
        (one[0], other[0]) for one, other in pairwise(sorted(rules, key=lambda rule: rule[1])) if one[1] == other[1]
    ]

    assert same == []


def test_no_field_can_hold_a_key_in_clear() -> None:
    fields = {path.rpartition(".")[2].lower() for path, _ in spec_nodes(CREDENTIAL_KIND)}

    assert fields & {"apikey", "key", "value", "token", "secret", "password", "stringdata"} == set()


def test_the_columns_of_a_credential_answer_at_a_glance() -> None:
    columns = version(CREDENTIAL_KIND)["additionalPrinterColumns"]

    assert [column["name"] for column in columns if not column.get("priority")] == (
        ["Provider", "Ready", "Reason", "Key", "Secret", "Validated", "Age"]
    )
    assert [column["name"] for column in columns if column.get("priority")] == ["Active", "InvalidKey", "RateLimited"]


def test_the_columns_of_a_provider_answer_at_a_glance() -> None:
    columns = version(PROVIDER_KIND)["additionalPrinterColumns"]

    assert [column["name"] for column in columns if not column.get("priority")] == (
        ["Type", "Ready", "Reason", "Credentials", "Active", "Age"]
    )
    assert [column["name"] for column in columns if column.get("priority")] == ["URL"]


@both_kinds
def test_conditions_have_the_standard_shape(kind: str) -> None:
    """https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#Condition."""
    condition = schema(kind)["properties"]["status"]["properties"]["conditions"]

    assert condition["x-kubernetes-list-map-keys"] == ["type"]
    assert set(condition["items"]["properties"]) == (
        {"type", "status", "reason", "message", "lastTransitionTime", "observedGeneration"}
    )
    assert set(condition["items"]["required"]) == set(condition["items"]["properties"]) - {"observedGeneration"}
