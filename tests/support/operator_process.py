"""The operator under test as a process of its own, under its own ServiceAccount's token; never as admin."""

import json
import os
import re
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from llmkeys.api.names import DEFAULT_NAMESPACE
from tests.support.cluster import ControlPlane
from tests.support.cluster_process import Component, tail
from tests.support.wait import eventually

ACCOUNT = "llmkeys-controller"
ENVIRONMENT = ("PATH", "HOME", "LANG", "PYTHONPATH")


class OperatorProcess:
    """One `llmkeys controller`."""

    def __init__(self, process: Component, log: Path) -> None:
        """Take what `start` has made."""
        self._process = process
        self.log = log
        self._from = 0

    @classmethod
    def start(
        cls,
        plane: ControlPlane,
        folder: Path,
        arguments: Sequence[str] = (),
        *,
        wait: bool = True,
        election: bool = False,
    ) -> Self:
        """Start it and wait until its caches are full.

        Args:
            plane: with our CRDs and roles on it.
            folder: gets the log, appended to from one start to the next.
            arguments: of the command, besides the port.
            wait: for readiness.
            election: it stands for election; else it leads at once, also after one that was killed.

        """
        kubeconfig = plane.service_account_kubeconfig(DEFAULT_NAMESPACE, ACCOUNT)
        log = folder / "operator.log"
        begins = log.stat().st_size if log.exists() else 0
        command = [
            "/usr/bin/env",
            "-i",
            *(f"{name}={os.environ[name]}" for name in ENVIRONMENT if name in os.environ),
            f"KUBECONFIG={kubeconfig}",
            sys.executable,
            "-P",
            "-m",
            "llmkeys",
            "controller",
            "--listen=127.0.0.1:0",
            "--log-format=json",
            *(() if election else ("--no-leader-election",)),
            *arguments,
        ]
        operator = cls(Component("operator", command, folder=folder, log=log), log)
        operator._from = begins
        if wait:
            operator.wait_ready()
        return operator

    def wait_ready(self) -> None:
        eventually(self._ready, timeout=30, message="the operator's readiness")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.running

    def text(self) -> str:
        """All that it has logged, earlier starts included."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def lines(self) -> list[dict[str, object]]:
        """What this start has logged."""
        with self.log.open("rb") as file:
            file.seek(self._from)
            content = file.read().decode(errors="replace")
        return [json.loads(line) for line in content.splitlines() if line.startswith("{")]

    @property
    def port(self) -> int:
        ports = [line["port"] for line in self.lines() if line.get("event") == "listening"]
        assert ports, f"the operator is not listening yet:\n{tail(self.log)}"
        return int(str(ports[-1]))

    def page(self, path: str) -> str:
        """A page of its health server, whatever its status."""
        request = f"http://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def metric(self, name: str, **labels: str) -> float:
        """Sum of all samples of a metric that carry these labels."""
        total = 0.0
        for line in self.page("/metrics").splitlines():
            match = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
            if match is None:
                continue
            found = dict(re.findall(r'(\w+)="([^"]*)"', match.group(1) or ""))
            if labels.items() <= found.items():
                total += float(match.group(2))
        return total

    @property
    def leads(self) -> bool:
        return self.metric("llmkeys_leader") == 1

    def check(self) -> None:
        """Raise ComponentEndedError, which names the exit status, if it has ended."""
        self._process.check()

    def stop(self) -> None:
        """SIGTERM, as the kubelet does."""
        self._process.stop(grace=20)

    def kill(self) -> None:
        """SIGKILL: nothing can be put in order."""
        self._process.kill()

    def _ready(self) -> bool:
        self._process.check()
        return self.page("/readyz").strip() == "ok"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
