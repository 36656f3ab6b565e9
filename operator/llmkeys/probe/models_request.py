"""How models are listed: which URLs are asked, and whether the key goes along: to no host that its probe spares."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, urlencode

from llmkeys.api.provider import ProviderSpec
from llmkeys.catalogue.model import Provider
from llmkeys.probe.endpoint import Endpoint
from llmkeys.probe.models_offer import Asked
from llmkeys.probe.models_pages import Query, first_page
from llmkeys.probe.request import ProbeRequest
from llmkeys.probe.url import BadEndpointError, origin_of

# Those that sign each request: what they send is good for one URL.
_SIGNED: Final = frozenset({"aws_sigv4", "tc3_hmac_sha256"})
_FIELD: Final = re.compile(r"\{(\w+)\}")
_STEP: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\Z")


@dataclass(frozen=True, slots=True)
class ListPlan:
    """How the models of one key are found out after its probe.

    Args:
        entry: reads the replies.
        url: of the list, without a query; empty if it is not read.
        query: of every page.
        keyed: the list wants the key.
        is_probe: the probe's own reply is the first page.
        follows: further pages are asked for; without, a list of several pages is left alone.
        each: name to the URL that tells of this model alone.

    """

    entry: Provider
    url: str = ""
    query: Query = ()
    keyed: bool = True
    is_probe: bool = False
    follows: bool = False
    each: tuple[tuple[str, str], ...] = ()

    def page(self, probe: ProbeRequest, query: Query | None = None) -> ProbeRequest:
        """The request for one page, made from the one that proved the key; the first page without a query."""
        chosen = first_page(self.entry.models.pagination) if query is None else query
        names = {name for name, _ in chosen}
        every = (*(pair for pair in self.query if pair[0] not in names), *chosen)
        request = single(probe, f"{self.url}?{urlencode(every)}" if every else self.url)
        return request if self.keyed else replace(request, secret_headers=(), secret_query=())

    def sharing_parts(self) -> Iterator[str]:
        """What tells a probe whose list is read too from one whose list is not."""
        if (self.follows and not (self.is_probe and self.entry.models.pagination is None)) or self.each:
            yield "models"
            yield self.url
            for name, url in self.each:
                yield name
                yield url


def single(probe: ProbeRequest, url: str) -> ProbeRequest:
    """The request that proved the key, for another URL."""
    return replace(probe, method="GET", url=url, body=b"", secret_body=None)


def plan_listing(spec: ProviderSpec, endpoint: Endpoint, entry: Provider, asked: Asked) -> ListPlan | None:
    """How to list the models; None where there is nothing to read, or nothing that anybody asked about.

    Args:
        spec: of the LLMProvider.
        endpoint: the same, resolved.
        entry: its type.
        asked: by the manifests.

    """
    models = entry.models
    unsigned = entry.auth.scheme not in _SIGNED and not entry.probe.form
    each = tuple(_each(spec, endpoint, entry, asked)) if unsigned else ()
    if models.catalogue or not models.items or not endpoint.models:
        return ListPlan(entry, each=each) if each else None
    is_probe = _is_the_list(entry)
    keyed = is_probe or models.authenticated
    follows = asked.anything and unsigned and (not keyed or _is_known(endpoint, endpoint.models))
    if not is_probe and not follows:
        return ListPlan(entry, each=each) if each else None
    query = tuple(sorted((name, _filled(value, endpoint.config)) for name, value in models.query.items()))
    return ListPlan(entry, endpoint.models, query, keyed=keyed, is_probe=is_probe, follows=follows, each=each)


def _is_the_list(entry: Provider) -> bool:
    probe, models = entry.probe, entry.models
    size = models.pagination.size_param if models.pagination else ""
    return (
        probe.method == "GET"
        and (probe.endpoint, probe.path) == (models.endpoint, models.path)
        and (not size or size not in probe.query)
        and models.query.items() <= probe.query.items()
    )


def _each(spec: ProviderSpec, endpoint: Endpoint, entry: Provider, asked: Asked) -> Iterator[tuple[str, str]]:
    models = entry.models
    if not models.per_model_path:
        return
    # Where there is a list besides, only what was added to it needs to be looked up.
    names = asked.names if models.catalogue else tuple(dict.fromkeys(one.name for one in asked.spec.add))
    named = models.per_model_endpoint
    for name in names:
        path = _path_of(models.per_model_path, name)
        host = spec.endpoints.get(named) or entry.other_endpoints[named] if named else ""
        url = f"{host.rstrip('/')}{path}" if host else endpoint.base.join(path)
        if path and _is_known(endpoint, url):
            yield name, url


def _path_of(template: str, name: str) -> str:
    """The path of one model; empty where its name does not have the form that the path needs."""
    parts = name.split("/")
    fields = _FIELD.findall(template)
    if not all(_STEP.match(part) for part in parts) or ("owner" in fields and len(parts) != len(("owner", "name"))):
        return ""
    # What follows a colon is a version of the model, or who serves it.
    values = {"id": name, "owner": parts[0], "name": parts[-1].partition(":")[0]}
    return _FIELD.sub(lambda match: quote(values[match[1]], safe="/"), template)


def _is_known(endpoint: Endpoint, url: str) -> bool:
    """Whether the URL is at a host that gets the key anyway."""
    try:
        return origin_of(url) in (endpoint.origin, endpoint.base.origin)
    except BadEndpointError:
        return False


def _filled(template: str, config: dict[str, str]) -> str:
    return _FIELD.sub(lambda match: config.get(match[1], ""), template)
