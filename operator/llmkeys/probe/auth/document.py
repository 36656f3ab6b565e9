"""Credential files of other programs: what is in them, whose they are, and whether we can use them.

Nothing in such a file decides where a request goes: an address in it is compared with the catalogue's list.
"""

import math
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from llmkeys.api.reasons import Reason
from llmkeys.catalogue.credential import REFRESH, Auth, CredentialFile
from llmkeys.catalogue.rule import path_of, values_at
from llmkeys.probe.auth.scheme import Problem

MOST_SECONDS: Final = 1e11
"""The year 5138 in seconds, a day of 1973 in milliseconds: what is greater was not counted in seconds."""

MILLISECONDS: Final = 1000.0
"""In a second."""


@dataclass(frozen=True, slots=True)
class Document:
    """A credential file."""

    content: dict[str, Any] = field(repr=False)

    def text_at(self, *paths: str) -> str:
        """The first text that is not empty; an empty one if there is none."""
        for path in paths:
            for value in values_at(self.content, path_of(path)):
                if isinstance(value, str) and value:
                    return value
        return ""

    def has(self, path: str) -> bool:
        return any(value is not None for value in values_at(self.content, path_of(path)))

    def expiry(self, file: CredentialFile) -> float | None:
        """When the access token ends (epoch seconds); None if the file does not say."""
        for path in file.expiry:
            for value in values_at(self.content, path_of(path)):
                number = positive(value)
                if number is not None:
                    return number / MILLISECONDS if number > MOST_SECONDS else number
        return None


def read(text: str) -> Document | None:
    """A JSON object; None if the text is none."""
    try:
        content = msgspec.json.decode(text.encode())
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return Document(content) if isinstance(content, dict) else None


def problem_in(text: str, auth: Auth) -> Problem | None:
    """Why the file cannot be used: what it is instead, what it lacks, or which address it names."""
    file = auth.file or CredentialFile()
    document = read(text)
    if document is None:
        return Problem(Reason.MALFORMED_KEY, "it is no JSON object")
    for mark in file.foreign:
        if document.text_at(mark.at).startswith(mark.prefix) if mark.prefix else document.has(mark.at):
            return Problem(Reason.WRONG_CREDENTIAL_TYPE, mark.kind.en)
    needed = ((path,) for path in file.required)
    for paths in (file.access_token, *needed) if file.access_token else needed:
        if not document.text_at(*paths):
            return Problem(Reason.MALFORMED_KEY, f"it has no {paths[0]}")
    address = document.text_at(file.address) if file.address else ""
    if address and address.rstrip("/") not in file.allowed_addresses:
        return Problem(Reason.BAD_ENDPOINT, f"its {file.address} names an address that is not this provider's")
    return None


def settings_in(text: str, file: CredentialFile) -> dict[str, str]:
    """The settings that the file holds, by the config field's name."""
    document = read(text)
    if document is None:
        return {}
    found = {name: document.text_at(path) for name, path in file.settings.items()}
    return {name: value for name, value in found.items() if value}


def ended(text: str, auth: Auth, now: float) -> Problem | None:
    """That the access token in the file is out of date, which no call needs to tell."""
    file = auth.file or CredentialFile()
    document = read(text)
    expiry = document.expiry(file) if document is not None else None
    if expiry is None or expiry > now:
        return None
    return Problem(Reason.EXPIRED, f"the access token in the file is out of date{_remedy(file)}")


def _remedy(file: CredentialFile) -> str:
    if file.renewal is None:
        return ", and llmkeys does not renew it"
    price = {True: "logs its owner out elsewhere", False: "", "unknown": "may log its owner out elsewhere"}
    said = price[file.renewal.rotates]
    switch = f'llmkeys renews it only with spec.config.{REFRESH}: "true" in the LLMProvider'
    return f", and {switch}, which {said}" if said else f", and {switch}"


def positive(value: Any) -> float | None:
    """A finite number above zero, written as a number or as its text; None for anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number > 0 else None
