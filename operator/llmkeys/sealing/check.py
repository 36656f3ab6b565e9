"""Whether the values of a manifest would be opened where they stand; decided without any private key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from llmkeys.crypto.errors import EnvelopeMalformedError, PublicKeyMalformedError
from llmkeys.crypto.header import Header, Mismatch, Place, mismatch
from llmkeys.crypto.ring import State
from llmkeys.crypto.sealing import header_of
from llmkeys.delivery.holders import delivery_of
from llmkeys.sealing.destination import Destination
from llmkeys.sealing.manifests import CredentialManifest, SealedValue
from llmkeys.sealing.public_keys import PublicKeys
from llmkeys.sealing.terms import widenings


class Problem(StrEnum):
    """Why a value would not be opened, or should not be."""

    MALFORMED = "Malformed"
    NAMESPACE_MISSING = "NamespaceMissing"
    SCOPE = Mismatch.SCOPE.value
    HOST = Mismatch.HOST.value
    DELIVERY = Mismatch.DELIVERY.value
    RECIPIENTS_INVALID = "RecipientsInvalid"
    KEY_NOT_LIVING = "KeyNotLiving"
    KEY_COMPROMISED = "KeyCompromised"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one value.

    Args:
        line: where it stands, counted from 1.
        credential: namespace and name.
        entry: name of the key.
        field: of the type.
        key_id: that it is sealed to, empty if it is malformed.
        problem: None if it would be opened.
        detail: a sentence that says more of the problem.
        notes: what a reviewer may want to know all the same.

    """

    line: int
    credential: str
    entry: str
    field: str
    key_id: str = ""
    problem: Problem | None = None
    detail: str = ""
    notes: tuple[str, ...] = ()


def findings_of(
    credential: CredentialManifest, keys: PublicKeys, destinations: Mapping[str, Destination]
) -> Iterator[Finding]:
    """A finding for each value of a credential.

    Args:
        credential: with the namespace that it will be applied to.
        keys: those of the operator that still open.
        destinations: by the name of the LLMProvider; of one that is missing the host is not checked.

    """
    destination = destinations.get(credential.provider)
    for value in credential.values:
        key_id = ""
        notes: tuple[str, ...] = ()
        try:
            header = header_of(value.text)
        except EnvelopeMalformedError as error:
            wrong: tuple[Problem, str] | None = (Problem.MALFORMED, f"This is no sealed value. {error}")
        else:
            key_id, notes = header.key_id, tuple(_notes(header, credential, destination, keys))
            wrong = _misplaced(header, credential, value, destination) or _dead(header, keys)
        problem, detail = wrong or (None, "")
        yield Finding(value.span.line, str(credential), value.entry, value.field, key_id, problem, detail, notes)


def _misplaced(
    header: Header, credential: CredentialManifest, value: SealedValue, destination: Destination | None
) -> tuple[Problem, str] | None:
    bound = header.binding
    if not credential.namespace:
        return Problem.NAMESPACE_MISSING, "The manifest names no namespace; add metadata.namespace, or --namespace."
    try:
        delivery = delivery_of(credential.target)
    except PublicKeyMalformedError as error:
        return Problem.RECIPIENTS_INVALID, str(error)
    audiences = destination.audiences if destination else {bound.audience}
    place = Place(credential.namespace, credential.name, value.field, audiences, delivery)
    match mismatch(header, place):
        case None:
            return None
        case Mismatch.SCOPE:
            where = f"{bound.namespace}/{bound.name}" if bound.name else f"any credential of {bound.namespace}"
            return Problem.SCOPE, f"It was sealed for field {bound.field} of {where}."
        case Mismatch.HOST:
            goes = ", ".join(sorted(audiences)) or "hosts that no value can be bound to"
            return Problem.HOST, f"It was sealed for {bound.audience}, and {credential.provider} sends keys to {goes}."
        case Mismatch.DELIVERY:
            return Problem.DELIVERY, f"It was sealed for {bound.delivery}, and spec.target asks for {delivery}."


_DEAD: Final = {
    None: (Problem.KEY_NOT_LIVING, "Its key is none of those that the operator opens with. Seal the value again."),
    State.RETIRED: (Problem.KEY_NOT_LIVING, "Its key is retired. Seal the value again."),
    State.COMPROMISED: (
        Problem.KEY_COMPROMISED,
        "Its key is compromised. Create a new API key at the provider, and seal that.",
    ),
}


def _dead(header: Header, keys: PublicKeys) -> tuple[Problem, str] | None:
    return _DEAD.get(keys.state_of(header.key_id))


def _notes(
    header: Header, credential: CredentialManifest, destination: Destination | None, keys: PublicKeys
) -> Iterator[str]:
    if destination is None:
        yield f"the host {header.binding.audience} was not checked: LLMProvider {credential.provider} is not known"
    if keys.state_of(header.key_id) is State.DECRYPT_ONLY:
        yield "its key is no longer the active one; renew it with --reseal"
    yield from widenings(header.binding)
