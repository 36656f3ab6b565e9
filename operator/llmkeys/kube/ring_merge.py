"""Two states of one ring as one, so that bringing back a backup loses no key."""

from dataclasses import replace
from typing import Final

from llmkeys.crypto.ring import Ring, RingKey, State

_STRICTNESS: Final = (State.ACTIVE, State.DECRYPT_ONLY, State.COMPROMISED, State.RETIRED)


def merged(current: Ring, saved: Ring) -> Ring:
    """All keys of both rings; of a key in both the stricter state counts, and the newest active one seals.

    Versions of a MAC key are no digests of it: where one version means two keys, the saved ring stands alone.

    Args:
        current: as it is in the cluster.
        saved: of the same purpose, from a backup.

    Raises:
        RingMalformedError: each ring has given up what the other seals with.

    """
    keys = {key.key_id: key for key in current.keys}
    for key in saved.keys:
        known = keys.get(key.key_id, key)
        if known.material and key.material and known.material != key.material:
            return saved
        keys[key.key_id] = _stricter(known, key)
    ordered = sorted(keys.values(), key=lambda key: key.created)
    active = [key.key_id for key in ordered if key.state is State.ACTIVE]
    return Ring(current.purpose, tuple(_demoted(key) if key.key_id in active[:-1] else key for key in ordered))


def _stricter(one: RingKey, other: RingKey) -> RingKey:
    return max(one, other, key=lambda key: _STRICTNESS.index(key.state))


def _demoted(key: RingKey) -> RingKey:
    return replace(key, state=State.DECRYPT_ONLY)
