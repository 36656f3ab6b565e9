"""Replies kept as JSON lines: one in, one out, and no line stops the others."""

import json
from typing import Any

import msgspec

from llmkeys.api.reasons import Reason
from llmkeys.catalogue.errors import UnknownProviderTypeError
from llmkeys.catalogue.lookup import Catalogue
from llmkeys.catalogue.model import Provider
from llmkeys.explain.meaning import KeyWord, RulePlace, meaning_of
from llmkeys.probe.limit import body_limit
from llmkeys.probe.reply import Failure, Reply


class Line(msgspec.Struct, frozen=True):
    """One reply as it was written down.

    Args:
        id: anything; it comes back with the answer.
        provider: a type, by any of its names.
        status: None or 0 where `failure` says why there was none.
        headers: whatever the case of their names.
        body: a JSON value, or a text that is the body as it came.
        path: of the request; the probe's if there is none.
        failure: of the transport, such as `dns`.

    """

    provider: str
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


class _Named(msgspec.Struct):
    id: msgspec.Raw = msgspec.Raw(b"null")


def answer_to(line: bytes, catalogue: Catalogue, *, now: float) -> Answer | Mistake:
    """The answer to one line.

    Args:
        line: a JSON object.
        catalogue: finds the provider.
        now: epoch seconds.

    """
    try:
        given = _line(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return Mistake(_id_in(line), f"The line is no reply: {_why(error)}")
    try:
        entry = catalogue.find(given.provider)
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
        return msgspec.json.decode(line, type=Line, strict=False)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        # What providers send is not always JSON by the book (NaN, halves of surrogate pairs), and the body may be that.
        document = json.loads(line)
        return msgspec.json.decode(_by_the_book(document), type=Line, strict=False)


def _by_the_book(document: Any) -> bytes:
    """The line again, with a body that is no JSON as the text that it was."""
    if isinstance(document, dict) and not isinstance(document.get("body"), str):
        document = {**document, "body": json.dumps(document.get("body"))}
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode(errors="replace")


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
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return raw


def _id_in(line: bytes) -> msgspec.Raw:
    try:
        return msgspec.json.decode(line, type=_Named).id
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return msgspec.Raw(b"null")


def _why(error: Exception) -> str:
    """The texts of msgspec name types and paths, never values; others say nothing of use."""
    if isinstance(error, msgspec.ValidationError):
        return str(error)
    return "it is nested too deeply" if isinstance(error, RecursionError) else "it is not JSON"
