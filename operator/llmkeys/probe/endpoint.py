"""Where the requests of an LLMProvider go: its manifest and the catalogue's entry become URLs, headers, an audience."""

import re
from dataclasses import dataclass
from typing import Final

from llmkeys.api.provider import PAID, Network, ProviderSpec
from llmkeys.catalogue.model import Provider
from llmkeys.probe.url import BadEndpointError, BaseUrl, Origin, origin_of, resolve_base

_FIELD: Final = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An LLMProvider, resolved.

    Args:
        base: after the base-URL rule.
        chat, models, probe: whole URLs, empty where the type has none.
        query: of the probe; not secret.
        headers: of every request; not secret.
        audience: what a key is bound to: scheme, host and port, with the path on hosts that tenants share.
        origin: of the probe: what budget and circuit are kept by.
        network: how to get there.
        config: the settings in force, defaults included.
        may_probe: the request that proves a key costs nothing, or the platform team pays for it.

    """

    base: BaseUrl
    chat: str
    models: str
    probe: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    audience: str
    origin: Origin
    network: Network
    config: dict[str, str]
    may_probe: bool = True


def resolve_endpoint(spec: ProviderSpec, entry: Provider) -> Endpoint:
    """Resolve an LLMProvider.

    Raises:
        BadEndpointError: a URL cannot be used or a setting is missing; the text names the field and the remedy.

    """
    config = _config(spec, entry)
    base = resolve_base(_written_base(spec, entry, config), entry.version, (*entry.known_paths, *entry.trim))
    probe = _url(spec, entry, base, entry.probe.endpoint, _fill(entry.probe.path, config))
    if not entry.probe.endpoint and entry.probe.path == entry.models.path:
        probe = spec.endpoints.get("models", probe)
    models = spec.endpoints.get("models", "") or (
        _url(spec, entry, base, entry.models.endpoint, _fill(entry.models.path or entry.paths.models, config))
        if entry.models.path or entry.paths.models
        else ""
    )
    return Endpoint(
        base=base,
        chat=_chat(base, entry.paths.chat, config),
        models=models,
        probe=probe,
        query=tuple((name, _fill(value, config)) for name, value in sorted(entry.probe.query.items())),
        headers=_headers(spec, entry, config),
        audience=_audience(base, entry),
        origin=origin_of(probe),
        network=spec.network,
        config=config,
        may_probe=entry.probe.is_free or spec.validation.probe == PAID,
    )


def _config(spec: ProviderSpec, entry: Provider) -> dict[str, str]:
    known = {field.name for field in entry.config_fields}
    for name in spec.config:
        if name not in known:
            choice = ", ".join(sorted(known)) or "none"
            raise BadEndpointError(f"spec.config.{name} is no setting of type {entry.id} (it has: {choice}).")
    config: dict[str, str] = {}
    for field in entry.config_fields:
        value = spec.config.get(field.name, field.default)
        if not value:
            if field.required and not spec.base_url:
                raise BadEndpointError(f"Set spec.config.{field.name}, which type {entry.id} needs, or spec.baseURL.")
            continue
        if field.pattern and not re.fullmatch(field.pattern, value):
            raise BadEndpointError(f"spec.config.{field.name} must match {field.pattern}.")
        config[field.name] = value
    return config


def _written_base(spec: ProviderSpec, entry: Provider, config: dict[str, str]) -> str:
    if spec.base_url is not None:
        return spec.base_url
    if entry.base_url_required:
        raise BadEndpointError(f"Set spec.baseURL: type {entry.id} has no address of its own.")
    endpoint = entry.endpoint(spec.region or "")
    if endpoint is None:
        regions = ", ".join(one.region for one in entry.endpoints)
        raise BadEndpointError(f"Set spec.region to one of: {regions}.")
    # The catalogue's own bases are complete: the '/' says that no version is appended.
    return _fill(endpoint.url, config) + "/"


def _fill(template: str, config: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in config:
            raise BadEndpointError(f"Set spec.config.{name}, which the address needs, or spec.baseURL.")
        return config[name]

    return _FIELD.sub(value, template)


def _url(spec: ProviderSpec, entry: Provider, base: BaseUrl, endpoint: str, path: str) -> str:
    if not endpoint:
        return base.join(path)
    written = spec.endpoints.get(endpoint) or entry.other_endpoints[endpoint]
    origin_of(written)
    return f"{written.rstrip('/')}{path}"


def _chat(base: BaseUrl, path: str, config: dict[str, str]) -> str:
    """For information only: a path over a setting that nobody made (Azure's deployment) has no URL."""
    unset = [name for name in _FIELD.findall(path) if name not in config]
    return base.join(_fill(path, config)) if path and not unset else ""


def _headers(spec: ProviderSpec, entry: Provider, config: dict[str, str]) -> tuple[tuple[str, str], ...]:
    headers = {"Accept": "application/json", **entry.auth.headers}
    for name, field in entry.auth.optional_headers.items():
        if field in config:
            headers[name] = config[field]
    headers.update(spec.headers)
    return tuple(sorted(headers.items()))


def _audience(base: BaseUrl, entry: Provider) -> str:
    return base.base if base.origin.host in entry.shared_hosts else str(base.origin)
