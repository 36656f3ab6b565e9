"""Names for objects, from what people call their providers."""

import re
import unicodedata
from collections.abc import Collection
from typing import Final

_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")
_LONGEST: Final = 50  # room for a number behind it in a label's 63 characters
_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")


def slug(text: str) -> str:
    """A text as part of an object's name; empty where none of its characters can stand in one."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return _NOT_IN_NAMES.sub("-", plain).strip("-")[:_LONGEST].strip("-")


def free_name(wanted: str, taken: Collection[str]) -> str:
    """The name, with the first number from 2 that makes it free."""
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"


def is_label(name: str) -> bool:
    """Whether a namespace can be called so (RFC 1123 label)."""
    return bool(_LABEL.fullmatch(name))


def is_subdomain(name: str) -> bool:
    """Whether an object can be called so (RFC 1123 subdomain)."""
    return bool(_SUBDOMAIN.fullmatch(name))
