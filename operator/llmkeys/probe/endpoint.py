"""Where the requests of an LLMProvider go: its manifest and the catalogue's entry become URLs, headers, an audience."""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from llmkeys.api.provider import AUTO, PAID, Network, ProviderSpec
from llmkeys.catalogue.credential import REFRESH
from llmkeys.catalogue.model import Provider
from llmkeys.probe.url import BadEndpointError, BaseUrl, Origin, origin_of, other_form, resolve_base

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
        other: what to write as `spec.baseURL` for the same with the version, or without it; empty where that is fixed.
        other_probe: the probe there.
        token: where this credential is exchanged for a token; empty if it is sent as it is.
        renewal: where access tokens in files are renewed; empty unless that is switched on.
        elsewhere: the hosts besides the base that some credential of the type is sent to, as URLs.
        alternatives: the same for each other kind of credential, in the catalogue's order; a sentence where it cannot
            be used as things are.

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
    other: str = ""
    other_probe: str = ""
    token: str = ""
    renewal: str = ""
    elsewhere: tuple[str, ...] = ()
    alternatives: tuple["Endpoint | str", ...] = ()

    @property
    def called(self) -> tuple[Origin, ...]:
        """What is called to prove this kind of credential, in that order."""
        return (origin_of(self.token), self.origin) if self.token else (self.origin,)

    @property
    def origins(self) -> frozenset[Origin]:
        """What is called to prove any kind of credential, and to renew one."""
        others = (one.called for one in self.alternatives if isinstance(one, Endpoint))
        renewing = (origin_of(self.renewal),) if self.renewal else ()
        return frozenset((*self.called, *renewing, *(origin for called in others for origin in called)))


def resolve_endpoint(spec: ProviderSpec, entry: Provider) -> Endpoint:
    """Resolve an LLMProvider.

    Raises:
        BadEndpointError: a URL cannot be used or a setting is missing; the text names the field and the remedy.

    """
    config = _config(spec, entry)
    base = resolve_base(_written_base(spec, entry, config), entry.version, (*entry.known_paths, *entry.trim))
    probe = _url(spec, entry, base, entry.probe.endpoint, _fill(entry.probe.path, config))
    other, other_probe = _other_form(spec, entry, base, _fill(entry.probe.path, config))
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
        other=other,
        other_probe=other_probe,
        token=_token(spec, entry, config),
        renewal=_renewal(spec, entry, config),
        elsewhere=tuple(_named(spec, entry, name) for name in entry.used_endpoints),
        alternatives=tuple(_alternative(spec, kind) for kind in entry.kinds()[1:]),
    )


def _alternative(spec: ProviderSpec, kind: Provider) -> Endpoint | str:
    try:
        return resolve_endpoint(spec, kind)
    except BadEndpointError as error:
        return str(error)


def _token(spec: ProviderSpec, entry: Provider, config: dict[str, str]) -> str:
    exchange = entry.auth.exchange
    if exchange is None:
        return ""
    secrets = {one.name for one in entry.secret_fields}
    for name in _FIELD.findall("".join(exchange.form.values())):
        if name not in secrets and name not in config:
            raise BadEndpointError(f"Set spec.config.{name}, which the exchange for a token needs.")
    return _named(spec, entry, exchange.endpoint) + _fill(exchange.path, config)


def _renewal(spec: ProviderSpec, entry: Provider, config: dict[str, str]) -> str:
    renewal = entry.auth.file.renewal if entry.auth.file else None
    if renewal is None or config.get(REFRESH) != "true":
        return ""
    if renewal.client_secret and renewal.client_secret not in config:
        raise BadEndpointError(
            f"Set spec.config.{renewal.client_secret}, which renewing access tokens of type {entry.id} needs, or leave "
            f"spec.config.{REFRESH} out."
        )
    return _named(spec, entry, renewal.endpoint) + renewal.path


def resolve_regions(spec: ProviderSpec, entry: Provider) -> dict[str, Endpoint]:
    """The endpoints that `region: auto` looks for a key's region in, in the catalogue's order; none for other regions.

    Raises:
        BadEndpointError: as `resolve_endpoint`.

    """
    if spec.region != AUTO or spec.base_url is not None:
        return {}
    names = [one.region for one in entry.endpoints if one.auto]
    if len(names) == 1:
        return {}
    return {name: resolve_endpoint(msgspec.structs.replace(spec, region=name), entry) for name in names}


def other_regions(spec: ProviderSpec, entry: Provider) -> tuple[str, ...]:
    """Regions with accounts of their own that a refused key may belong to instead."""
    if spec.base_url is not None or spec.region == AUTO:
        return ()
    here = spec.region or entry.default_region
    names = tuple(one.region for one in entry.endpoints if one.auto)
    return tuple(name for name in names if name != here) if here in names else ()


def _config(spec: ProviderSpec, entry: Provider) -> dict[str, str]:
    known = {field.name for field in entry.all_config_fields}
    for name in spec.config:
        if name not in known:
            choice = ", ".join(sorted(known)) or "none"
            raise BadEndpointError(f"spec.config.{name} is no setting of type {entry.id} (it has: {choice}).")
    config: dict[str, str] = {}
    own = {field.name for field in entry.config_fields}
    for field in entry.all_config_fields:
        value = spec.config.get(field.name, field.default)
        if not value:
            if field.required and field.name in own and not spec.base_url:
                raise BadEndpointError(f"Set spec.config.{field.name}, which type {entry.id} needs, or spec.baseURL.")
            continue
        if field.pattern and not re.fullmatch(field.pattern, value):
            why = f" {field.refusal.en}" if field.refusal else ""
            raise BadEndpointError(f"spec.config.{field.name} must match {field.pattern}.{why}")
        config[field.name] = value
    if entry.auth.region_field and entry.auth.region_field not in config:
        raise BadEndpointError(f"Set spec.config.{entry.auth.region_field}, which signatures of type {entry.id} need.")
    return config


def _written_base(spec: ProviderSpec, entry: Provider, config: dict[str, str]) -> str:
    if spec.base_url is not None:
        return spec.base_url
    if entry.base_url_required:
        raise BadEndpointError(f"Set spec.baseURL: type {entry.id} has no address of its own.")
    url = _url_of_region(spec.region or "", entry)
    if not url:
        regions = ", ".join(one.region for one in entry.endpoints)
        raise BadEndpointError(f"Set spec.region to one of: {regions}.")
    # The catalogue's own bases are complete: the '/' says that no version is appended.
    return _fill(url, config) + "/"


def _url_of_region(region: str, entry: Provider) -> str:
    """Under `auto`, that of the region which is asked first."""
    first = next((one for one in entry.endpoints if one.auto), None) if region == AUTO else None
    found = first or entry.endpoint("" if region == AUTO else region)
    return found.url if found else ""


def _other_form(spec: ProviderSpec, entry: Provider, base: BaseUrl, probe_path: str) -> tuple[str, str]:
    """Only where a person wrote the URL, the probe follows it, and the path does not say whose the key is."""
    if spec.base_url is None or entry.probe.endpoint or "models" in spec.endpoints:
        return "", ""
    other = "" if base.origin.host in entry.shared_hosts else other_form(base, entry.version)
    return (other, other.rstrip("/") + probe_path) if other else ("", "")


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
    return f"{_named(spec, entry, endpoint)}{path}"


def _named(spec: ProviderSpec, entry: Provider, endpoint: str) -> str:
    written = spec.endpoints.get(endpoint) or entry.other_endpoints[endpoint]
    origin_of(written)
    return written.rstrip("/")


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
