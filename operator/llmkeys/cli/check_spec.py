"""The options of `llmkeys check` as an LLMProvider would have them."""

import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from llmkeys.api.durations import seconds
from llmkeys.api.errors import UserError
from llmkeys.api.models import FIELDS, ModelsSpec, ModelType
from llmkeys.api.provider import FREE, PAID, Network, ProviderSpec, ProviderValidation
from llmkeys.catalogue.model import Provider

_SHORTEST_INTERVAL: Final = 600.0


def duration(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    """A duration as it was given, for click's callback.

    Raises:
        BadParameter: it is none.

    """
    if given is not None:
        try:
            seconds(given)
        except UserError as error:
            raise click.BadParameter(f"{error}.") from None
    return given


def spec_of(
    entry: Provider,
    *,
    base_url: str | None,
    region: str | None,
    endpoints: Iterable[str],
    settings: Iterable[str],
    ca: Path | None,
    proxy: str | None,
    allow_private_addresses: bool,
    defaults: Iterable[str],
    paid: bool,
    interval: str,
    timeout: str | None,
    **_sources: object,
) -> ProviderSpec:
    """The manifest that the options stand for.

    Raises:
        UsageError: an option has no such value.

    """
    validation = ProviderValidation(interval=interval, timeout=timeout, probe=PAID if paid else FREE)
    if validation.interval_seconds < _SHORTEST_INTERVAL:
        raise click.UsageError("--interval must be at least 10m.")
    if validation.timeout_seconds(None) <= 0:
        raise click.UsageError("--timeout must be more than nothing.")
    return ProviderSpec(
        type=entry.id,
        base_url=base_url,
        region=region,
        endpoints=dict(_pair(one, "--endpoint NAME=URL") for one in endpoints),
        config=dict(_pair(one, "--config NAME=VALUE") for one in settings),
        network=Network(_authorities(ca) if ca else None, proxy, allow_private_addresses),
        validation=validation,
        models=ModelsSpec(defaults=dict(map(_default, defaults))),
    )


def _pair(text: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"Write {form}.")
    return name, value


def _default(text: str) -> tuple[ModelType, str]:
    kind, _, model = text.partition("=")
    if kind not in FIELDS or not model:
        raise click.UsageError(f"Write --default TYPE=MODEL, where TYPE is one of: {', '.join(FIELDS)}.")
    return ModelType(kind), model


def _authorities(file: Path) -> str:
    text = file.read_text("ascii", "replace")
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        raise click.UsageError(f"--ca: {file} holds no certificates in PEM.") from None
    return text
