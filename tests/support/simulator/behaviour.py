"""What a simulated provider does with a key: a value that tests, YAML files and the control endpoint share."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import format_datetime
from enum import StrEnum
from typing import ClassVar, Final, Self

import msgspec


class Kind(StrEnum):
    """The ways to answer. Those up to OVERLOADED are spoken in each provider's own shape."""

    GOOD = "good"
    REVOKED = "revoked"
    THROTTLED = "throttled"
    NO_MONEY = "no_money"
    REGION_BLOCKED = "region_blocked"
    ACCOUNT_BLOCKED = "account_blocked"
    PERMISSION_DENIED = "permission_denied"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    ERROR_IN_200 = "error_in_200"
    SLOW = "slow"
    HANGING = "hanging"
    CUT = "cut"
    HTML_PAGE = "html_page"
    REDIRECT = "redirect"
    HUGE_BODY = "huge_body"
    INVALID_JSON = "invalid_json"
    TRUNCATED_JSON = "truncated_json"
    DEEP_JSON = "deep_json"
    GZIP_BOMB = "gzip_bomb"
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One way to answer, with its settings. Made by the constants and class methods below.

    Args:
        kind: the way.
        status: HTTP status of server_error, html_page, redirect and raw.
        retry_after: of throttled: seconds, or an HTTP-date as text; None says nothing about when.
        seconds: of slow: how long the good answer is held back.
        like: of error_in_200: whose error body is sent.
        after_headers: of cut: whether half of a body is sent first; nothing is, otherwise.
        size: of huge_body and gzip_bomb in MiB, of deep_json in levels.
        headers: of raw; of redirect the Location.
        body: of raw.
    """

    GOOD: ClassVar["Behaviour"]
    REVOKED: ClassVar["Behaviour"]
    NO_MONEY: ClassVar["Behaviour"]
    REGION_BLOCKED: ClassVar["Behaviour"]
    ACCOUNT_BLOCKED: ClassVar["Behaviour"]
    PERMISSION_DENIED: ClassVar["Behaviour"]
    OVERLOADED: ClassVar["Behaviour"]
    HANGING: ClassVar["Behaviour"]
    INVALID_JSON: ClassVar["Behaviour"]
    TRUNCATED_JSON: ClassVar["Behaviour"]

    kind: Kind
    status: int = 200
    retry_after: int | float | str | None = None
    seconds: float = 0.0
    like: Kind = Kind.REVOKED
    after_headers: bool = True
    size: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @classmethod
    def throttled(cls, retry_after: float | str | dt.datetime | None = None) -> Self:
        """Too many requests; a datetime (aware) is sent as an HTTP-date."""
        if isinstance(retry_after, dt.datetime):
            retry_after = format_datetime(retry_after.astimezone(dt.UTC), usegmt=True)
        return cls(Kind.THROTTLED, 429, retry_after)

    @classmethod
    def slow(cls, seconds: float) -> Self:
        return cls(Kind.SLOW, seconds=seconds)

    @classmethod
    def cut(cls, *, after_headers: bool = True) -> Self:
        """The connection is closed, half way through the body or before a single byte."""
        return cls(Kind.CUT, after_headers=after_headers)

    @classmethod
    def server_error(cls, status: int = 500) -> Self:
        return cls(Kind.SERVER_ERROR, status)

    @classmethod
    def html_page(cls, status: int = 403) -> Self:
        """The page of a proxy or firewall that stands before the provider."""
        return cls(Kind.HTML_PAGE, status)

    @classmethod
    def error_in_200(cls, like: Kind = Kind.REVOKED) -> Self:
        """The body of a refusal under status 200."""
        return cls(Kind.ERROR_IN_200, like=like)

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Self:
        return cls(Kind.REDIRECT, status, headers=(("Location", location),))

    @classmethod
    def huge_body(cls, mebibytes: int = 32) -> Self:
        """Valid JSON of that size, streamed in chunks, so that nothing announces how much comes."""
        return cls(Kind.HUGE_BODY, size=mebibytes)

    @classmethod
    def gzip_bomb(cls, mebibytes: int = 64) -> Self:
        """A small gzip body that grows to that size."""
        return cls(Kind.GZIP_BOMB, size=mebibytes)

    @classmethod
    def deep_json(cls, levels: int = 20_000) -> Self:
        return cls(Kind.DEEP_JSON, size=levels)

    @classmethod
    def raw(cls, status: int, headers: Mapping[str, str] | None = None, body: bytes | str = b"") -> Self:
        """Anything else."""
        content = body.encode() if isinstance(body, str) else body
        return cls(Kind.RAW, status, headers=tuple((headers or {}).items()), body=content)


for _kind in (
    Kind.GOOD,
    Kind.REVOKED,
    Kind.NO_MONEY,
    Kind.REGION_BLOCKED,
    Kind.ACCOUNT_BLOCKED,
    Kind.PERMISSION_DENIED,
    Kind.OVERLOADED,
    Kind.HANGING,
    Kind.INVALID_JSON,
    Kind.TRUNCATED_JSON,
):
    setattr(Behaviour, _kind.name, Behaviour(_kind))

_DEFAULTS: Final = {
    Kind.THROTTLED: Behaviour.throttled(),
    Kind.SLOW: Behaviour.slow(5),
    Kind.SERVER_ERROR: Behaviour.server_error(),
    Kind.HTML_PAGE: Behaviour.html_page(),
    Kind.REDIRECT: Behaviour.redirect("/"),
    Kind.HUGE_BODY: Behaviour.huge_body(),
    Kind.GZIP_BOMB: Behaviour.gzip_bomb(),
    Kind.DEEP_JSON: Behaviour.deep_json(),
}


def to_wire(behaviour: Behaviour) -> dict[str, object]:
    """The JSON form: all fields, the body in base64."""
    form: dict[str, object] = msgspec.to_builtins(behaviour)
    return form


def from_wire(form: object) -> Behaviour:
    """Read `good`, or `{kind: throttled, retry_after: 60}`; `text` may stand for `body`, which is base64.

    Raises:
        ValueError: it names no behaviour, or has a field that there is not.
    """
    fields = {"kind": form} if isinstance(form, str) else form
    if not isinstance(fields, Mapping):
        raise ValueError("a behaviour is a name or a mapping with `kind`")  # noqa: TRY004
    kind = Kind(str(fields.get("kind", "")).lower())
    known = to_wire(_DEFAULTS.get(kind, Behaviour(kind)))
    given = {str(name): value for name, value in fields.items() if name != "text"} | {"kind": kind.value}
    unknown = given.keys() - known.keys()
    if unknown:
        raise ValueError(f"a behaviour has no field {', '.join(sorted(unknown))}")
    try:
        behaviour = msgspec.convert(known | given, Behaviour)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    return replace(behaviour, body=str(fields["text"]).encode()) if "text" in fields else behaviour
