"""Where everything is measured: a control plane, simulated providers, the operator, and N credentials."""

import asyncio
import contextlib
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bench import manifests
from bench.kube import NAMESPACES, PROVIDERS, Kube, at_once, credentials_of, secrets_of
from bench.manifests import IN_CLEAR, Manifest
from bench.observed import Place, settling
from bench.traffic import Audit, Traffic, everybodys_traffic
from llmkeys.api.names import CREDENTIAL_LABEL, DEFAULT_NAMESPACE
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import install
from tests.support.cluster_source import EXISTING_VARIABLE
from tests.support.operator_process import ACCOUNT, OperatorProcess
from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.remote import RemoteSimulator

PROVIDER_MILLISECONDS = 50
SERVERS = tuple(f"openai:{letter}" for letter in "abcde")
CONCURRENCY = 32
_USER = f"system:serviceaccount:{DEFAULT_NAMESPACE}:{ACCOUNT}"
_NAMESPACES = 10
_REQUESTS_PER_SECOND = 1000
_MAX_CONCURRENT = 64
_QUIET_SECONDS = 3.0
_READY_SECONDS = 60.0


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Population:
    """Credentials by number; they are spread over namespaces and providers.

    Args:
        prefix: of their names.
        count: how many.
        namespaces: where they are.
        providers: whom they ask.
        target: what they ask for in `spec.target`.

    """

    prefix: str
    count: int
    namespaces: tuple[str, ...]
    providers: tuple[str, ...]
    target: Manifest = field(default_factory=IN_CLEAR.copy)

    def place(self, index: int) -> Place:
        return self.namespaces[index % len(self.namespaces)], f"{self.prefix}-{index}"

    def provider(self, index: int) -> str:
        return self.providers[index // len(self.namespaces) % len(self.providers)]

    def credential(self, index: int) -> Manifest:
        return manifests.credential(self.place(index)[1], self.provider(index), self.target)

    @property
    def places(self) -> list[Place]:
        return [self.place(index) for index in range(self.count)]


class Stage:
    """What the measures act upon."""

    def __init__(self, plane: ControlPlane, simulator: RemoteSimulator, folder: Path, audit: Audit) -> None:
        self.plane = plane
        self.simulator = simulator
        self.folder = folder
        self._audit = audit
        self.admin = Kube(plane.kubeconfig, plane.ca_file)
        token = secrets.token_hex(3)
        self.namespaces = tuple(f"bench-{token}-{index}" for index in range(_NAMESPACES))
        self.foreign = f"bench-{token}-foreign"
        self.providers = {f"bench-{token}-{name.partition(':')[2]}": name for name in SERVERS}
        self._operator: OperatorProcess | None = None

    async def prepare(self) -> None:
        """Create namespaces and providers."""
        for name in (*self.namespaces, self.foreign):
            await self.admin.create(NAMESPACES, {"metadata": {"name": name}})
        for name, server in self.providers.items():
            self.simulator.default(server, Behaviour.GOOD)
            body = manifests.provider(
                name, self.simulator.url(server), self.simulator.ca_pem, _REQUESTS_PER_SECOND, _MAX_CONCURRENT
            )
            await self.admin.create(PROVIDERS, body)

    async def close(self) -> None:
        """Stop the operator, and leave nothing on a cluster that is not ours."""
        self.stop_operator()
        if not self.plane.owned:
            for name in (*self.namespaces, self.foreign):
                await self.admin.delete(f"{NAMESPACES}/{name}")
            for name in self.providers:
                await self.admin.delete(f"{PROVIDERS}/{name}")
        await self.admin.close()

    # -- the operator ----------------------------------------------------------------------------------------

    @property
    def operator(self) -> OperatorProcess:
        if self._operator is None:
            raise RuntimeError("the operator is not running")
        return self._operator

    def account_kubeconfig(self) -> Path:
        return self.plane.service_account_kubeconfig(DEFAULT_NAMESPACE, ACCOUNT)

    def launch_operator(self, *arguments: str) -> None:
        """Start the process and return before it is ready. In the caller's thread, with which it dies."""
        self._operator = OperatorProcess.start(self.plane, self.folder, arguments, wait=False)

    async def start_operator(self, *arguments: str) -> None:
        """Start it and wait until its caches are full."""
        self.launch_operator(*arguments)
        await self.operator_ready()

    async def operator_ready(self) -> float:
        """When it was ready (`time.time`), by its own log: to ask it all the time would slow it down."""
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            for line in self.operator.lines():
                if line.get("event") == "ready":
                    return datetime.fromisoformat(str(line["timestamp"])).timestamp()
            if not self.operator.running:
                break
            await asyncio.sleep(0.02)
        raise RuntimeError(f"the operator did not become ready:\n{self.operator.text()[-2000:]}")

    def stop_operator(self) -> None:
        if self._operator is not None:
            self._operator.stop()
            self._operator = None

    def keep_log(self, folder: Path) -> None:
        """Copy the operator's log, which would go with the stage."""
        for log in self.folder.glob("operator.log"):
            shutil.copy(log, folder)

    async def traffic(self) -> Traffic:
        """What the operator has asked of the API server; on one that is not ours, what anybody has."""
        return self._audit.traffic() if self.plane.owned else await everybodys_traffic(self.admin)

    async def quiet(self) -> None:
        """Wait until nobody has written anything for a while."""
        before = await self.traffic()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            await asyncio.sleep(_QUIET_SECONDS)
            now = await self.traffic()
            if now.writes == before.writes:
                return
            before = now
        raise TimeoutError("the operator does not stop writing")

    # -- the credentials -------------------------------------------------------------------------------------

    def population(
        self, prefix: str, count: int, providers: tuple[str, ...] | None = None, target: Manifest = IN_CLEAR
    ) -> Population:
        return Population(prefix, count, self.namespaces, providers or tuple(self.providers), target)

    async def create_sources(self, population: Population, key: str = "") -> None:
        """Create the source Secrets; `key` instead of a new one for each."""

        async def one(index: int) -> None:
            namespace, name = population.place(index)
            body = manifests.source(f"{name}-source", key or manifests.new_key())
            await self.admin.create(secrets_of(namespace), body)

        await at_once(CONCURRENCY, one, range(population.count))

    async def create_credentials(self, population: Population) -> None:
        async def one(index: int) -> None:
            namespace, _ = population.place(index)
            await self.admin.create(credentials_of(namespace), population.credential(index))

        await at_once(CONCURRENCY, one, range(population.count))

    async def remove_all_credentials(self) -> None:
        """Delete all credentials and generated Secrets; the operator must not run, it would write them again."""
        selector = f"?labelSelector={CREDENTIAL_LABEL}"
        # The Secrets first: what is left to garbage collection goes at 20 objects a second.
        await asyncio.gather(*(self.admin.delete(secrets_of(one) + selector) for one in self.namespaces))
        await asyncio.gather(*(self.admin.delete(credentials_of(one)) for one in self.namespaces))

    async def remove(self, population: Population) -> None:
        """Delete some credentials with their Secrets, while the operator runs."""

        async def one(index: int) -> None:
            namespace, name = population.place(index)
            await self.admin.delete(f"{credentials_of(namespace)}/{name}")
            await self.admin.delete(f"{secrets_of(namespace)}/{name}")
            await self.admin.delete(f"{secrets_of(namespace)}/{name}-source")

        await at_once(CONCURRENCY, one, range(population.count))

    async def settle(self, population: Population) -> None:
        """Create credentials and wait until they are Ready; the operator must run."""
        async with settling(self.admin, population.places) as waiting:
            await self.create_credentials(population)
            await waiting.finished(patience(population.count))


def patience(count: int) -> float:
    """Seconds after which so many credentials are given up."""
    return 60 + count / 10


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="llmkeys-bench-") as name:
        yield Path(name)


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """Start everything but the operator; stop and remove it behind the block."""
    with _folder() as folder:
        audit = Audit(folder, _USER)
        flags = () if os.environ.get(EXISTING_VARIABLE) else audit.flags
        with (
            ControlPlane.start(say, apiserver_flags=flags) as plane,
            RemoteSimulator.spawn(SERVERS, PROVIDER_MILLISECONDS) as simulator,
        ):
            install(plane)
            found = Stage(plane, simulator, folder, audit)
            try:
                await found.prepare()
                yield found
            finally:
                await found.close()
