"""What a workload will find, told by names alone. They follow from the manifests, so they are known before any key."""

from collections.abc import Collection

from llmkeys.api.credential import DeliveredFile, Target
from llmkeys.api.models import FIELDS, ModelType
from llmkeys.catalogue.model import Provider
from llmkeys.delivery.render import (
    BASE_URL,
    DOCUMENT,
    DOTENV,
    DOTENV_FILE,
    ENV,
    FILES,
    JSON_FILE,
    check_data,
    variables_by_field,
)
from llmkeys.probe.endpoint import Endpoint


def names_of(
    target: Target,
    entry: Provider,
    endpoint: Endpoint,
    models: Collection[str] = (),
    fields: Collection[str] | None = (),
) -> tuple[str, ...]:
    """The variables; there are some in format Env only, since the others put everything into files.

    Args:
        target: format and renames.
        entry: of the catalogue.
        endpoint: where the key is good for.
        models: types of models that have a default.
        fields: secret fields that the credential names; they tell which kind of credential it is. None where it has no
            key at all.

    Raises:
        DataInvalidError: `target.data` names a field that the type does not have.

    """
    if target.format != ENV:
        return ()
    if target.data:
        check_data(target, entry, endpoint, models)
        return tuple(sorted(target.data))
    variables = variables_by_field(entry, endpoint, models)
    others = _of_other_kinds(entry, fields)
    return tuple(sorted(text for name, text in variables.items() if name not in others))


def optional_names_of(target: Target, entry: Provider, fields: Collection[str] | None = ()) -> tuple[str, ...]:
    """Those of the variables that may be missing: of fields without which a key is a key too; arguments as above."""
    if target.format != ENV or target.data:
        return ()
    others = _of_other_kinds(entry, fields)
    return tuple(
        sorted(one.env[0] for one in entry.all_secret_fields if one.optional and one.env and one.name not in others)
    )


def files_of(
    target: Target,
    entry: Provider,
    endpoint: Endpoint,
    models: Collection[str] = (),
    fields: Collection[str] | None = (),
) -> tuple[DeliveredFile, ...]:
    """The files, with the variable that holds a file's path where a type has one; arguments as for `names_of`.

    Raises:
        DataInvalidError: `target.data` names a field that the type does not have.

    """
    if target.format not in (ENV, FILES):
        return (DeliveredFile(DOTENV_FILE if target.format == DOTENV else JSON_FILE),)
    if target.data:
        check_data(target, entry, endpoint, models)
        return () if target.format == ENV else tuple(DeliveredFile(name) for name in sorted(target.data))
    others = _of_other_kinds(entry, fields)
    secrets = [one for one in entry.all_secret_fields if one.name not in others]
    documents = [DeliveredFile(one.name, one.path_env) for one in secrets if one.type == DOCUMENT]
    if target.format == ENV:
        return tuple(sorted(documents))
    plain = {one.name for one in secrets if one.type != DOCUMENT}
    plain |= {BASE_URL, *endpoint.config, *(FIELDS[ModelType(kind)] for kind in models)}
    return tuple(sorted([*documents, *(DeliveredFile(name) for name in plain)]))


def _of_other_kinds(entry: Provider, fields: Collection[str] | None) -> set[str]:
    """Fields of those kinds of credential of this type that the credential is not."""
    usual = {one.name for one in entry.secret_fields} if fields is not None else set()
    named = set(fields) if fields and set(fields) - usual else usual
    others = {one.name for one in entry.all_secret_fields} - named
    return others | {one.name for one in entry.all_config_fields} - {one.name for one in entry.config_fields}
