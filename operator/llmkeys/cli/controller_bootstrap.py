"""The parts of the bootstrap that runs beside the controller, put together."""

import asyncio
import os

from llmkeys.catalogue.lookup import Catalogue
from llmkeys.engine.bootstrap import Bootstrap, Parts
from llmkeys.engine.clock import SystemClock
from llmkeys.kube.bootstrap_keys import RingsOfBootstrap
from llmkeys.kube.bootstrap_objects import KubeBootstrap
from llmkeys.kube.bootstrap_watch import KNOCK, BootstrapWatch
from llmkeys.kube.client import ApiClient
from llmkeys.kube.rings import Rings
from llmkeys.telemetry.bootstrap_observer import BootstrapLog
from llmkeys.telemetry.metrics import Metrics


def bootstrap_watch(
    client: ApiClient,
    namespace: str,
    rings: Rings,
    catalogue: Catalogue,
    metrics: Metrics,
    *,
    knock: float = KNOCK,
) -> BootstrapWatch:
    """The bootstrap of one operator, to be run beside it.

    Args:
        client: of the API server.
        namespace: the operator's.
        rings: loaded.
        catalogue: knows the providers.
        metrics: count what is made.
        knock: see `BootstrapWatch`.

    """
    parts = Parts(
        cluster=KubeBootstrap(client, namespace),
        keys=RingsOfBootstrap(rings),
        catalogue=catalogue,
        environment=os.environ,
        clock=SystemClock(),
        observer=BootstrapLog(metrics),
        offload=asyncio.to_thread,
    )
    return BootstrapWatch(client, namespace, Bootstrap(parts), knock=knock)
