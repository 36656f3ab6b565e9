"""One page of a list, and the next one as a value: parameters for our own URL, never a URL of a reply's."""

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from llmkeys.catalogue.calls import Pagination
from llmkeys.catalogue.model import Provider
from llmkeys.catalogue.rule import path_of, text_of, values_at
from llmkeys.probe.body import BROKEN
from llmkeys.probe.models import Model, document_of, models_in
from llmkeys.probe.reply import Reply

Query = tuple[tuple[str, str], ...]
"""Parameters, in order."""

_LONGEST: Final = 2048
_NEXT: Final = re.compile(r"<([^<>]{1,4096})>\s*;[^,]{0,256}?\brel\s*=\s*\"?next\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """What one reply shows, and what the next page is asked for with; None if this is the last."""

    models: tuple[Model, ...]
    following: Query | None = None


def page_of(reply: Reply, entry: Provider, url: str) -> Page | None:
    """One page; None if the reply is no such list.

    Args:
        reply: as hostile as it may be.
        entry: says what the list looks like.
        url: where the list is, without a query.

    """
    document = document_of(reply)
    models = models_in(document, entry)
    return None if models is None else Page(models, next_page(entry.models.pagination, reply, document, url))


def first_page(pagination: Pagination | None) -> Query:
    """What the first page is asked for with."""
    if pagination is None or not pagination.size_param or pagination.size is None:
        return ()
    return ((pagination.size_param, str(pagination.size)),)


def next_page(pagination: Pagination | None, reply: Reply, document: Any, url: str) -> Query | None:
    """What the page after this one is asked for with; None if this is the last.

    Args:
        pagination: how the provider does it, None if all is in one page.
        reply: the page.
        document: its body, decoded.
        url: where the list is. A reply may choose parameters there and nothing else.

    """
    if pagination is None or document is BROKEN:
        return None
    match pagination.style:
        case "cursor":
            return _by_cursor(pagination, document)
        case "link":
            found = _NEXT.search(reply.headers.get("link", "")[: 2 * _LONGEST])
            return _by_url(found[1] if found else "", url)
        case "next_url":
            return _by_url(_text(document, pagination.value), url)


def _by_cursor(pagination: Pagination, document: Any) -> Query | None:
    if pagination.more and next(values_at(document, path_of(pagination.more)), None) is not True:
        return None
    value = _text(document, pagination.value)
    if not value or len(value) > _LONGEST or not value.isprintable():
        return None
    return (*first_page(pagination), (pagination.param, value))


def _by_url(following: str, url: str) -> Query | None:
    if not following or len(following) > _LONGEST or not following.isprintable():
        return None
    try:
        there, here = urlsplit(following), urlsplit(url)
    except ValueError:
        return None
    if (there.netloc and (there.scheme, there.netloc) != (here.scheme, here.netloc)) or there.path != here.path:
        return None
    try:
        return tuple(parse_qsl(there.query, max_num_fields=16)) or None
    except ValueError:
        return None


def _text(document: Any, path: str) -> str:
    return text_of(next(values_at(document, path_of(path)), None)) or ""
