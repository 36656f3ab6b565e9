"""What the Secret shall hold, in which form, and how that is recognised when it is seen again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from llmkeys.api.credential import LLMCredential, TargetStatus
from llmkeys.api.durations import epoch, rfc3339, seconds
from llmkeys.api.names import ENVELOPE
from llmkeys.crypto.content import encode_content
from llmkeys.crypto.envelope import EnvelopeBinding, RootKey, open_envelope, seal_envelope
from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.mac import MacKey, same
from llmkeys.crypto.recipients import seal_to_recipients
from llmkeys.delivery.manifest import content_mac

OVERLAP: Final = 600.0
SHORTEST_OVERLAP: Final = 300.0
"""The kubelet takes up to two minutes to renew a mounted Secret
(https://kubernetes.io/docs/concepts/configuration/secret/#mounted-secrets-are-updated-automatically)."""

Data = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the status says of a delivery besides the Secret's own version.

    Args:
        content: see `content_of`; empty if nothing is delivered.
        sequence: of the delivery.
        previous_until: until when the delivery before it opens too; empty if it does not.
        key_id: of the root key; empty for what no ring can open.

    """

    content: str = ""
    sequence: int = 0
    previous_until: str = ""
    key_id: str = ""


NOTHING: Final = Sealed()
"""Of a delivery that has not been."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A delivery, ready to be written.

    Args:
        make: the Secret's data. What is sealed comes out differently each time, so it is called only to write.
        mac: of the data that will do as they are; empty if they must be written.
        sealed: for the status.

    """

    make: Callable[[], Data] = field(repr=False)
    mac: str
    sealed: Sealed


@dataclass(frozen=True, slots=True)
class Holders:
    """Who can open a delivery.

    Args:
        namespace_uid: of the credential's namespace.
        root: the active root key, for the unsealer.
        recipients: their public keys; none if the unsealer opens it.

    """

    namespace_uid: str
    root: RootKey = field(repr=False)
    recipients: Sequence[PublicKey] = ()


def content_of(mac: MacKey, credential: LLMCredential, plain: Data) -> str:
    """Tells whether what is delivered is still the same, in whatever form: `<version of the MAC key>.<MAC>`."""
    return f"{mac.version}.{mac.content(credential.metadata.namespace, 'plaintext', {}, plain)}"


def same_content(one: str, other: str) -> bool:
    """Whether two are of the same content; before there were rollouts they were written without a version."""
    return same(one.rpartition(".")[2], other.rpartition(".")[2])


def pack_plain(credential: LLMCredential, plain: Data, mac: MacKey) -> Packed:
    """A Secret that holds the values in clear."""
    sealed = replace(carried(credential.status.target), content=content_of(mac, credential, plain))
    return Packed(lambda: plain, content_mac(mac, credential, plain), sealed)


def pack_sealed(credential: LLMCredential, plain: Data, form: str, holders: Holders, mac: MacKey, now: float) -> Packed:
    """A Secret that holds one envelope, or one for each recipient.

    Args:
        credential: with its status, which says what was delivered before.
        plain: what a plain Secret would hold.
        form: digest of how it is rendered and for whom.
        holders: who can open it.
        mac: recognises content; sealing is randomised.
        now: epoch seconds.

    """
    before = credential.status.target
    content = content_of(mac, credential, plain)
    key_id = "" if holders.recipients else holders.root.key_id
    unchanged = bool(before.key) and same_content(before.content, content) and before.form == form
    sequence = before.sequence if unchanged else before.sequence + 1
    sealed = Sealed(content, sequence, _previous_until(credential, now, unchanged=unchanged), key_id)
    binding = EnvelopeBinding(holders.namespace_uid, credential.metadata.uid, sequence)
    stands = unchanged and before.sealed_with == key_id

    def make() -> Data:
        text = encode_content(plain)
        if holders.recipients:
            return {ENVELOPE: seal_to_recipients(holders.recipients, binding, text)}
        return {ENVELOPE: seal_envelope(holders.root, binding, text).encode()}

    return Packed(make, before.mac if stands else "", sealed)


def resealed(data: Data, root: RootKey, lookup: Callable[[str], RootKey], binding: EnvelopeBinding) -> Data:
    """The same delivery under another root key.

    Raises:
        UserError: it does not open, or belongs elsewhere.

    """
    text = data.get(ENVELOPE, b"").decode(errors="replace")
    plain = open_envelope(text, lookup, binding.namespace_uid, binding.credential_uid, binding.sequence)
    return {ENVELOPE: seal_envelope(root, binding, plain).encode()}


def carried(before: TargetStatus) -> Sealed:
    """For what is in clear or in nobody's hands: the sequence is not forgotten, so that no old envelope opens again."""
    return Sealed(sequence=before.sequence)


def withdrawn(before: TargetStatus) -> Sealed:
    """After a withdrawal the sequence has risen, and nothing from before it opens."""
    return Sealed(sequence=before.sequence + 1) if before.key else carried(before)


def kept(before: TargetStatus, now: float) -> Sealed:
    """What was delivered stands."""
    return Sealed(before.content, before.sequence, _unless_over(before, now), before.sealed_with)


def _previous_until(credential: LLMCredential, now: float, *, unchanged: bool) -> str:
    before = credential.status.target
    if unchanged:
        return _unless_over(before, now)
    if not before.key or not before.sealed_with:
        return ""  # there is none, or it was withdrawn, or the unsealer had nothing to do with it
    overlap = credential.spec.rotation.overlap
    return rfc3339(now + max(seconds(overlap) if overlap else OVERLAP, SHORTEST_OVERLAP))


def _unless_over(before: TargetStatus, now: float) -> str:
    return before.previous_until if before.previous_until and epoch(before.previous_until) > now else ""
