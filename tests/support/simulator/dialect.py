"""How one provider speaks: where its key travels, which paths it has, and the words of its refusals."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.support.simulator.answer import Answer
from tests.support.simulator.behaviour import Kind

Fields = Mapping[str, str]
"""Headers, whose names compare without case, or the parameters of a query."""

KeyFinder = Callable[[Fields, Fields], str]
"""(headers, query) to the key as it was sent, empty if there is none."""

Refusal = Callable[[str], Answer]
"""The key to the answer: some providers repeat a part of it."""

_VERSION: Final = re.compile(r"^v\d+(?:(?:alpha|beta)\d*)?$")


@dataclass(frozen=True, slots=True)
class Route:
    """A path that answers good keys.

    Args:
        answer: (model ids, query) to the answer.
        public: no key is looked at, as with several vendors' model lists.
        method: of HTTP.
    """

    answer: Callable[[tuple[str, ...], Fields], Answer]
    public: bool = False
    method: str = "GET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One provider type.

    Args:
        type: its id in the catalogue.
        base: path of its default base URL.
        find_key: where the key is.
        routes: absolute path to what answers there.
        models: ids that it lists unless told otherwise.
        refusals: for each kind that is spoken in the provider's own words.
        throttled: Retry-After as text, or None, to the answer.
        fault: HTTP status of an internal error to the answer.
        missing_key: the answer to a request without a key.
        unknown_path: method and path to the answer.
        complaint: what is wrong with a request whatever its key, as a wrong version header.
        keyless: it examines no key.
        key_in_query: the query may hold the key.
        token_path: where access tokens are given out for refresh tokens; empty where they are not.
    """

    type: str
    base: str
    find_key: KeyFinder
    routes: Mapping[str, Route]
    models: tuple[str, ...]
    refusals: Mapping[Kind, Refusal]
    throttled: Callable[[str | None], Answer]
    fault: Callable[[int], Answer]
    missing_key: Answer
    unknown_path: Callable[[str, str], Answer]
    complaint: Callable[[Fields, Fields], Answer | None] | None = None
    keyless: bool = False
    key_in_query: bool = False
    token_path: str = ""

    def route(self, method: str, path: str) -> Route | None:
        """The route of a request; a gateway's prefix may stand before its path, a doubled version may not."""
        found = self._route(path)
        return found if found is not None and found.method == method else None

    def _route(self, path: str) -> Route | None:
        exact = self.routes.get(path)
        if exact is not None:
            return exact
        for known, route in self.routes.items():
            prefix = path.removesuffix(known)
            if prefix != path and _is_gateway_prefix(prefix, known):
                return route
        return None


def _is_gateway_prefix(prefix: str, known: str) -> bool:
    segments = prefix.split("/")
    first = known.split("/")[1]
    return "" not in segments[1:] and first not in segments and not any(_VERSION.match(one) for one in segments)


def bearer(headers: Fields, _query: Fields) -> str:
    """The key after `Bearer `."""
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else ""


def in_header(name: str) -> KeyFinder:
    def find(headers: Fields, _query: Fields) -> str:
        return headers.get(name, "")

    return find


def always(answer: Answer) -> Refusal:
    """A refusal that repeats nothing of the key."""
    return lambda _key: answer


def with_retry_after(answer: Answer, retry_after: str | None) -> Answer:
    return answer if retry_after is None else answer.with_header("Retry-After", retry_after)
