"""A simulated provider that pods can reach: `python -m tests.support.node_provider ADDRESS PORT CA_FILE`.

The simulator listens on loopback alone, under a certificate for it. Before it stands a door at the node's address, with
a certificate of its own.
"""

import asyncio
import contextlib
import signal
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import trustme

from tests.support.node_cluster import NodeCluster
from tests.support.node_commands import Command
from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.simulator import Simulator
from tests.support.wait import eventually

TYPE: Final = "openai"
GOOD_KEY: Final = "sk-CANARY-of-the-node-0001"
"""Every other key is refused."""

_PORT: Final = 8443
_ROOT: Final = Path(__file__).resolve().parents[2]
_CHUNK: Final = 65536


@dataclass(frozen=True)
class NodeProvider:
    """What an LLMProvider has to say to reach it."""

    base_url: str
    ca_bundle: str


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
    return NodeProvider(f"https://{address}:{_PORT}/v1", ca_file.read_text(encoding="ascii"))


async def serve(address: str, port: int, own: ssl.SSLContext, simulator: Simulator) -> None:
    """Stand before a simulator until SIGTERM."""
    theirs = ssl.create_default_context(cadata=simulator.ca_pem)
    behind = urlsplit(simulator.origin(TYPE))

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(behind.hostname, behind.port, ssl=theirs)
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    server = await asyncio.start_server(relay, address, port, ssl=own)
    print("listening", flush=True)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await stopping.wait()
    server.close()


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
    authority.issue_cert(address).configure_cert(own)
    Path(ca_file).write_bytes(authority.cert_pem.bytes())
    with Simulator.start(types=[TYPE]) as simulator:
        simulator.set(GOOD_KEY, Behaviour.GOOD)
        asyncio.run(serve(address, int(port), own, simulator))


if __name__ == "__main__":
    main()
