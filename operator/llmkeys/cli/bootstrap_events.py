"""What the operator has told about the input of a bootstrap lately, for as long as the cluster keeps Events."""

from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from llmkeys.api.names import BOOTSTRAP_SECRET
from llmkeys.engine.effects import ForbiddenError
from llmkeys.kube.client import ApiClient

_RESOURCE: Final = "events"


class ToldEvent(msgspec.Struct, frozen=True):
    """One Event: reason, message, and when it was told last (RFC 3339)."""

    reason: str
    message: str
    at: str


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    creation_timestamp: str = ""


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    metadata: _Metadata
    reason: str = ""
    message: str = ""
    last_timestamp: str | None = None
    event_time: str | None = None


class _Events(msgspec.Struct, frozen=True):
    items: list[_Event] | None = None


async def events_about_input(client: ApiClient, namespace: str) -> list[ToldEvent]:
    """The last one of each reason, the oldest first; none if they may not be listed.

    Args:
        client: logged in.
        namespace: the operator's.

    """
    query = urlencode({"fieldSelector": f"involvedObject.name={BOOTSTRAP_SECRET}"})
    try:
        content = await client.list(f"/api/v1/namespaces/{quote(namespace, safe='')}/events?{query}", _RESOURCE)
        found = msgspec.json.decode(content, type=_Events).items or []
    except (ForbiddenError, msgspec.MsgspecError):
        return []
    told = sorted((ToldEvent(one.reason, one.message, _time(one)) for one in found), key=lambda one: one.at)
    return list({one.reason: one for one in told}.values())


def _time(event: _Event) -> str:
    return event.last_timestamp or event.event_time or event.metadata.creation_timestamp
