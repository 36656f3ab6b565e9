"""Key rings: the generations of one of the operator's own keys, how they follow each other, and their stored form.

A ring never changes; a transition gives another one. Exactly one key is active, and what was once in a ring keeps its
id there, so that "retired" is never mistaken for "unknown".
"""

import hashlib
import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Literal, Self, get_args

import msgspec

from llmkeys.crypto.aead import KEY_BYTES, Random
from llmkeys.crypto.errors import KeyActiveError, KeyRetiredError, KeyUnknownError, RingMalformedError
from llmkeys.crypto.keypair import PrivateKey

RingPurpose = Literal["sealing", "envelope", "mac"]

RING_ENTRY: Final = "ring.json"
_FORMAT: Final = 1
_MAC_ID: Final = re.compile(r"[1-9][0-9]{0,8}")
_MAC_MATERIAL: Final = "key"
_MAC_VERSION: Final = "version"
_PATH: Final = re.compile(r"`\$\.?([^`]+)`$")


class State(StrEnum):
    """What a key is still good for."""

    ACTIVE = "active"  # seals and opens
    DECRYPT_ONLY = "decryptOnly"  # opens
    COMPROMISED = "compromised"  # opens, so that what it sealed can be replaced
    RETIRED = "retired"  # nothing; its material is gone


@dataclass(frozen=True, slots=True)
class RingKey:
    """One generation.

    Args:
        key_id: of the public key for sealing, of the material for envelopes, the version in decimal for MACs.
        state: what it is good for.
        created: seconds since the epoch.
        material: 32 bytes (for sealing the seed of the key pair); empty once retired.

    """

    key_id: str
    state: State
    created: float
    material: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ring:
    """All generations of a key, the oldest first.

    Args:
        purpose: what the keys are for.
        keys: exactly one of them active, no id twice, each id that of its material.

    Raises:
        RingMalformedError: they are not so; the text names the field.

    """

    purpose: RingPurpose
    keys: tuple[RingKey, ...]

    def __post_init__(self) -> None:
        if self.purpose not in get_args(RingPurpose):
            raise RingMalformedError("purpose is unknown")
        for index, key in enumerate(self.keys):
            if wrong := _wrong_field(self.purpose, key):
                raise RingMalformedError(f"keys[{index}].{wrong}")
        if len({key.key_id for key in self.keys}) != len(self.keys):
            raise RingMalformedError("keys has an id twice")
        if sum(key.state is State.ACTIVE for key in self.keys) != 1:
            raise RingMalformedError("keys has not exactly one active key")

    @classmethod
    def first(cls, purpose: RingPurpose, now: float, random: Random = secrets.token_bytes) -> Self:
        """A new ring with one key.

        Args:
            purpose: what it is for.
            now: seconds since the epoch.
            random: gives the material.

        """
        return cls(purpose, (_new_key(purpose, 1, now, random),))

    @property
    def active(self) -> RingKey:
        """The one key that seals."""
        return next(key for key in self.keys if key.state is State.ACTIVE)

    def find(self, key_id: str) -> RingKey:
        """A key that opens.

        Raises:
            KeyUnknownError: the ring has never had it.
            KeyRetiredError: its material is gone.

        """
        key = self._any(key_id)
        if key.state is State.RETIRED:
            raise KeyRetiredError(key_id)
        return key

    def due(self, now: float, every_seconds: float) -> bool:
        """Whether the active key is as old as keys may get."""
        return now - self.active.created >= every_seconds

    def rotate(self, now: float, random: Random = secrets.token_bytes) -> Self:
        """With a new active key; the one before it only opens from now on."""
        return self._succeeded(State.DECRYPT_ONLY, now, random)

    def retire(self, key_id: str) -> Self:
        """Without that key's material; its id stays. Whether an object still needs the key is for the caller to know.

        Raises:
            KeyUnknownError: the ring has never had it.
            KeyActiveError: it is the active one.

        """
        key = self._any(key_id)
        if key.state is State.ACTIVE:
            raise KeyActiveError(f"The key {key.key_id} is the active one. Rotate first, then retire it.")
        return self._with(replace(key, state=State.RETIRED, material=b""))

    def compromise(self, key_id: str, now: float, random: Random = secrets.token_bytes) -> Self:
        """With that key never sealed to again, and a new active one if it was active. A retired key stays retired.

        Raises:
            KeyUnknownError: the ring has never had it.

        """
        key = self._any(key_id)
        if key.state is State.ACTIVE:
            return self._succeeded(State.COMPROMISED, now, random)
        if key.state is State.RETIRED:
            return self
        return self._with(replace(key, state=State.COMPROMISED))

    def _any(self, key_id: str) -> RingKey:
        for key in self.keys:
            if key.key_id == key_id:
                return key
        raise KeyUnknownError(key_id)

    def _with(self, changed: RingKey, *more: RingKey) -> Self:
        keys = tuple(changed if key.key_id == changed.key_id else key for key in self.keys)
        return replace(self, keys=keys + more)

    def _succeeded(self, state: State, now: float, random: Random) -> Self:
        version = 1 + max(int(key.key_id) for key in self.keys) if self.purpose == "mac" else 0
        successor = _new_key(self.purpose, version, now, random)
        return self._with(replace(self.active, state=state), successor)


def ring_data(ring: Ring) -> dict[str, bytes]:
    """The ring as a Secret's data: one entry `ring.json`."""
    keys = [_StoredKey(id=key.key_id, state=key.state, created=key.created, material=key.material) for key in ring.keys]
    return {RING_ENTRY: msgspec.json.encode(_StoredRing(version=_FORMAT, purpose=ring.purpose, keys=keys))}


def ring_from(data: Mapping[str, bytes], purpose: RingPurpose | None = None) -> Ring:
    """The ring in a Secret's data.

    Args:
        data: decoded values.
        purpose: what the ring must be for; None if any will do.

    Raises:
        RingMalformedError: it is not as `ring_data` wrote it; the text names the field and never what it holds.

    """
    if RING_ENTRY not in data:
        raise RingMalformedError(f"the entry {RING_ENTRY} is missing")
    try:
        stored = msgspec.json.decode(data[RING_ENTRY], type=_StoredRing)
    except msgspec.ValidationError as error:
        path = _PATH.search(str(error))
        raise RingMalformedError(path[1] if path else f"{RING_ENTRY} is no ring") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RingMalformedError(f"{RING_ENTRY} is no JSON") from None
    if stored.version != _FORMAT:
        raise RingMalformedError("version is not one that this llmkeys knows")
    if purpose not in {None, stored.purpose}:
        raise RingMalformedError(f"purpose is not {purpose}")
    return Ring(stored.purpose, tuple(RingKey(key.id, key.state, key.created, key.material) for key in stored.keys))


def mac_ring_from(data: Mapping[str, bytes]) -> Ring:
    """The MAC ring in a Secret's data: in the form of every ring, or the first one's `key` and `version`.

    Raises:
        RingMalformedError: it is neither.

    """
    if RING_ENTRY in data or _MAC_MATERIAL not in data:
        return ring_from(data, "mac")
    version = data.get(_MAC_VERSION, b"").decode(errors="replace")
    return Ring("mac", (RingKey(version, State.ACTIVE, 0.0, bytes(data[_MAC_MATERIAL])),))


class _StoredKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    id: str
    state: State
    created: float
    material: bytes = b""

    def __repr__(self) -> str:
        return f"_StoredKey({self.id})"


class _StoredRing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    purpose: RingPurpose
    keys: list[_StoredKey]


def _new_key(purpose: RingPurpose, version: int, now: float, random: Random) -> RingKey:
    material = random(KEY_BYTES)
    key_id = str(version) if purpose == "mac" else _id_of(purpose, material)
    return RingKey(key_id, State.ACTIVE, now, material)


def _id_of(purpose: RingPurpose, material: bytes) -> str:
    if purpose == "sealing":
        return PrivateKey(material).public.key_id
    return hashlib.sha256(b"llmkeys/v1 root\0" + material).hexdigest()[:16]


def _wrong_field(purpose: RingPurpose, key: RingKey) -> str | None:
    if not math.isfinite(key.created):
        return "created"
    if len(key.material) != (0 if key.state is State.RETIRED else KEY_BYTES):
        return "material"
    if purpose == "mac":
        return None if _MAC_ID.fullmatch(key.key_id) else "id"
    if key.state is State.RETIRED:
        return None
    return None if key.key_id == _id_of(purpose, key.material) else "id"
