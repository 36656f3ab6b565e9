"""The operator's key rings as a bootstrap uses them."""

from typing import Final

from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.mac import MacKey
from llmkeys.crypto.ring_keys import SealingKeys, mac_key, mac_key_of
from llmkeys.kube.rings import Rings


class RingsOfBootstrap:
    """Whatever the rings hold at the moment.

    Args:
        rings: kept up to date by others.

    """

    def __init__(self, rings: Rings) -> None:
        self._rings: Final = rings

    def public(self) -> PublicKey:
        """What values are sealed to now."""
        return SealingKeys(self._rings.sealing).active

    def mac(self) -> MacKey:
        """What digests are made with now."""
        return mac_key(self._rings.mac)

    def mac_of(self, version: int) -> MacKey | None:
        """The key of that version; None if it is gone."""
        return mac_key_of(self._rings.mac, version)

    def born(self) -> float:
        """When the first MAC key was made, in epoch seconds."""
        return min(key.created for key in self._rings.mac.keys)
