"""kopf as an informer: two low-level event handlers that only take a version in. Nothing of kopf's state is used.

Handlers that keep state, timers and daemons copy specs into annotations, add finalizers that wedge namespaces, and
were measured at a fifteenth of the rate.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import kopf

from llmkeys.api.names import COMPONENT, CREDENTIAL_PLURAL, GROUP, PROVIDER_PLURAL, VERSION
from llmkeys.kube.connection import login as log_in

# About ten minutes of patience: an API server that is away for a while is no reason to exit.
_BACK_OFFS: Final[Sequence[float]] = (0.5, 1, 1, 2, 3, 5, 8, *([15] * 40))
_EXIT_SECONDS: Final = 20.0


def registry_of(
    on_credential: Callable[[str | None, dict[str, Any]], None],
    on_provider: Callable[[str | None, dict[str, Any]], None],
    on_end: Callable[[], None],
) -> kopf.OperatorRegistry:
    """The handlers.

    Args:
        on_credential: told the kind of event (None for one that was listed) and the raw object.
        on_provider: the same.
        on_end: told that kopf is ending, by a signal that it saw while it began or otherwise.

    """
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**_: Any) -> kopf.ConnectionInfo:
        return log_in()

    @kopf.on.event(GROUP, VERSION, CREDENTIAL_PLURAL, registry=registry)
    async def credential_event(event: kopf.RawEvent, **_: Any) -> None:
        on_credential(event["type"], dict(event["object"]))

    @kopf.on.event(GROUP, VERSION, PROVIDER_PLURAL, registry=registry)
    async def provider_event(event: kopf.RawEvent, **_: Any) -> None:
        on_provider(event["type"], dict(event["object"]))

    @kopf.on.cleanup(registry=registry)
    async def end(**_: Any) -> None:
        on_end()

    return registry


class _NoDiff(kopf.DiffBaseStorage):
    """Nothing is remembered between two versions of an object.

    kopf would copy every version of every object in order to compare it; nobody here asks for the difference.
    """

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        pass


def settings_of() -> kopf.OperatorSettings:
    """Kopf's settings: no Events of its own, no peering, no scanning, patience with the API server."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.persistence.diffbase_storage = _NoDiff()
    settings.persistence.finalizer = f"{GROUP}/unused"
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    settings.watching.reconnect_backoff = 0.5
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = _BACK_OFFS
    settings.queueing.idle_timeout = 0.5
    settings.queueing.exit_timeout = 1.0
    settings.process.ultimate_exiting_timeout = _EXIT_SECONDS
    settings.posting.reporting_component = COMPONENT
    return settings
