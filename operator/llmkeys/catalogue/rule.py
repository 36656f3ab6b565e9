"""What a reply means, as data: the words of the catalogue, the rules, and the rules compiled for use.

First match wins. All conditions of one rule must hold. Order: default rules of phase `first`, then the provider's own
rules, then the rest of the default rules; a provider's rule that names a content type goes before everything.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

Evidence = Literal["D", "C", "F", "K"]
"""How sure we are: documentation seen, source code seen, a third party who met the live API, recalled only."""


class Word(StrEnum):
    """What a rule may say. `probe.classify` maps these to the reasons of the matrix."""

    ACTIVE = "Active"
    UNVERIFIED = "Unverified"
    INVALID_KEY = "InvalidKey"
    KEY_EXPIRED = "KeyExpired"
    ACCOUNT_BLOCKED = "AccountBlocked"
    PERMISSION_DENIED = "PermissionDenied"
    REGION_DENIED = "RegionDenied"
    NOT_ACTIVATED = "NotActivated"
    QUOTA_EXHAUSTED = "QuotaExhausted"
    RATE_LIMITED = "RateLimited"
    OVERLOADED = "Overloaded"
    MODEL_UNAVAILABLE = "ModelUnavailable"
    BAD_ENDPOINT = "BadEndpoint"
    PROVIDER_UNREACHABLE = "ProviderUnreachable"
    CONTENT_FILTERED = "ContentFiltered"
    BAD_REQUEST = "BadRequest"
    CLASSIFY_BY_CODE = "classify-by-code"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule.

    Args:
        word: `is` in the file.
        phase: of default rules: `first` runs before a provider's own rules.
        transport: failures without a reply.
        status: one or several; none given means any.
        any_status: says in the file that leaving the status out is meant.
        at: dotted path into the JSON body, `[]` for any element of a list; a body that is a list is looked at in its
            first element. Needs one of `in`, `contains`, `prefix`.
        in_: `in` in the file: equal to one of these; numbers and their texts are the same.
        contains: one of these is in the value, whatever the case.
        prefix: the value begins so.
        header: name in lower case; with `contains`.
        content_type: the reply's media type; HTML is recognised by its beginning too.
        content_type_not: the reply is not of this type, or does not parse as it.
        body_contains_ci: one of these is in the body, whatever the case.
        any_of_paths: one of these is there and not empty; `path!=value` and `path==value` compare.
        reason: a finer word for the verdict's detail.
        ev: how sure we are; left out where the rule follows from HTTP itself.
        src: where the evidence was seen.

    """

    word: Word = msgspec.field(name="is")
    phase: Literal["first", "last"] = "last"
    transport: tuple[
        Literal["dns", "connect_refused", "connect_timeout", "read_timeout", "tls", "proxy", "protocol"], ...
    ] = ()
    status: int | tuple[int, ...] | None = None
    any_status: bool = False
    at: str = ""
    in_: tuple[str | int, ...] = msgspec.field(default=(), name="in")
    contains: tuple[str, ...] = ()
    prefix: str = ""
    header: str = ""
    content_type: str = ""
    content_type_not: str = ""
    body_contains_ci: tuple[str, ...] = ()
    any_of_paths: tuple[str, ...] = ()
    reason: str = ""
    ev: Evidence | None = None
    src: str = ""
    note: str = ""

    @property
    def mistake(self) -> str:
        """What is wrong with the rule as a whole; empty if nothing is."""
        if self.at and self.header:
            return "`at` and `header` cannot stand in one rule"
        compared = bool(self.in_ or self.contains or self.prefix)
        if compared != bool(self.at or self.header):
            return "`at` or `header` needs `in`, `contains` or `prefix`, and they need it"
        if self.header and not self.contains:
            return "`header` needs `contains`"
        narrow = self.transport or self.at or self.header or self.body_contains_ci or self.any_of_paths
        if not narrow and self.status is None:
            return "a rule needs a condition"
        if self.any_status and self.status is not None:
            return "`any_status` and `status` contradict each other"
        return ""


Path = tuple[str, ...]
"""A dotted path, split; `[]` is an element of its own."""

_EMPTY: Final = (None, "", False)


def path_of(text: str) -> Path:
    """`error.details[].reason` as its parts; `$` is the body itself."""
    return () if text == "$" else tuple(part for part in text.replace("[]", ".[]").split(".") if part)


def values_at(body: Any, path: Path) -> Iterator[Any]:
    """Every value at a path; none where the body has another shape. A list without `[]` is looked at in its first."""
    for place, part in enumerate(path):
        if part == "[]":
            for element in body if isinstance(body, list) else ():
                yield from values_at(element, path[place + 1 :])
            return
        if place == 0 and isinstance(body, list) and body:
            body = body[0]
        if not isinstance(body, dict) or part not in body:
            return
        body = body[part]
    yield body


_PRESENCE: Final = re.compile(r"^(?P<path>[^!=]+)(?:(?P<sign>[!=])=(?P<value>.*))?$")


@dataclass(frozen=True, slots=True)
class Presence:
    """One of `any_of_paths`: something is there, and compares."""

    path: Path
    equal: bool | None
    value: str

    @classmethod
    def parse(cls, text: str) -> "Presence":
        found = _PRESENCE.match(text)
        if found is None:
            return cls(path_of(text), None, "")
        sign = found["sign"]
        return cls(
            path_of(found["path"].strip()), None if sign is None else sign == "=", (found["value"] or "").strip()
        )

    def holds(self, body: Any) -> bool:
        for value in values_at(body, self.path):
            if self.equal is None:
                if value not in _EMPTY and value not in ([], {}):
                    return True
            elif value is not None and (text_of(value) == self.value) is self.equal:
                return True
        return False


def text_of(value: Any) -> str | None:
    """A scalar as the text that rules compare with; None for lists and objects."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its texts lowered, its paths split and its place known."""

    word: Word
    place: int
    statuses: frozenset[int] | None
    transport: frozenset[str]
    at: Path | None
    among: frozenset[str]
    contains: tuple[str, ...]
    prefix: str
    header: str
    content_type: str
    content_type_not: str
    body_contains: tuple[bytes, ...]
    presences: tuple[Presence, ...]
    reason: str
    by_code: bool

    @classmethod
    def of(cls, rule: Rule, place: int) -> "CompiledRule":
        status = rule.status
        statuses = None if status is None else frozenset((status,) if isinstance(status, int) else status)
        at = path_of(rule.at) if rule.at else None
        return cls(
            word=rule.word,
            place=place,
            statuses=statuses,
            transport=frozenset(rule.transport),
            at=at,
            among=frozenset(str(one) for one in rule.in_),
            contains=tuple(one.lower() for one in rule.contains),
            prefix=rule.prefix,
            header=rule.header.lower(),
            content_type=rule.content_type,
            content_type_not=rule.content_type_not,
            body_contains=tuple(one.lower().encode() for one in rule.body_contains_ci),
            presences=tuple(Presence.parse(one) for one in rule.any_of_paths),
            reason=rule.reason,
            by_code=at is not None and at[-1].lower().endswith("code") and bool(rule.in_ or rule.prefix),
        )


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Compiled rules by when they run.

    Args:
        before: run before the default rules of phase `first`.
        main: the others.

    """

    before: tuple[CompiledRule, ...] = ()
    main: tuple[CompiledRule, ...] = ()

    @classmethod
    def of_provider(cls, rules: tuple[Rule, ...]) -> "RuleBook":
        """A provider's own rules: those that name a content type go first."""
        return cls._split(rules, lambda rule: bool(rule.content_type or rule.content_type_not))

    @classmethod
    def of_defaults(cls, rules: tuple[Rule, ...]) -> "RuleBook":
        """The default rules, by phase."""
        return cls._split(rules, lambda rule: rule.phase == "first")

    @classmethod
    def _split(cls, rules: tuple[Rule, ...], early: Callable[[Rule], bool]) -> "RuleBook":
        compiled = [(early(rule), CompiledRule.of(rule, place)) for place, rule in enumerate(rules)]
        return cls(tuple(one for first, one in compiled if first), tuple(one for first, one in compiled if not first))
