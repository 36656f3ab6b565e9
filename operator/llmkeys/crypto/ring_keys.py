"""From a ring to the keys that seal and open; each key pair is expanded once."""

from typing import Final

from llmkeys.crypto.envelope import RootKey
from llmkeys.crypto.errors import KeyRetiredError, KeyUnknownError
from llmkeys.crypto.keypair import PrivateKey, PublicKey
from llmkeys.crypto.mac import MacKey
from llmkeys.crypto.ring import Ring, RingKey, State


class SealingKeys:
    """The key pairs of a ring for sealing; call it with an id for the one that opens.

    Args:
        ring: of purpose `sealing`.

    """

    def __init__(self, ring: Ring) -> None:
        _require(ring, "sealing")
        self._ring: Final = ring
        self._pairs: Final = {
            key.key_id: PrivateKey(key.material) for key in ring.keys if key.state is not State.RETIRED
        }

    def __call__(self, key_id: str) -> PrivateKey:
        """The key pair with that id.

        Raises:
            KeyUnknownError: the ring has never had it.
            KeyRetiredError: its material is gone.

        """
        return self._pairs[self._ring.find(key_id).key_id]

    @property
    def active(self) -> PublicKey:
        """What values are sealed to."""
        return self._pairs[self._ring.active.key_id].public

    def publics(self) -> dict[str, PublicKey]:
        """The public halves by id, the oldest first, without retired ones."""
        return {key_id: pair.public for key_id, pair in self._pairs.items()}


class RootKeys:
    """The roots of a ring for envelopes; call it with an id for the one that opens.

    Args:
        ring: of purpose `envelope`.

    """

    def __init__(self, ring: Ring) -> None:
        _require(ring, "envelope")
        self._ring: Final = ring

    def __call__(self, key_id: str) -> RootKey:
        """The root with that id.

        Raises:
            KeyUnknownError: the ring has never had it.
            KeyRetiredError: its material is gone.

        """
        return _root(self._ring.find(key_id))

    @property
    def active(self) -> RootKey:
        """What envelopes are sealed under."""
        return _root(self._ring.active)


def mac_key(ring: Ring) -> MacKey:
    """The MAC key in use, with its version.

    Args:
        ring: of purpose `mac`.

    """
    _require(ring, "mac")
    return MacKey(int(ring.active.key_id), ring.active.material)


def mac_key_of(ring: Ring, version: int) -> MacKey | None:
    """The MAC key of a version; None if it is gone, or was never there.

    Args:
        ring: of purpose `mac`.
        version: of the key.

    """
    _require(ring, "mac")
    try:
        return MacKey(version, ring.find(str(version)).material)
    except (KeyUnknownError, KeyRetiredError):
        return None


def _root(key: RingKey) -> RootKey:
    return RootKey(key.key_id, key.material)


def _require(ring: Ring, purpose: str) -> None:
    if ring.purpose != purpose:
        raise ValueError(f"a ring for {ring.purpose} is not one for {purpose}")
