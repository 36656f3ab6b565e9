"""Opens the sealed values of a credential's keys; what may not be opened here is refused before it is."""

from llmkeys.api.credential import KeyEntry, LLMCredential
from llmkeys.api.reasons import Reason
from llmkeys.crypto.errors import (
    DecryptFailedError,
    EnvelopeMalformedError,
    KeyRetiredError,
    KeyUnknownError,
)
from llmkeys.crypto.header import Binding, Mismatch, Place, Scope, mismatch
from llmkeys.crypto.ring_keys import SealingKeys
from llmkeys.crypto.sealing import header_of, open_sealed
from llmkeys.delivery.holders import delivery_of
from llmkeys.engine.resolve import Resolved
from llmkeys.probe.material import Candidate, candidates_of
from llmkeys.probe.reach import Reach

_SOURCE = "spec.keys (llmkeys seal)"
_REASONS = {
    Mismatch.SCOPE: Reason.SEALED_FOR_OTHER_SCOPE,
    Mismatch.HOST: Reason.SEALED_FOR_OTHER_HOST,
    Mismatch.DELIVERY: Reason.SEALED_FOR_OTHER_DELIVERY,
}


def open_entry(
    credential: LLMCredential, entry: KeyEntry, resolved: Resolved, reach: Reach, keys: SealingKeys
) -> list[Candidate]:
    """The keys that an entry's sealed values hold, or why they are not opened.

    Args:
        credential: whose entry it is.
        entry: with `sealed`.
        resolved: its provider, with an endpoint.
        reach: where the key would go.
        keys: of the operator.

    """
    if resolved.entry is None or resolved.endpoint is None:
        raise AssertionError("sealed values are opened for an endpoint")
    data: dict[str, bytes] = {}
    for field, text in sorted(entry.sealed.items()):
        opened = _open(credential, field, text, reach, keys)
        if not isinstance(opened, bytes):
            return [_refused(entry, field, *opened)]
        data[field] = opened
    return candidates_of(entry, data, resolved.entry, resolved.endpoint.base.origin.host, source=_SOURCE)


def _open(
    credential: LLMCredential, field: str, text: str, reach: Reach, keys: SealingKeys
) -> bytes | tuple[Reason, str]:
    """The plaintext, or the reason and the words for its message."""
    place = Place(
        namespace=credential.metadata.namespace,
        name=credential.metadata.name,
        field=field,
        audiences=reach.audiences,
        delivery=delivery_of(credential.spec.target),
    )
    try:
        header = header_of(text)
        wrong = mismatch(header, place)
        if wrong is not None:
            return _REASONS[wrong], _told(header.binding, wrong)
        return open_sealed(text, keys)
    except KeyRetiredError as error:
        return Reason.KEY_RETIRED, error.key_id
    except (EnvelopeMalformedError, KeyUnknownError, DecryptFailedError):
        return Reason.DECRYPT_FAILED, ""


def _told(bound: Binding, wrong: Mismatch) -> str:
    """What the header says of the part that does not fit; it is clear text, and whoever reads status may read it."""
    if wrong is Mismatch.HOST:
        return bound.audience
    if wrong is Mismatch.DELIVERY:
        return bound.delivery
    where = f"namespace {bound.namespace}"
    if bound.scope == Scope.CREDENTIAL:
        where = f"LLMCredential {bound.namespace}/{bound.name}"
    return f"field {bound.field} of {where}"


def _refused(entry: KeyEntry, field: str, reason: Reason, detail: str) -> Candidate:
    return Candidate(entry.name, entry.name, None, reason, {"field": field, "detail": detail, "source": _SOURCE})
