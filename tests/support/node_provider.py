"""A simulated provider that pods can reach: `python -m tests.support.node_provider ADDRESS PORT CA_FILE`.

The simulator listens on loopback alone, under a certificate for it. Before it stands a door at the node's address, with
a certificate of its own; pods find that door through a Service.
"""

import asyncio
import contextlib
import json
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import trustme

from tests.support.node_cluster import NodeCluster
from tests.support.node_commands import Command
from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.control import Control
from tests.support.simulator.fleet import Fleet
from tests.support.simulator.remote import RemoteSimulator
from tests.support.wait import eventually

TYPE: Final = "openai"
GOOD_KEYS: Final = tuple(f"sk-CANARY-of-the-node-{number:04}" for number in range(1, 1201))
"""All other keys are refused."""
GOOD_KEY: Final = GOOD_KEYS[0]
NEXT_KEY: Final = GOOD_KEYS[1]

_NAMESPACE: Final = "models"
_NAME: Final = "simulated"
_HOST: Final = f"{_NAME}.{_NAMESPACE}.svc"
_PORT: Final = 8443
_ROOT: Final = Path(__file__).resolve().parents[2]
_CHUNK: Final = 65536


@dataclass(frozen=True)
class NodeProvider:
    """A provider in a cluster.

    Args:
        base_url: where an LLMProvider and pods find it.
        ca_bundle: by which it is known.
        simulator: decides what keys get, and knows the calls.

    """

    base_url: str
    ca_bundle: str
    simulator: RemoteSimulator


def start_provider(cluster: NodeCluster) -> NodeProvider:
    """Run one inside a cluster's namespaces, for as long as these last; one for each cluster."""
    address = cluster.inside.address
    ca_file = cluster.layout.folder / "provider-ca.crt"
    program: Command = [sys.executable, "-m", "tests.support.node_provider", address, str(_PORT), ca_file]
    paths = f"PYTHONPATH={_ROOT / 'operator'}:{_ROOT}"
    process = cluster.run("provider", ["/usr/bin/env", paths, *program])

    def listens() -> bool:
        process.check()
        return "listening" in process.log.read_text(encoding="utf-8")

    eventually(listens, timeout=30, message="the provider")
    objects = {"apiVersion": "v1", "kind": "List", "items": _service(address)}
    cluster.plane.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(objects))
    control = RemoteSimulator(f"http://{address}:{_PORT + 1}")
    return NodeProvider(f"https://{_HOST}/v1", ca_file.read_text(encoding="ascii"), control)


def _service(address: str) -> list[dict[str, object]]:
    """A Service that leads to the door, which is no pod."""
    named = {"name": _NAME, "namespace": _NAMESPACE}
    slice_ = named | {"labels": {"kubernetes.io/service-name": _NAME}}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}},
        {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": {"ports": [{"name": "https", "port": 443}]}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": slice_,
            "addressType": "IPv4",
            "ports": [{"name": "https", "port": _PORT}],
            "endpoints": [{"addresses": [address]}],
        },
    ]


async def serve(address: str, port: int, own: ssl.SSLContext) -> None:
    """Simulate providers, and stand before them and before their control, until SIGTERM.

    Args:
        address: where to listen.
        port: of the providers; the next one is that of the control.
        own: with the certificate of the first.

    """
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    fleet = Fleet([TYPE])
    fleet.set(dict.fromkeys(GOOD_KEYS, Behaviour.GOOD), None)
    await fleet.start()
    control = Control(fleet)
    behind = urlsplit(fleet.origin(TYPE))
    theirs = ssl.create_default_context(cadata=fleet.ca_pem)
    doors = [
        await asyncio.start_server(_leading_to(behind.port or 0, theirs), address, port, ssl=own),
        await asyncio.start_server(_leading_to(await control.start(0), None), address, port + 1),
    ]
    print("listening", flush=True)
    await stopping.wait()
    for door in doors:
        door.close()
    await control.stop()
    await fleet.stop()


def _leading_to(port: int, tls: ssl.SSLContext | None) -> Callable[..., Awaitable[None]]:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    return relay


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while content := await source.read(_CHUNK):
            target.write(content)
            await target.drain()
    target.close()


def main() -> None:
    address, port, ca_file = sys.argv[1:]
    authority = trustme.CA()
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(_HOST).configure_cert(own)
    Path(ca_file).write_bytes(authority.cert_pem.bytes())
    asyncio.run(serve(address, int(port), own))


if __name__ == "__main__":
    main()
