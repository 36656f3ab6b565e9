"""The unsealer under test as a process of its own, under its own ServiceAccount's token; never as admin."""

import http.client
import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from llmkeys.api.names import UNSEALER_ACCOUNT
from tests.support.cluster_process import Component, tail
from tests.support.operator_process import ENVIRONMENT
from tests.support.wait import eventually

LOOPBACK = "127.0.0.1"
# What a machine with a wrong clock has; certificates are judged by OpenSSL, which asks the kernel.
_WITH_CLOCK = """
import sys, time
real, ahead = time.time, float(sys.argv.pop(1))
time.time = lambda: real() + ahead
from llmkeys.cli.main import main
main()
"""


class Accounts(Protocol):
    """The control plane, or a proxy that stands before it."""

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path: ...


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """`Opened` for a yes."""
        return "Opened" if self.status == http.client.OK else str(self.json["reason"])


class UnsealerProcess:
    """One `llmkeys unsealer`."""

    def __init__(self, process: Component, log: Path, trust: ssl.SSLContext) -> None:
        """Take what `start` has made."""
        self._process = process
        self.log = log
        self.trust = trust

    @classmethod
    def start(
        cls,
        plane: Accounts,
        folder: Path,
        namespace: str,
        trust: ssl.SSLContext,
        arguments: Sequence[str] = (),
        *,
        clock_ahead: float = 0.0,
        wait: bool = True,
    ) -> Self:
        """Start it and wait until it serves.

        Args:
            plane: gives the account's kubeconfig.
            folder: gets the log.
            namespace: the operator's, where account and Secrets are.
            trust: for the certificate in `llmkeys-unsealer-tls`.
            arguments: of the command, besides where to listen.
            clock_ahead: seconds by which its clock is wrong.
            wait: for readiness.

        """
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "unsealer.log"
        program = ["-c", _WITH_CLOCK, str(clock_ahead)] if clock_ahead else ["-m", "llmkeys"]
        command = [
            "/usr/bin/env",
            "-i",
            *(f"{name}={os.environ[name]}" for name in ENVIRONMENT if name in os.environ),
            f"KUBECONFIG={plane.service_account_kubeconfig(namespace, UNSEALER_ACCOUNT)}",
            sys.executable,
            "-P",
            *program,
            "unsealer",
            f"--namespace={namespace}",
            f"--listen={LOOPBACK}:0",
            f"--metrics-listen={LOOPBACK}:0",
            "--log-format=json",
            *arguments,
        ]
        unsealer = cls(Component("unsealer", command, folder=folder, log=log), log, trust)
        if wait:
            unsealer.wait_ready()
        return unsealer

    def wait_ready(self) -> None:
        eventually(self._ready, timeout=30, message="the unsealer's readiness")

    @property
    def pid(self) -> int:
        return self._process.pid

    def lines(self) -> list[dict[str, Any]]:
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def audit(self, **fields: object) -> list[dict[str, Any]]:
        """The audit lines with these fields."""
        answers = [line for line in self.lines() if line["logger"] == "llmkeys.unsealer.audit"]
        return [line for line in answers if fields.items() <= line.items()]

    def port(self, listener: str = "unsealer") -> int:
        ports = [line["port"] for line in self.lines() if line.get("listener") == listener]
        assert ports, f"the unsealer is not listening yet:\n{tail(self.log)}"
        return int(ports[-1])

    def page(self, path: str) -> str:
        """A page of its plain listener, whatever its status."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port('metrics')}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def call(self, method: str, path: str, token: str, body: object = None) -> Answer:
        """One request over a connection of its own."""
        connection = http.client.HTTPSConnection(LOOPBACK, self.port(), timeout=30, context=self.trust)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return Answer(answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def unseal(self, token: str, credential: str, envelope: str) -> Answer:
        return self.call("POST", "/v1/unseal", token, {"credential": credential, "envelope": envelope})

    def stop(self) -> None:
        """SIGTERM, as the kubelet does."""
        self._process.stop(grace=20)

    def _ready(self) -> bool:
        self._process.check()
        return self.page("/readyz").strip() == "ok"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
