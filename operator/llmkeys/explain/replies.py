"""Replies kept as JSON lines: one in, one out, and no line stops the others."""

import json
from typing import Any

import msgspec

from llmkeys.api.reasons import Reason
from llmkeys.catalogue.errors import UnknownProviderTypeError
from llmkeys.catalogue.lookup import Catalogue
from llmkeys.catalogue.model import Provider
from llmkeys.explain.fields import fields_in, is_plain
from llmkeys.explain.meaning import KeyWord, RulePlace, meaning_of
from llmkeys.probe.limit import body_limit
from llmkeys.probe.reply import Failure, Reply


class Line(msgspec.Struct, frozen=True):
    """One reply as it was written down.

    Args:
        id: anything; it comes back with the answer.
        provider: a type, by any of its names; empty: the one that was named for all lines.
        status: None or 0 where `failure` says why there was none.
        headers: whatever the case of their names.
        body: a JSON value, or a text that is the body as it came.
        path: of the request; the probe's if there is none.
        failure: of the transport, such as `dns`.

    """

    provider: str = ""
    status: int | None = None
    headers: dict[str, Any] | None = None
    body: msgspec.Raw = msgspec.Raw(b"")
    path: str | None = None
    failure: Failure | None = None
    id: msgspec.Raw = msgspec.Raw(b"null")


class Answer(msgspec.Struct, frozen=True, rename="camel"):
    """What one line means; the fields are those of `Meaning`."""

    id: msgspec.Raw
    verdict: Reason
    key: KeyWord
    condition: str
    rule: RulePlace | None
    retry_after_seconds: float | None


class Mistake(msgspec.Struct, frozen=True):
    """Why a line has no answer; the text is ours."""

    id: msgspec.Raw
    error: str


def answer_to(line: bytes, catalogue: Catalogue, *, now: float, provider: str = "") -> Answer | Mistake:
    """The answer to one line.

    Args:
        line: a JSON object.
        catalogue: finds the provider.
        now: epoch seconds.
        provider: of lines that name none.

    """
    try:
        given = _line(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return Mistake(_id_in(line), f"The line is no reply: {_why(error)}")
    name = given.provider or provider
    if not name:
        return Mistake(given.id, "The line is no reply: it names no `provider`")
    try:
        entry = catalogue.find(name)
    except UnknownProviderTypeError as error:
        return Mistake(given.id, str(error))
    meaning = meaning_of(_reply(given, entry), entry, now=now, path=given.path or "")
    return Answer(given.id, meaning.verdict, meaning.key, meaning.condition, meaning.rule, meaning.retry_after_seconds)


def reply_of(
    status: int, headers: dict[str, str], body: bytes, entry: Provider, failure: Failure | None = None
) -> Reply:
    """A reply as the operator would have read it: names in lower case, and no more of the body than it reads."""
    limit = body_limit(entry)
    lowered = {name.strip().lower(): value.strip() for name, value in headers.items()}
    return Reply(status, lowered, body[:limit], len(body) > limit, failure)


def _line(line: bytes) -> Line:
    try:
        # Raw values are taken as they are, so it is here that what is no UTF-8 is found.
        line.decode()
        return msgspec.json.decode(line, type=Line, strict=False)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        # What providers send is not always JSON by the book (NaN, halves of surrogate pairs), and the body may be that.
        return _line_of(fields_in(line.decode("utf-8-sig", "surrogateescape")))


def _line_of(fields: dict[str, str]) -> Line:
    """The line, with a body that is no JSON as the text that it was."""
    body = fields.pop("body", "null")
    known = _id_of(fields)
    rest = {name: json.loads(value) for name, value in fields.items() if name != "id"}
    text = json.dumps(rest, ensure_ascii=False, allow_nan=False).encode(errors="replace")
    line = msgspec.json.decode(text, type=Line, strict=False)
    return msgspec.structs.replace(line, id=known, body=msgspec.Raw(body.encode("utf-8", "surrogateescape")))


def _id_of(fields: dict[str, str]) -> msgspec.Raw:
    known = fields.get("id", "null")
    return msgspec.Raw(known.encode() if is_plain(known) else b"null")


def _reply(given: Line, entry: Provider) -> Reply:
    headers = {name: _text(value) for name, value in (given.headers or {}).items()}
    return reply_of(given.status or 0, headers, _body(bytes(given.body)), entry, given.failure)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(one) for one in value)
    return "" if value is None else str(value)


def _body(raw: bytes) -> bytes:
    if raw == b"null":
        return b""
    try:
        if raw.startswith(b'"'):
            return msgspec.json.decode(raw, type=str).encode()
        # Whoever wrote the line chose the escapes; the provider's words stand in the body as themselves.
        return msgspec.json.encode(msgspec.json.decode(raw)) if b"\\u" in raw else raw
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _body_by_ear(raw)


def _body_by_ear(raw: bytes) -> bytes:
    """A text that is no JSON by the book is still a text."""
    if not raw.startswith(b'"'):
        return raw
    try:
        return str(json.loads(raw.decode("utf-8", "surrogateescape"))).encode(errors="surrogateescape")
    except (ValueError, RecursionError):
        return raw


def _id_in(line: bytes) -> msgspec.Raw:
    try:
        return _id_of(fields_in(line.decode("utf-8-sig", "surrogateescape")))
    except (ValueError, RecursionError):
        return msgspec.Raw(b"null")


def _why(error: Exception) -> str:
    """The texts of msgspec name types and paths, never values; others say nothing of use."""
    if isinstance(error, msgspec.ValidationError):
        return str(error)
    return "it is nested too deeply" if isinstance(error, RecursionError) else "it is not JSON"
