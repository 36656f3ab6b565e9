"""Lists LLMCredentials page by page, for commands that look at all of them once."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from llmkeys.api.credential import LLMCredential
from llmkeys.api.names import CREDENTIAL_PLURAL
from llmkeys.engine.effects import RefusedError
from llmkeys.kube.client import ApiClient
from llmkeys.kube.cluster import BASE

_CHUNK: Final = 500


class _ListMeta(msgspec.Struct, rename={"continue_": "continue"}):
    continue_: str = ""


class _Page(msgspec.Struct):
    metadata: _ListMeta
    items: list[LLMCredential] | None = None


async def credentials_in(client: ApiClient, namespaces: Sequence[str]) -> list[LLMCredential]:
    """All credentials of these namespaces, of the whole cluster if there are none.

    Raises:
        ForbiddenError: a right is missing.
        RefusedError: an object does not have the shape of the schema.

    """
    paths = [f"{BASE}/namespaces/{quote(one)}/{CREDENTIAL_PLURAL}" for one in namespaces]
    found: list[LLMCredential] = []
    for path in paths or [f"{BASE}/{CREDENTIAL_PLURAL}"]:
        following = ""
        while True:
            query = {"limit": str(_CHUNK)} | ({"continue": following} if following else {})
            content = await client.list(f"{path}?{urlencode(query)}", CREDENTIAL_PLURAL)
            try:
                page = msgspec.json.decode(content, type=_Page)
            except msgspec.MsgspecError:
                raise RefusedError(f"list {CREDENTIAL_PLURAL}: one does not have the shape of its schema") from None
            found += page.items or ()
            following = page.metadata.continue_
            if not following:
                break
    return found
