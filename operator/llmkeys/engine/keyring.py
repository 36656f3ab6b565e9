"""The operator's own keys as they are now."""

import base64
import hashlib
from dataclasses import dataclass, field

from llmkeys.api.credential import UnsealerStatus
from llmkeys.crypto.ring import Ring
from llmkeys.crypto.ring_keys import RootKeys, SealingKeys


@dataclass(frozen=True, slots=True)
class KeyRing:
    """What values are opened with and envelopes are sealed with; a new one replaces it when a ring changes.

    Args:
        sealing: opens values from Git.
        roots: seal and open envelopes.
        sealing_version: changes with every change of that ring.
        unsealer: where workloads have envelopes opened.

    """

    sealing: SealingKeys = field(repr=False)
    roots: RootKeys = field(repr=False)
    sealing_version: str
    unsealer: UnsealerStatus

    @property
    def delivery_version(self) -> str:
        """Changes when envelopes are to be written anew, or their users to be told something new."""
        parts = (self.roots.active.key_id, self.unsealer.address, self.unsealer.ca_bundle)
        return _short("\n".join(parts))


def keyring_of(sealing: Ring, envelope: Ring, unsealer: UnsealerStatus) -> KeyRing:
    """The keys of two rings, ready for use."""
    states = (f"{key.key_id}={key.state}" for key in sealing.keys)
    return KeyRing(SealingKeys(sealing), RootKeys(envelope), _short(",".join(states)), unsealer)


class KeyRingHolder:
    """Holds the keys that are in force; the parts of the engine look here each time."""

    def __init__(self, current: KeyRing) -> None:
        self.current = current


def _short(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:9]).decode()
