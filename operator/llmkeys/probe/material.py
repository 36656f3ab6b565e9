"""From a source Secret's bytes to keys that can be sent: trimmed, split, and checked before anything leaves."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from llmkeys.api.credential import KeyEntry
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.credential import SecretField
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth.document import ended
from llmkeys.probe.auth.registry import check
from llmkeys.probe.auth.scheme import Problem

MAX_KEY: Final = 8 * 1024
MAX_DOCUMENT: Final = 64 * 1024

# Newlines and commas, the full-width one of a Chinese keyboard included; none of them can be part of a key.
_SEPARATOR: Final = re.compile(r"[,\uff0c\r\n]+")
_SENDABLE: Final = re.compile(r"[\x21-\x7e]+")
_AROUND: Final = "\ufeff \t\r\n\v\f\x00"


@dataclass(frozen=True, slots=True)
class Material:
    """The secret fields of one key."""

    fields: tuple[tuple[str, Secret], ...]

    def get(self, name: str) -> Secret | None:
        return next((secret for known, secret in self.fields if known == name), None)

    def items(self) -> Iterator[tuple[str, Secret]]:
        return iter(self.fields)

    def revealed(self) -> dict[str, str]:
        """For the MAC and the renderer only."""
        return {name: secret.reveal() for name, secret in self.fields}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One key that could be delivered, or why it cannot even be looked at.

    Args:
        name: of the key: the entry's, with `-1`, `-2`… where one field held several.
        entry: the entry that it comes from.
        material: None where `problem` says why.
        problem: a reason found without a call.
        values: for the message: `secret`, `field`, and `because` where more can be said.
        trimmed: white space around the value was taken off.

    """

    name: str
    entry: str
    material: Material | None = None
    problem: Reason | None = None
    values: dict[str, str] = field(default_factory=dict)
    trimmed: bool = False


def candidates_of(
    entry: KeyEntry, data: Mapping[str, bytes], provider: Provider, host: str, source: str = ""
) -> list[Candidate]:
    """The keys that an entry's source Secret, or its sealed values, hold.

    Args:
        entry: of the list.
        data: of the Secret, decoded; or the opened values by field.
        provider: the catalogue's entry of the type.
        host: where they would be sent; some wrong types are certain for the vendor's own host only.
        source: what messages call the place that the values come from; the Secret if empty.

    """
    ref = entry.secret_ref
    secret = ref.name if ref else ""
    words = {"secret": secret, "source": source or f"Secret {secret}"}
    mapping = ref.fields if ref else {}
    texts: dict[str, list[str]] = {}
    trimmed = False
    kind = _kind(provider, mapping, data)
    for one in kind.secret_fields:
        where = _where(one, mapping, data)
        if where not in data:
            if one.optional and one.name not in mapping:
                continue
            return [_problem(entry, Reason.SOURCE_FIELD_MISSING, words, where)]
        text = _text(data[where])
        if text is None:
            return [_problem(entry, Reason.MALFORMED_KEY, words, where)]
        values, changed = _split(one, text)
        trimmed = trimmed or changed
        texts[one.name] = values
    return _combine(entry, texts, kind, host, words, trimmed=trimmed)


def _kind(provider: Provider, mapping: Mapping[str, str], data: Mapping[str, bytes]) -> Provider:
    """The kind of credential that is there; if none is whole, the one that most is there of."""
    there = {one.name for one in provider.all_secret_fields if _where(one, mapping, data) in data}
    kinds = provider.kinds()
    whole = next((one for one in kinds if one.required_fields <= there), None)
    return whole or max(kinds, key=lambda one: len(one.required_fields & there))


def _combine(
    entry: KeyEntry,
    texts: dict[str, list[str]],
    provider: Provider,
    host: str,
    words: Mapping[str, str],
    *,
    trimmed: bool,
) -> list[Candidate]:
    count = max((len(values) for values in texts.values()), default=1)
    found: list[Candidate] = []
    for index in range(count):
        name = entry.name if count == 1 else f"{entry.name}-{index + 1}"
        fields = {known: values[min(index, len(values) - 1)] for known, values in texts.items()}
        problem = _check(fields, provider, host)
        material = Material(tuple((known, Secret(text)) for known, text in fields.items()))
        told = {**words, "because": problem.because} if problem and problem.because else dict(words)
        found.append(Candidate(name, entry.name, material, problem.reason if problem else None, told, trimmed))
    return found


def _problem(entry: KeyEntry, reason: Reason, words: Mapping[str, str], where: str) -> Candidate:
    return Candidate(entry.name, entry.name, None, reason, {**words, "field": where})


def _where(one: SecretField, mapping: Mapping[str, str], data: Mapping[str, bytes]) -> str:
    if one.name in mapping:
        return mapping[one.name]
    present = (env for env in one.env if env in data)
    return next(present, one.name if one.name in data or not one.env else one.env[0])


def _text(raw: bytes) -> str | None:
    if len(raw) > MAX_DOCUMENT:
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def several(one: SecretField, text: str) -> list[str]:
    """The keys that a person has put into one field; the text itself where such a field holds one only."""
    return _split(one, text)[0]


def _split(one: SecretField, text: str) -> tuple[list[str], bool]:
    stripped = text.strip(_AROUND)
    trimmed = stripped != text
    if not one.list:
        return [stripped], trimmed
    values = [value.strip(_AROUND) for value in _SEPARATOR.split(stripped)]
    return [value for value in values if value] or [""], trimmed


def _check(fields: Mapping[str, str], provider: Provider, host: str) -> Problem | None:
    for one in provider.secret_fields:
        text = fields.get(one.name)
        if text is None:
            continue
        if one.type == "key" and (len(text) > MAX_KEY or not _SENDABLE.fullmatch(text)):
            return Problem(Reason.MALFORMED_KEY, "")
        for wrong in one.wrong_type:
            if text.startswith(wrong.prefix) and (not wrong.hosts or host in wrong.hosts):
                return Problem(Reason.WRONG_CREDENTIAL_TYPE, wrong.kind.en)
    shown = fields.get(provider.auth.field)
    return None if shown is None else check(shown, provider.auth)


def out_of_date(candidate: Candidate, provider: Provider, now: float) -> Candidate:
    """The same key, refused if it is a file whose access token has ended.

    Args:
        candidate: as read.
        provider: the catalogue's entry of the type.
        now: epoch seconds.

    """
    if candidate.material is None or candidate.problem is not None:
        return candidate
    auth = provider.kind_with([name for name, _ in candidate.material.items()]).auth
    text = candidate.material.get(auth.field)
    problem = ended(text.reveal(), auth, now) if text is not None else None
    if problem is None:
        return candidate
    return replace(candidate, problem=problem.reason, values={**candidate.values, "because": problem.because})
