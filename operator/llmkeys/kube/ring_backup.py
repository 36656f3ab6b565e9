"""What a backup of the operator's own keys holds, and how it is brought back."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from llmkeys.api.durations import rfc3339
from llmkeys.api.errors import PlatformError
from llmkeys.api.names import MODEL_LISTS, PUBLIC_KEYS, UNSEALER_CA_SECRET
from llmkeys.crypto.certificates import Authorities, authorities_data, authorities_from
from llmkeys.crypto.content import decode_content, encode_content
from llmkeys.crypto.errors import BackupMalformedError, EnvelopeMalformedError
from llmkeys.crypto.ring import RING_ENTRY, Ring, RingPurpose, ring_data, ring_from
from llmkeys.kube.ring_merge import merged
from llmkeys.kube.ring_objects import OwnObjects, Resource
from llmkeys.kube.ring_secrets import RING_SECRETS, RingAbsentError, RingSecrets, RingUnreadableError

_VERSION: Final = 1
_ABOUT: Final = "about"
_RING: Final = "ring/"
_AUTHORITIES: Final = f"secret/{UNSEALER_CA_SECRET}"
_CONFIG_MAP: Final = "configmap/"


class _About(msgspec.Struct):
    version: int
    namespace: str
    created: str


class _ConfigMap(msgspec.Struct):
    data: dict[str, str]
    immutable: bool = False


class AlreadyThereError(PlatformError):
    """Objects are there and differ from the backup; nothing was written.

    Args:
        names: of these objects.

    """

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"Nothing was restored, since these are there and differ: {', '.join(names)}. With --replace they become "
            "what the backup holds; keys of theirs that the backup lacks still open."
        )


class ImmutableError(PlatformError):
    """An immutable ConfigMap differs from the backup; nothing was written.

    Args:
        name: of the ConfigMap.

    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Nothing was restored, since ConfigMap {name} differs from the backup and cannot be changed. If the "
            f"backup's is the right one: kubectl delete configmap {name}, and restore again."
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of one object.

    Args:
        name: of the object.
        outcome: `created`, `replaced` or `unchanged`.

    """

    name: str
    outcome: str


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    outcome: str
    write: Callable[[], Awaitable[object]] | None = field(default=None, repr=False)


async def collect(secrets: RingSecrets, now: float) -> dict[str, bytes]:
    """The items of a backup: the rings unwrapped, the unsealer's authorities, our other ConfigMaps (receipts).

    Args:
        secrets: with the key-encryption key if the rings are wrapped.
        now: epoch seconds.

    Raises:
        RingAbsentError: a ring is not there; half a backup is none.

    """
    objects = secrets.objects
    items = {_ABOUT: msgspec.json.encode(_About(_VERSION, objects.namespace, rfc3339(now)))}
    for purpose in RING_SECRETS:
        stored = await secrets.read(purpose)
        if stored is None:
            raise RingAbsentError(secrets.label(purpose))
        items[_RING + purpose] = ring_data(stored.ring)[RING_ENTRY]
    authorities = await objects.read("secrets", UNSEALER_CA_SECRET)
    if authorities is not None:
        items[_AUTHORITIES] = encode_content(authorities.data)
    for one in await objects.internal("configmaps"):
        # Those follow from the ring, and from what providers say.
        if one.name != PUBLIC_KEYS and not one.name.startswith(MODEL_LISTS):
            texts = {name: value.decode() for name, value in one.data.items()}
            items[_CONFIG_MAP + one.name] = msgspec.json.encode(_ConfigMap(texts, one.immutable))
    return items


async def restore(items: Mapping[str, bytes], secrets: RingSecrets, *, replace: bool) -> list[Restored]:
    """Bring back what `collect` gave; doing it again after half of it changes nothing more.

    Args:
        items: of the backup.
        secrets: of the operator's namespace; with a key-encryption key the rings are written wrapped.
        replace: change what is there and differs.

    Raises:
        BackupMalformedError: the items are not as `collect` gave them; nothing was written.
        AlreadyThereError: objects differ and `replace` is false; nothing was written.
        ImmutableError: a ConfigMap differs and can never be changed; nothing was written.

    """
    saved = _saved(items)
    steps = [await _ring_step(ring, secrets) for ring in saved.rings]
    if saved.authorities is not None:
        steps.append(await _authorities_step(saved.authorities, secrets.objects))
    for name, wanted in saved.config_maps.items():
        steps.append(await _config_map_step(name, wanted, secrets.objects))
    differing = [step.name for step in steps if step.outcome == "replaced"]
    if differing and not replace:
        raise AlreadyThereError(differing)
    for step in steps:
        if step.write is not None:
            await step.write()
    return [Restored(step.name, step.outcome) for step in steps]


@dataclass(frozen=True, slots=True)
class _Saved:
    rings: tuple[Ring, ...]
    authorities: Authorities | None
    config_maps: Mapping[str, _ConfigMap]


def _saved(items: Mapping[str, bytes]) -> _Saved:
    try:
        about = msgspec.json.decode(items[_ABOUT], type=_About)
        if about.version != _VERSION:
            raise BackupMalformedError("The backup is of a version that this llmkeys does not know.")
        rings = tuple(_ring(items, purpose) for purpose in RING_SECRETS)
        authorities = authorities_from(decode_content(items[_AUTHORITIES])) if _AUTHORITIES in items else None
        config_maps = {
            name.removeprefix(_CONFIG_MAP): msgspec.json.decode(content, type=_ConfigMap)
            for name, content in items.items()
            if name.startswith(_CONFIG_MAP)
        }
    except (KeyError, msgspec.MsgspecError, UnicodeDecodeError, EnvelopeMalformedError):
        raise BackupMalformedError("The backup opened, but it does not hold what llmkeys backs up.") from None
    return _Saved(rings, authorities, config_maps)


def _ring(items: Mapping[str, bytes], purpose: RingPurpose) -> Ring:
    return ring_from({RING_ENTRY: items[_RING + purpose]}, purpose)


async def _ring_step(ring: Ring, secrets: RingSecrets) -> _Step:
    name = RING_SECRETS[ring.purpose]
    try:
        stored = await secrets.read(ring.purpose)
    except RingUnreadableError:
        spoilt = await secrets.objects.read("secrets", name)
        if spoilt is None:
            raise
        return _Step(name, "replaced", lambda: secrets.replace(spoilt, ring))
    if stored is None:
        return _Step(name, "created", lambda: secrets.create(ring))
    wanted = merged(stored.ring, ring)
    if wanted == stored.ring:
        return _Step(name, "unchanged")
    return _Step(name, "replaced", lambda: secrets.replace(stored.found, wanted))


async def _authorities_step(authorities: Authorities, objects: OwnObjects) -> _Step:
    return await _object_step("secrets", UNSEALER_CA_SECRET, authorities_data(authorities), objects)


async def _config_map_step(name: str, wanted: _ConfigMap, objects: OwnObjects) -> _Step:
    data = {key: value.encode() for key, value in wanted.data.items()}
    return await _object_step("configmaps", name, data, objects, immutable=wanted.immutable)


async def _object_step(
    resource: Resource, name: str, data: Mapping[str, bytes], objects: OwnObjects, *, immutable: bool = False
) -> _Step:
    found = await objects.read(resource, name)
    if found is None:
        return _Step(name, "created", lambda: objects.create(resource, name, data, immutable=immutable))
    if found.data == data:
        return _Step(name, "unchanged")
    if found.immutable:
        raise ImmutableError(name)
    return _Step(name, "replaced", lambda: objects.replace(found, data))
