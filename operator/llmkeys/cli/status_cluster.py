"""Reads LLMProviders and LLMCredentials with the person's own rights, and tells when one of them changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import msgspec

from llmkeys.api.credential import LLMCredential
from llmkeys.api.names import CREDENTIAL_PLURAL, PROVIDER_PLURAL
from llmkeys.api.provider import LLMProvider
from llmkeys.engine.effects import ForbiddenError, NotThereError, RefusedError
from llmkeys.kube.client import ApiClient
from llmkeys.kube.cluster import BASE
from llmkeys.kube.credentials import credentials_in
from llmkeys.kube.watch import MetadataWatch

_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Picture:
    """What may be read.

    Args:
        providers: by name; None if the person may not see them.
        credentials: those asked for.

    """

    providers: dict[str, LLMProvider] | None
    credentials: list[LLMCredential]


class _Page(msgspec.Struct):
    class Meta(msgspec.Struct, rename={"continue_": "continue"}):
        continue_: str = ""

    metadata: Meta
    items: list[LLMProvider] | None = None


@asynccontextmanager
async def connected() -> AsyncIterator[ApiClient]:
    """A client that is logged in.

    Raises:
        NoConnectionError: there are no credentials.

    """
    client = ApiClient()
    await client.open()
    try:
        yield client
    finally:
        await client.close()


async def picture_of(client: ApiClient, namespace: str, name: str) -> Picture:
    """What there is now.

    Args:
        client: logged in.
        namespace: of the credentials, empty for all.
        name: of the one credential that is meant, empty for all.

    Raises:
        NotThereError: that credential is not there.
        ForbiddenError: a right is missing.

    """
    if name:
        credential = await _credential(client, namespace, name)
        provider = await _provider(client, credential.spec.provider_ref.name)
        return Picture({provider.metadata.name: provider} if provider else None, [credential])
    credentials = await credentials_in(client, [namespace] if namespace else [])
    providers = await _providers(client)
    if namespace and providers is not None:
        used = {one.spec.provider_ref.name for one in credentials}
        providers = {known: one for known, one in providers.items() if known in used}
    return Picture(providers, credentials)


class Changes:
    """Tells that something changed, and neither what nor how often.

    Args:
        client: logged in.
        namespace: whose credentials count, empty for all.

    """

    def __init__(self, client: ApiClient, namespace: str, *, providers: bool) -> None:
        path = (
            f"{BASE}/namespaces/{quote(namespace)}/{CREDENTIAL_PLURAL}" if namespace else f"{BASE}/{CREDENTIAL_PLURAL}"
        )
        paths = [(path, CREDENTIAL_PLURAL)] + ([(f"{BASE}/{PROVIDER_PLURAL}", PROVIDER_PLURAL)] if providers else [])
        self._changed = asyncio.Event()
        self._watches = [
            MetadataWatch(
                client, path, resource, "", lambda _key, _meta: self._changed.set(), lambda _key: self._changed.set()
            )
            for path, resource in paths
        ]

    async def run(self) -> None:
        """Watch, for ever."""
        async with asyncio.TaskGroup() as group:
            for one in self._watches:
                group.create_task(one.run())

    async def wait(self) -> None:
        """Return once something changed after the last call."""
        await self._changed.wait()
        self._changed.clear()


async def _credential(client: ApiClient, namespace: str, name: str) -> LLMCredential:
    path = f"{BASE}/namespaces/{quote(namespace, safe='')}/{CREDENTIAL_PLURAL}/{quote(name, safe='')}"
    try:
        return msgspec.json.decode(await client.get(path, CREDENTIAL_PLURAL), type=LLMCredential)
    except NotThereError:
        raise NotThereError(f"There is no LLMCredential {namespace}/{name}.") from None
    except msgspec.MsgspecError:
        raise RefusedError(f"LLMCredential {namespace}/{name} does not have the shape of its schema.") from None


async def _provider(client: ApiClient, name: str) -> LLMProvider | None:
    try:
        content = await client.get(f"{BASE}/{PROVIDER_PLURAL}/{quote(name, safe='')}", PROVIDER_PLURAL)
    except (NotThereError, ForbiddenError):
        return None
    try:
        return msgspec.json.decode(content, type=LLMProvider)
    except msgspec.MsgspecError:
        raise RefusedError(f"LLMProvider {name} does not have the shape of its schema.") from None


async def _providers(client: ApiClient) -> dict[str, LLMProvider] | None:
    found: dict[str, LLMProvider] = {}
    following = ""
    while True:
        more = f"&continue={quote(following)}" if following else ""
        try:
            content = await client.list(f"{BASE}/{PROVIDER_PLURAL}?limit={_CHUNK}{more}", PROVIDER_PLURAL)
        except ForbiddenError:
            return None
        try:
            page = msgspec.json.decode(content, type=_Page)
        except msgspec.MsgspecError:
            raise RefusedError(f"list {PROVIDER_PLURAL}: one does not have the shape of its schema") from None
        found |= {one.metadata.name: one for one in page.items or ()}
        following = page.metadata.continue_
        if not following:
            return found
