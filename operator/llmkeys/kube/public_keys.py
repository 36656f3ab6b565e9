"""The ConfigMap that tells everybody who is logged in which key to seal to."""

from typing import Final

import msgspec

from llmkeys.api.durations import rfc3339
from llmkeys.api.names import PUBLIC_KEYS
from llmkeys.crypto.ring import Ring, State
from llmkeys.crypto.ring_keys import SealingKeys
from llmkeys.kube.ring_objects import OwnObject, OwnObjects

ACTIVE_ENTRY: Final = "sealing"
ALL_ENTRY: Final = "keys.json"


class PublishedKey(msgspec.Struct, frozen=True):
    """One public key in `keys.json`.

    Args:
        id: of the key, 16 hex characters.
        state: of the ring's key, never `retired`.
        created: RFC 3339.
        key: the one-line text of the public key.

    """

    id: str
    state: str
    created: str
    key: str


def public_keys_data(ring: Ring) -> dict[str, bytes]:
    """What the ConfigMap holds: the active key's line, and all that still open, the active one first.

    Args:
        ring: of purpose `sealing`.

    """
    publics = SealingKeys(ring).publics()
    living = [key for key in ring.keys if key.key_id in publics]
    living.sort(key=lambda key: (key.state is not State.ACTIVE, -key.created))
    keys = [PublishedKey(key.key_id, key.state, rfc3339(key.created), publics[key.key_id].text()) for key in living]
    return {ACTIVE_ENTRY: keys[0].key.encode(), ALL_ENTRY: msgspec.json.format(msgspec.json.encode(keys), indent=2)}


async def published_ids(objects: OwnObjects) -> frozenset[str]:
    """The ids that the ConfigMap names: a trace of rings that were there. Empty if it is not there, or says nothing."""
    found = await objects.read("configmaps", PUBLIC_KEYS)
    if found is None:
        return frozenset()
    try:
        keys = msgspec.json.decode(found.data.get(ALL_ENTRY, b""), type=list[PublishedKey])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return frozenset()
    return frozenset(key.id for key in keys)


async def publish(objects: OwnObjects, ring: Ring, *, renew: bool = True) -> OwnObject:
    """Have the ConfigMap say what the ring says; nothing is written where it does.

    Args:
        objects: of the operator's namespace.
        ring: of purpose `sealing`.
        renew: False leaves what is there as it is, and only makes what is not.

    Raises:
        ConflictError: somebody else writes it at this moment.

    """
    wanted = public_keys_data(ring)
    found = await objects.read("configmaps", PUBLIC_KEYS)
    if found is None:
        return await objects.create("configmaps", PUBLIC_KEYS, wanted)
    if not renew or (found.data == wanted and found.labelled):
        return found
    return await objects.replace(found, wanted)
