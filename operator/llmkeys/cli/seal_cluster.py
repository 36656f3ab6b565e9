"""What `llmkeys seal` asks the cluster, with the person's own rights."""

import asyncio
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from llmkeys.api.errors import PlatformError
from llmkeys.api.names import API_VERSION, PROVIDER_PLURAL, PUBLIC_KEYS, SEALING_SECRET
from llmkeys.api.provider import LLMProvider
from llmkeys.crypto.ring_keys import SealingKeys
from llmkeys.crypto.wrapping import kek_from
from llmkeys.engine.effects import ForbiddenError, NotThereError
from llmkeys.kube.client import ApiClient
from llmkeys.kube.ring_objects import OwnObjects
from llmkeys.kube.ring_secrets import RingSecrets
from llmkeys.sealing.public_keys import PublicKeys, public_keys_from

_T = TypeVar("_T")


class ClusterAnswerError(PlatformError):
    """The cluster does not show what was asked for; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the cluster shows.

    Args:
        server: its address.
        keys: the operator's public keys.
        providers: by name, those of the ones asked for that are there and may be read.

    """

    server: str
    keys: PublicKeys
    providers: dict[str, LLMProvider]


def fetch(namespace: str, providers: Collection[str]) -> Shown:
    """The public keys and some LLMProviders.

    Args:
        namespace: the operator's.
        providers: names.

    Raises:
        ClusterAnswerError: there are no public keys, or they may not be read.
        LlmkeysError: the API server cannot be asked.

    """
    return asyncio.run(_fetch(namespace, providers))


def sealing_keys(namespace: str, kek: Path | None) -> SealingKeys:
    """The operator's private keys, for a person who may read them.

    Args:
        namespace: the operator's.
        kek: the file of the key that its rings are wrapped with.

    Raises:
        ClusterAnswerError: there is no ring, or it may not be read.
        LlmkeysError: the ring cannot be used, or the API server not be asked.

    """
    return asyncio.run(_sealing_keys(namespace, None if kek is None else kek_from(kek.read_bytes())))


async def _fetch(namespace: str, providers: Collection[str]) -> Shown:
    client = ApiClient()
    connection = await client.open()
    try:
        objects = OwnObjects(client, namespace)
        found = await _allowed(objects.read("configmaps", PUBLIC_KEYS), f"ConfigMap {namespace}/{PUBLIC_KEYS}")
        if found is None:
            raise ClusterAnswerError(
                f"There is no ConfigMap {namespace}/{PUBLIC_KEYS}: the operator has not run there yet, or it runs in "
                "another namespace (--operator-namespace)."
            )
        keys = public_keys_from({name: value.decode(errors="replace") for name, value in found.data.items()})
        read = {name: await _provider(client, name) for name in providers}
    finally:
        await client.close()
    return Shown(connection.server, keys, {name: one for name, one in read.items() if one is not None})


async def _provider(client: ApiClient, name: str) -> LLMProvider | None:
    try:
        content = await client.get(f"/apis/{API_VERSION}/{PROVIDER_PLURAL}/{quote(name, safe='')}", PROVIDER_PLURAL)
    except (NotThereError, ForbiddenError):
        return None
    try:
        return msgspec.json.decode(content, type=LLMProvider)
    except msgspec.MsgspecError:
        raise ClusterAnswerError(f"LLMProvider {name} is not as its schema wants it.") from None


async def _sealing_keys(namespace: str, kek: bytes | None) -> SealingKeys:
    client = ApiClient()
    await client.open()
    try:
        rings = RingSecrets(OwnObjects(client, namespace), kek)
        stored = await _allowed(rings.read("sealing"), f"Secret {namespace}/{SEALING_SECRET}")
    finally:
        await client.close()
    if stored is None:
        raise ClusterAnswerError(
            f"There is no Secret {namespace}/{SEALING_SECRET}: does the operator run in another namespace "
            "(--operator-namespace)?"
        )
    return SealingKeys(stored.ring)


async def _allowed(asked: Coroutine[Any, Any, _T], what: str) -> _T:
    try:
        return await asked
    except ForbiddenError:
        raise ClusterAnswerError(f"You may not read {what}. Ask whoever runs the operator for the right.") from None
