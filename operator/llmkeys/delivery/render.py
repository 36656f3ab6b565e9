"""From a key to the data of a Secret, in the format asked for. Renames only; no template has logic."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec

from llmkeys.api.credential import Target
from llmkeys.api.errors import UserError
from llmkeys.api.models import FIELDS, VARIABLES, ModelType
from llmkeys.catalogue.model import Provider
from llmkeys.probe.endpoint import Endpoint

ENV, JSON, DOTENV, FILES = "Env", "JSON", "Dotenv", "Files"
JSON_FILE: Final = "credentials.json"
DOTENV_FILE: Final = ".env"
DOCUMENT: Final = "json"
BASE_URL: Final = "baseURL"

REFERENCE: Final = re.compile(r"\$\(([A-Za-z][A-Za-z0-9_]*)\)")


class DataInvalidError(UserError):
    """`spec.target.data` cannot be rendered; the text names the entry."""


@dataclass(frozen=True, slots=True)
class Values:
    """What can be rendered: field name to text, in the order of the catalogue, and each field's variable."""

    texts: Mapping[str, str]
    variables: Mapping[str, str]


def check_data(target: Target, entry: Provider, endpoint: Endpoint, models: Collection[str] = ()) -> None:
    """Every value of `target.data` uses a field that there is.

    Raises:
        DataInvalidError: one does not.

    """
    known = set(variables_by_field(entry, endpoint, models))
    for name, template in target.data.items():
        for field in REFERENCE.findall(template):
            if field not in known:
                raise DataInvalidError(f"{name} uses $({field}); type {entry.id} has: {', '.join(sorted(known))}.")


def render(
    target: Target,
    entry: Provider,
    endpoint: Endpoint,
    fields: Mapping[str, str],
    models: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, bytes]:
    """The data of the Secret.

    Args:
        target: format and renames.
        entry: of the catalogue: names of fields and variables.
        endpoint: where the key is good for.
        fields: the secret fields, revealed.
        models: type to the default in force.

    Raises:
        DataInvalidError: `target.data` names a field that the type does not have.

    """
    values = _values(entry, endpoint, fields, models)
    named = _named(target, entry, endpoint, values, models)
    match target.format:
        case "JSON":
            return {JSON_FILE: msgspec.json.format(msgspec.json.encode(named), indent=2) + b"\n"}
        case "Dotenv":
            lines = (f"{name}={_quote(text)}\n" for name, text in sorted(named.items()))
            return {DOTENV_FILE: "".join(lines).encode()}
        case _:
            return {name: text.encode() for name, text in named.items()}


def _named(
    target: Target, entry: Provider, endpoint: Endpoint, values: Values, models: Collection[str]
) -> dict[str, str]:
    if target.data:
        check_data(target, entry, endpoint, models)
        return {name: substitute(template, values.texts) for name, template in target.data.items()}
    if target.format in (ENV, DOTENV):
        documents = {one.name for one in entry.all_secret_fields if one.type == DOCUMENT and target.format == ENV}
        named = {name: name for name in documents} | dict(values.variables)
        return {named[name]: text for name, text in values.texts.items() if name in named}
    return dict(values.texts)


def substitute(template: str, texts: Mapping[str, str]) -> str:
    """A value of `target.data` with its fields put in; what is in a field is never expanded."""
    return REFERENCE.sub(lambda match: texts.get(match.group(1), ""), template)


def _values(entry: Provider, endpoint: Endpoint, fields: Mapping[str, str], models: Mapping[str, str]) -> Values:
    texts = {one.name: fields[one.name] for one in entry.all_secret_fields if one.name in fields}
    texts[BASE_URL] = sdk_base(entry, endpoint)
    texts.update(endpoint.config)
    texts.update({FIELDS[ModelType(kind)]: name for kind, name in models.items()})
    return Values(texts, variables_by_field(entry, endpoint, models))


def variables_by_field(entry: Provider, endpoint: Endpoint, models: Collection[str] = ()) -> dict[str, str]:
    """The fields of a type that `target.data` may use, and the variable that each has by convention.

    Args:
        entry: of the catalogue.
        endpoint: where the key is good for; its settings are fields too.
        models: types of models that have a default.

    """
    variables = {one.name: one.env[0] for one in entry.all_secret_fields if one.env and one.type != DOCUMENT}
    if entry.env_base_url:
        variables[BASE_URL] = entry.env_base_url[0]
    variables.update(
        {one.name: one.env[0] for one in entry.all_config_fields if one.env and one.name in endpoint.config}
    )
    variables.update({FIELDS[ModelType(kind)]: VARIABLES[ModelType(kind)] for kind in models})
    return variables


def sdk_base(entry: Provider, endpoint: Endpoint) -> str:
    """The base URL as the SDKs of a type want it."""
    return endpoint.base.root if entry.sdk_base == "root" else endpoint.base.base


def _quote(text: str) -> str:
    """A double-quoted value as python-dotenv and docker compose read it; `$` is escaped so that nothing is expanded."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\n", "\\n")
    return f'"{escaped}"'
