"""What must hold in a provider's file beyond the types of its fields."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from llmkeys.catalogue.model import ProviderFile
from llmkeys.catalogue.rule import Rule

Mistake = tuple[str, str]
"""The field, and what is wrong with it."""

_TEMPLATE: Final = re.compile(r"\{([^{}]*)\}")
_LOCAL: Final = frozenset({"localhost", "127.0.0.1"})


def mistakes(file: ProviderFile, stem: str) -> Iterator[Mistake]:
    """Everything that is wrong with a provider's file.

    Args:
        file: as decoded.
        stem: the file's name without its ending.

    """
    if file.id != stem:
        yield "id", f"must be {stem}, as the file is called"
    yield from _regions(file)
    yield from _urls(file)
    yield from _paths(file)
    yield from _auth(file)
    yield from _templates(file)
    yield from _patterns(file)
    yield from mistakes_of_rules(file.errors, defaults=False)


def mistakes_of_rules(rules: tuple[Rule, ...], *, defaults: bool) -> Iterator[Mistake]:
    """Everything that is wrong with a list of rules."""
    for place, rule in enumerate(rules):
        if rule.mistake:
            yield f"errors[{place}]", rule.mistake
        if not defaults and rule.phase != "last":
            yield f"errors[{place}].phase", "only default rules have a phase"
        if rule.header != rule.header.lower():
            yield f"errors[{place}].header", "header names are written in lower case"


def _regions(file: ProviderFile) -> Iterator[Mistake]:
    regions = [one.region for one in file.endpoints]
    if len(set(regions)) != len(regions):
        yield "endpoints", "a region is named twice"
    if file.default_region and file.default_region not in regions:
        yield "default_region", "is no region of endpoints"
    if not regions and not file.base_url_required:
        yield "endpoints", "there must be one, or base_url_required"


def _urls(file: ProviderFile) -> Iterator[Mistake]:
    named = [(f"endpoints[{place}].url", one.url) for place, one in enumerate(file.endpoints)]
    named += [(f"other_endpoints.{name}", url) for name, url in file.other_endpoints.items()]
    named += [(f"surfaces[{place}].url", one.url) for place, one in enumerate(file.surfaces)]
    for field, url in named:
        parts = urlsplit(url)
        local = file.kind == "self-hosted" or parts.hostname in _LOCAL
        if parts.scheme not in ("https", "wss") and not (local and parts.scheme in ("http", "ws")):
            yield field, "must be https"
        if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment or url.endswith("/"):
            yield field, "must be scheme, host and path, without a slash at the end"


def _paths(file: ProviderFile) -> Iterator[Mistake]:
    named = {
        "paths.chat": file.paths.chat,
        "paths.models": file.paths.models,
        "paths.embeddings": file.paths.embeddings,
        "probe.path": file.probe.path,
        "models.path": file.models.path,
    }
    for field, path in named.items():
        if path and (not path.startswith(("/", ":")) or "?" in path or "#" in path):
            yield field, "must begin with a slash and hold no query"
    endpoints = {"probe.endpoint": file.probe.endpoint, "models.endpoint": file.models.endpoint}
    if file.balance:
        endpoints["balance.endpoint"] = file.balance.endpoint
    if file.auth.exchange:
        endpoints["auth.exchange.endpoint"] = file.auth.exchange.endpoint
    for field, name in endpoints.items():
        if name and name not in file.other_endpoints:
            yield field, "is no name of other_endpoints"


def _auth(file: ProviderFile) -> Iterator[Mistake]:
    auth = file.auth
    secrets = {one.name for one in file.secret_fields}
    if len(secrets) != len(file.secret_fields):
        yield "secret_fields", "a field is named twice"
    if auth.scheme in ("bearer", "header", "query") and auth.field not in secrets:
        yield "auth.field", "is no name of secret_fields"
    if (auth.scheme == "header") != bool(auth.header):
        yield "auth.header", "belongs to the scheme header, and to no other"
    if (auth.scheme == "query") != bool(auth.query):
        yield "auth.query", "belongs to the scheme query, and to no other"
    config = {one.name for one in file.config_fields}
    for name, field in auth.optional_headers.items():
        if field not in config:
            yield f"auth.optional_headers.{name}", "is no name of config_fields"


def _templates(file: ProviderFile) -> Iterator[Mistake]:
    """No host or path is made of a secret, and what a host is made of is held to a pattern."""
    patterned = {one.name for one in file.config_fields if one.pattern}
    urls = {f"endpoints[{place}].url": one.url for place, one in enumerate(file.endpoints)}
    urls |= {f"other_endpoints.{name}": url for name, url in file.other_endpoints.items()}
    urls |= {"probe.path": file.probe.path, "models.path": file.models.path, "paths.chat": file.paths.chat}
    for field, text in urls.items():
        for name in _TEMPLATE.findall(text):
            if name not in patterned:
                yield field, f"{{{name}}} is no config field with a pattern"
    config = {one.name for one in file.config_fields}
    for key, text in file.probe.query.items():
        for name in _TEMPLATE.findall(text):
            if name not in config:
                yield f"probe.query.{key}", f"{{{name}}} is no config field"


def _patterns(file: ProviderFile) -> Iterator[Mistake]:
    named = {f"secret_fields[{place}].pattern": one.pattern for place, one in enumerate(file.secret_fields)}
    named |= {f"config_fields[{place}].pattern": one.pattern for place, one in enumerate(file.config_fields)}
    for field, pattern in named.items():
        try:
            re.compile(pattern)
        except re.error:
            yield field, "is no regular expression"
