"""Which request a reply answers, for that decides what it can prove: the probe, the list of models, or a model."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from llmkeys.catalogue.calls import Success
from llmkeys.catalogue.model import Provider
from llmkeys.probe.classify import Authenticated

PROBE: Final = "probe.success"

_FIELD: Final = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that a provider's file knows.

    Args:
        place: in the file, of what makes a success of it.
        path: below the base URL.
        success: what makes one.
        authenticated: whether a success proves a key.

    """

    place: str
    path: str
    success: Success
    authenticated: Authenticated

    def as_probe(self, entry: Provider) -> Provider:
        """The provider as if this request were its probe."""
        probe = msgspec.structs.replace(entry.probe, success=self.success, authenticated=self.authenticated)
        return msgspec.structs.replace(entry, probe=probe)


def asked_at(entry: Provider, path: str) -> tuple[Asked, ...]:
    """The requests that a reply may answer, the likeliest first.

    Args:
        entry: of the catalogue.
        path: of the request; a whole URL will do. Empty, or one that the provider's file does not know: what proves a
            key of the usual kind, or of another.

    """
    asked = path.partition("?")[0].partition("#")[0].rstrip("/")
    proofs = tuple(_proofs(entry))
    known = [one for one in (*proofs, *_uses(entry)) if _ends_in(asked, one.path)]
    # The longest ending says most; of equals what proves keys, which is the first.
    return (max(known, key=lambda one: len(one.path)),) if known else proofs


def _proofs(entry: Provider) -> Iterator[Asked]:
    for number, kind in enumerate(entry.kinds()):
        place = f"alternatives[{number - 1}]." if number else ""
        yield Asked(f"{place}{PROBE}", kind.probe.path, kind.probe.success, kind.probe.authenticated)
        exchange = kind.auth.exchange
        if exchange is not None:
            success = Success(expect={exchange.token: "string"})
            yield Asked(f"{place}auth.exchange", exchange.path, success, authenticated=True)


def _uses(entry: Provider) -> Iterator[Asked]:
    models = entry.models
    # That a list asks for a key is seldom written down; that it does not, is.
    checked: Authenticated = "unknown" if models.authenticated else False
    listed = Success(expect={models.items: "list"}) if models.items else Success()
    yield Asked("models", models.path or entry.paths.models, listed, checked)
    used: Authenticated = True if entry.key_required else "unknown"
    yield Asked("paths.chat", entry.paths.chat, Success(), used)
    yield Asked("paths.embeddings", entry.paths.embeddings, Success(), used)


def _ends_in(asked: str, known: str) -> bool:
    pattern = "[^/]+".join(re.escape(part) for part in _FIELD.split(known.rstrip("/")))
    return bool(pattern) and re.search(f"{pattern}$", asked) is not None
