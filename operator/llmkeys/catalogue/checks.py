"""What must hold in a provider's file beyond the types of its fields."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from llmkeys.catalogue.credential import REFRESH, Auth, ConfigField, SecretField
from llmkeys.catalogue.model import ProviderFile
from llmkeys.catalogue.rule import Rule

Mistake = tuple[str, str]
"""The field, and what is wrong with it."""

_TEMPLATE: Final = re.compile(r"\{([^{}]*)\}")
_PLAIN_PATH: Final = re.compile(r"/[^?#{}\s]*")
_BY_FIELD: Final = frozenset({"bearer", "header", "query", "jwt_hs256", "gcp_service_account", "oauth_creds_json"})
_DOCUMENTS: Final = frozenset({"gcp_service_account", "oauth_creds_json"})
# Schemes that know their secret fields by name.
_SIGNED_WITH: Final = {"aws_sigv4": ("accessKeyId", "secretAccessKey"), "tc3_hmac_sha256": ("secretId", "secretKey")}
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
    yield from _balance(file)
    yield from _templates(file)
    yield from _templates_elsewhere(file)
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
        "models.per_model_path": file.models.per_model_path,
    }
    for field, path in named.items():
        if path and (not path.startswith(("/", ":")) or "?" in path or "#" in path):
            yield field, "must begin with a slash and hold no query"
    endpoints = {
        "probe.endpoint": file.probe.endpoint,
        "models.endpoint": file.models.endpoint,
        "models.per_model_endpoint": file.models.per_model_endpoint,
    }
    if file.auth.exchange:
        endpoints["auth.exchange.endpoint"] = file.auth.exchange.endpoint
    for place, other in enumerate(file.alternatives):
        if other.auth.exchange:
            endpoints[f"alternatives[{place}].auth.exchange.endpoint"] = other.auth.exchange.endpoint
        if other.probe:
            endpoints[f"alternatives[{place}].probe.endpoint"] = other.probe.endpoint
    if file.auth.file and file.auth.file.renewal:
        endpoints["auth.file.renewal.endpoint"] = file.auth.file.renewal.endpoint
    for field, name in endpoints.items():
        if name and name not in file.other_endpoints:
            yield field, "is no name of other_endpoints"


def _balance(file: ProviderFile) -> Iterator[Mistake]:
    if file.balance is None:
        return
    if not _PLAIN_PATH.fullmatch(file.balance.path):
        yield "balance.path", "must begin with a slash and hold neither query nor template"
    if file.balance.endpoint and file.balance.endpoint not in file.other_endpoints:
        yield "balance.endpoint", "is no name of other_endpoints"
    if not file.balance.amounts:
        yield "balance.amounts", "there must be one"
    regions = {one.region for one in file.endpoints}
    named = {"balance.regions": file.balance.regions}
    for place, amount in enumerate(file.balance.amounts):
        if isinstance(amount.unit, dict):
            named[f"balance.amounts[{place}].unit"] = tuple(amount.unit)
    for field, names in named.items():
        for name in names:
            if name not in regions:
                yield field, f"{name} is no region of endpoints"


def _auth(file: ProviderFile) -> Iterator[Mistake]:
    names = [
        one.name for one in (*file.secret_fields, *(f for other in file.alternatives for f in other.secret_fields))
    ]
    if len(set(names)) != len(names):
        yield "secret_fields", "a field is named twice"
    yield from _shown("auth", file.auth, file.secret_fields, file.config_fields)
    for place, other in enumerate(file.alternatives):
        settings = (*file.config_fields, *other.config_fields)
        yield from _shown(f"alternatives[{place}].auth", other.auth, other.secret_fields, settings)


def _shown(
    at: str, auth: Auth, secret_fields: tuple[SecretField, ...], config_fields: tuple[ConfigField, ...]
) -> Iterator[Mistake]:
    secrets = {one.name for one in secret_fields}
    config = {one.name for one in config_fields}
    if auth.scheme in _BY_FIELD and not auth.parameters and auth.field not in secrets:
        yield f"{at}.field", "is no name of secret_fields"
    for name in (*auth.fields, *auth.parameters.values(), *_SIGNED_WITH.get(auth.scheme, ())):
        if name not in secrets:
            yield f"{at}.scheme", f"{auth.scheme} needs the secret field {name}"
    yield from _belongs(at, auth)
    for name, field in auth.optional_headers.items():
        if field not in config:
            yield f"{at}.optional_headers.{name}", "is no name of config_fields"
    if auth.region_field and auth.region_field not in config:
        yield f"{at}.region_field", "is no name of config_fields"
    yield from _renewed(at, auth, config)


def _renewed(at: str, auth: Auth, config: set[str]) -> Iterator[Mistake]:
    renewal = auth.file.renewal if auth.file else None
    if renewal is None:
        return
    if REFRESH not in config:
        yield f"{at}.file.renewal", f"is switched on by the config field {REFRESH}, which is not there"
    if renewal.client_secret and renewal.client_secret not in config:
        yield f"{at}.file.renewal.client_secret", "is no name of config_fields"


def _belongs(at: str, auth: Auth) -> Iterator[Mistake]:
    """Every parameter belongs to its scheme."""
    for field, schemes, given in (
        ("header", ("header",), auth.header),
        ("query", ("query",), auth.query or auth.parameters),
        ("fields", ("bearer_pair",), auth.fields),
        ("exchange", ("oauth_client_credentials",), auth.exchange),
        ("file", tuple(_DOCUMENTS), auth.file),
        ("audience", ("gcp_service_account",), auth.audience),
        ("service", tuple(_SIGNED_WITH), auth.service),
    ):
        if (auth.scheme in schemes) != bool(given):
            yield f"{at}.{field}", f"belongs to {' and '.join(sorted(schemes))}, and to no other scheme"


def _templates(file: ProviderFile) -> Iterator[Mistake]:
    """No host or path is made of a secret, and what a host is made of is held to a pattern."""
    patterned = {one.name for one in file.config_fields if one.pattern}
    urls = {f"endpoints[{place}].url": one.url for place, one in enumerate(file.endpoints)}
    urls |= {"auth.exchange.path": file.auth.exchange.path} if file.auth.exchange else {}
    urls |= {"probe.path": file.probe.path, "models.path": file.models.path, "paths.chat": file.paths.chat}
    for field, text in urls.items():
        for name in _TEMPLATE.findall(text):
            if name not in patterned:
                yield field, f"{{{name}}} is no config field with a pattern"
    yield from _query_templates(file)


def _query_templates(file: ProviderFile) -> Iterator[Mistake]:
    config = {one.name for one in file.config_fields}
    for part, query in (("probe", file.probe.query), ("models", file.models.query)):
        for key, text in query.items():
            for name in _TEMPLATE.findall(text):
                if name not in config:
                    yield f"{part}.query.{key}", f"{{{name}}} is no config field"
    for name in _TEMPLATE.findall(file.models.per_model_path):
        if name not in ("owner", "name", "id"):
            yield "models.per_model_path", f"{{{name}}} is neither owner, name nor id"


def _templates_elsewhere(file: ProviderFile) -> Iterator[Mistake]:
    for place, other in enumerate(file.alternatives):
        patterned = {one.name for one in (*file.config_fields, *other.config_fields) if one.pattern}
        path = other.auth.exchange.path if other.auth.exchange else ""
        for name in _TEMPLATE.findall(path + (other.probe.path if other.probe else "")):
            if name not in patterned:
                yield f"alternatives[{place}]", f"{{{name}}} is no config field with a pattern"
    for name, url in file.other_endpoints.items():
        if _TEMPLATE.search(url):
            yield f"other_endpoints.{name}", "holds a template; only endpoints may"


def _patterns(file: ProviderFile) -> Iterator[Mistake]:
    named = {f"secret_fields[{place}].pattern": one.pattern for place, one in enumerate(file.secret_fields)}
    named |= {f"config_fields[{place}].pattern": one.pattern for place, one in enumerate(file.config_fields)}
    for field, pattern in named.items():
        try:
            re.compile(pattern)
        except re.error:
            yield field, "is no regular expression"
