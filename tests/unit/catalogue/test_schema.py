"""The schema that editors and reviewers use says the same as the loader."""

import datetime as dt
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator

from llmkeys.catalogue import calls, credential, model, part, rule

FOLDER = Path(str(files("llmkeys.catalogue")))
SCHEMA: dict[str, Any] = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))
PROVIDERS = sorted((FOLDER / "providers").glob("*.yaml"))


LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # many times faster, and as safe


def document(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506


def mistakes(value: Any, definition: str = "") -> list[str]:
    schema = {**SCHEMA["$defs"][definition], "$defs": SCHEMA["$defs"]} if definition else SCHEMA
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(value)]


def structs() -> Iterator[type[msgspec.Struct]]:
    for module in (part, rule, credential, calls, model):
        for one in vars(module).values():
            if isinstance(one, type) and issubclass(one, msgspec.Struct) and one.__module__ == module.__name__:
                yield one


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_every_file_of_the_catalogue_follows_the_schema() -> None:
    validator = Draft202012Validator(SCHEMA)
    wrong = {path.stem: [one.json_path for one in validator.iter_errors(document(path))] for path in PROVIDERS}
    assert {stem: places for stem, places in wrong.items() if places} == {}


def test_the_files_for_all_follow_the_schema() -> None:
    assert mistakes(document(FOLDER / "default_rules.yaml"), "DefaultsFile") == []
    assert mistakes(document(FOLDER / "redaction.yaml"), "Redaction") == []


@pytest.mark.parametrize(
    "struct",
    [one for one in structs() if one.__name__ not in ("Part", "Provider")],
    ids=lambda struct: struct.__name__,
)
def test_the_schema_knows_the_fields_that_the_loader_knows(struct: type[msgspec.Struct]) -> None:
    schema = SCHEMA if struct is model.ProviderFile else SCHEMA["$defs"][struct.__name__]
    fields = msgspec.structs.fields(struct)
    assert set(schema["properties"]) == {field.encode_name for field in fields}
    assert set(schema.get("required", ())) == {field.encode_name for field in fields if field.required}
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("kind",), "vender"),
        (("id",), "Open AI"),
        (("surprise",), 1),
        (("endpoints",), []),
        (("endpoints", 0, "url"), "https://api.openai.com/v1/"),
        (("endpoints", 0, "url"), "https://me@api.openai.com"),
        (("endpoints", 0, "url"), "https://api.openai.com/v1?key=1"),
        (("other_endpoints",), {"elsewhere": "https://a.example"}),
        (("probe", "path"), "models"),
        (("probe", "method"), "DELETE"),
        (("probe", "authenticated"), "perhaps"),
        (("probe", "timeout"), 600),
        (("auth", "scheme"), "basic"),
        (("secret_fields", 0, "env"), ["openai-key"]),
        (("secret_fields", 0, "wrong_type", 0, "prefix"), ""),
        (("errors", 0, "is"), "Wrong"),
        (("errors", 0, "ev"), "X"),
        (("errors", 0, "status"), 40),
        (("errors", 0, "contains"), []),
        (("errors", 0, "any_status"), True),
        (("errors", 0), {"is": "InvalidKey"}),
        (("errors", 0), {"is": "InvalidKey", "status": 401, "at": "code"}),
        (("errors", 0), {"is": "InvalidKey", "status": 401, "in": ["code"]}),
        (("rate_headers",), ["Retry-After"]),
        (("version",), "latest"),
        (("lifecycle",), {"state": "closed"}),
    ],
)
def test_the_schema_refuses_a_mistake(where: tuple[str | int, ...], value: Any) -> None:
    given = document(FOLDER / "providers" / "openai.yaml")
    place = given
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = value
    assert mistakes(given)


def test_no_two_rules_of_a_file_are_the_same() -> None:
    for path in PROVIDERS:
        rules = [json.dumps(one, sort_keys=True, default=dt.date.isoformat) for one in document(path).get("errors", ())]
        assert len(set(rules)) == len(rules), path.stem
