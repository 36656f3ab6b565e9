"""Seal the values of a text again, to the active key and with the very header that they have: nothing gets wider."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

from llmkeys.api.errors import LlmkeysError
from llmkeys.crypto.header import Binding, Header, Purpose
from llmkeys.crypto.keypair import PrivateKey, PublicKey
from llmkeys.crypto.sealing import header_of, open_sealed, seal
from llmkeys.sealing.errors import ResealRefusedError
from llmkeys.sealing.manifests import CredentialManifest, SealedValue, read_manifests
from llmkeys.sealing.rewrite import rewritten


@dataclass(frozen=True, slots=True)
class Change:
    """A value that was sealed again.

    Args:
        credential: namespace and name, as the manifest has them.
        value: as it was.
        before: its header.
        after: the header of what takes its place.

    """

    credential: str
    value: SealedValue
    before: Header
    after: Header

    def difference(self) -> Iterator[str]:
        """The header's fields a line each, as a diff: with a minus and a plus where they differ."""
        for name, old, new in (("key", self.before.key_id, self.after.key_id), *self._bindings()):
            if old == new:
                yield f"  {name}: {old}"
            else:
                yield f"- {name}: {old}"
                yield f"+ {name}: {new}"

    def _bindings(self) -> Iterator[tuple[str, str, str]]:
        for part in fields(Binding):
            yield part.name, getattr(self.before.binding, part.name), getattr(self.after.binding, part.name)


@dataclass(frozen=True, slots=True)
class Resealed:
    """A text whose values are all sealed to the active key.

    Args:
        text: the whole of it.
        changes: none if they were before.

    """

    text: str
    changes: tuple[Change, ...]


def resealed(text: str, keys: Callable[[str], PrivateKey], active: PublicKey) -> Resealed:
    """Seal every value that is not sealed to the active key again.

    Args:
        text: manifests, of any number of documents.
        keys: gives the private key of an id, or raises KeyUnknownError or KeyRetiredError.
        active: what to seal to.

    Raises:
        ManifestMalformedError: the text cannot be read.
        ResealRefusedError: a value does not open.

    """
    changes: list[Change] = []
    replacements: list[tuple[SealedValue, str]] = []
    for credential in read_manifests(text).credentials:
        for value in credential.values:
            before = _header(value)
            if before.key_id == active.key_id:
                continue
            new = _again(value, before, keys, active)
            replacements.append((value, new))
            changes.append(_change(credential, value, before, new))
    return Resealed(rewritten(text, replacements), tuple(changes))


def _header(value: SealedValue) -> Header:
    try:
        header = header_of(value.text)
    except LlmkeysError as error:
        raise ResealRefusedError(value.span.line, str(error)) from None
    if header.binding.purpose != Purpose.SEAL:
        raise ResealRefusedError(value.span.line, "This was sealed for a recipient, and not for the operator.")
    return header


def _again(value: SealedValue, header: Header, keys: Callable[[str], PrivateKey], active: PublicKey) -> str:
    try:
        return seal(active, header.binding, open_sealed(value.text, keys))
    except LlmkeysError as error:
        raise ResealRefusedError(value.span.line, str(error)) from None


def _change(credential: CredentialManifest, value: SealedValue, before: Header, new: str) -> Change:
    return Change(str(credential), value, before, header_of(new))
