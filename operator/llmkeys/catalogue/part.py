"""The base of everything that a provider's file is made of."""

import msgspec


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Immutable, and strict: a field that it does not know is an error, never a default."""


class Text(Part, frozen=True, kw_only=True):
    """A sentence in English and, where there is one, in Chinese."""

    en: str
    zh: str = ""
