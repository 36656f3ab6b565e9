"""Find a provider by any of its names, in any product's spelling, in English or Chinese."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from heapq import nlargest
from typing import Final

from llmkeys.catalogue.errors import Fault, UnknownProviderTypeError
from llmkeys.catalogue.model import Defaults, Provider, ProviderFile, Redaction

_BLANKS: Final = re.compile(r"[\s_-]+")
_NEAREST: Final = 3
_LONGEST: Final = 63


def fold(name: str) -> str:
    """A name as it is compared: whatever its case, its width, and its way to join words."""
    return _BLANKS.sub("-", unicodedata.normalize("NFKC", name).casefold().strip())


def names_of(file: ProviderFile) -> Iterator[tuple[str, str]]:
    """Every name of a provider, each with the field that it stands in, the strongest first."""
    yield "id", file.id
    yield "names.en", file.names.en
    if file.names.zh:
        yield "names.zh", file.names.zh
    for product in file.aliases.__struct_fields__:
        for name in getattr(file.aliases, product):
            yield f"aliases.{product}", name


@dataclass(frozen=True)
class Catalogue:
    """All that is known of providers.

    Args:
        providers: by id.
        index: every folded name to an id.
        defaults: rules for all.
        redaction: what is cut out of texts.
        faults: files that could not be used, and why.

    """

    providers: Mapping[str, Provider]
    index: Mapping[str, str]
    defaults: Defaults
    redaction: Redaction
    faults: tuple[Fault, ...]

    def find(self, name: str) -> Provider:
        """The provider of an id, a name or an alias.

        Raises:
            UnknownProviderTypeError: none has it; the error holds the nearest three ids.

        """
        known = self.index.get(fold(name[:_LONGEST]))
        if known is None:
            raise UnknownProviderTypeError(name, self.nearest(name))
        return self.providers[known]

    def nearest(self, name: str) -> tuple[str, ...]:
        """Three ids of which some name looks most like this one, the nearest first."""
        asked = fold(name[:_LONGEST])
        matcher = SequenceMatcher(autojunk=False)
        matcher.set_seq2(asked)
        scores: dict[str, float] = {}
        for known, provider in self.index.items():
            matcher.set_seq1(known)
            # Chinese names are short: a part of one says more than the share of equal letters.
            part = 1.0 if len(asked) > 1 and asked in known else 0.0
            scores[provider] = max(scores.get(provider, 0.0), matcher.ratio() + part)
        return tuple(nlargest(_NEAREST, sorted(scores), key=scores.__getitem__))
