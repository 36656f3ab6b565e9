import json
import os
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from llmkeys.client.clock import Clock
from llmkeys.client.sealed import Sealed
from llmkeys.client.settings import Settings

CANARY = "sk-canary-0123456789abcdef"
ENVELOPE = "llmkeysE1.header.ciphertext"
TOKEN = "e30.eyJrdWJlcm5ldGVzLmlvIjogeyJzZXJ2aWNlYWNjb3VudCI6IHsibmFtZSI6ICJjaGF0In19fQ.c2ln"
"""Its claims name the service account chat."""


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def opened(sequence: int = 1, **content: Any) -> Answer:
    values = content or {"OPENAI_API_KEY": CANARY}
    return Answer(200, json.dumps({"content": values, "sequence": sequence}).encode())


def refused(status: int, reason: str, retry_after: str = "") -> Answer:
    body = json.dumps({"reason": reason, "message": "The service's own words."}).encode()
    return Answer(status, body, (("Retry-After", retry_after),) if retry_after else ())


@dataclass(frozen=True)
class Question:
    path: str
    token: str
    body: dict[str, Any]


@dataclass
class Service:
    """A real HTTPS server in the unsealer's place: gives the answers it is told, the last of them for ever.

    Those of `answers_for` go to one credential, by its name; `answers` to the others.
    """

    port: int = 0
    answers: list[Answer] = field(default_factory=lambda: [opened()])
    answers_for: dict[str, list[Answer]] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    connections: int = 0
    open: set[socket.socket] = field(default_factory=set)
    keeps_connections: bool = True

    def take(self, question: Question) -> Answer:
        self.questions.append(question)
        answers = self.answers_for.get(question.body["credential"], self.answers)
        return answers.pop(0) if len(answers) > 1 else answers[0]

    @property
    def open_connections(self) -> int:
        return len(self.open)

    def hang_up(self) -> None:
        """End all connections, as a server does with idle ones."""
        for connection in list(self.open):
            connection.shutdown(socket.SHUT_RDWR)

    def asked_for(self, credential: str) -> int:
        return sum(question.body["credential"] == credential for question in self.questions)


@dataclass
class Passing:
    """Time that passes only by sleeping. `meanwhile` runs with each sleep."""

    seconds: float = 1000.0
    slept: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        self.meanwhile()

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.seconds, self.sleep)


@dataclass(frozen=True)
class Pod:
    """What a pod has: the mounted files, the settings, and the service that they name."""

    settings: Settings
    service: Service
    folder: Path
    authorities: Path

    def mount(self, text: str) -> None:
        """As the kubelet does it: another file, swapped in."""
        fresh = self.folder / "fresh"
        fresh.write_text(text)
        fresh.replace(self.settings.envelope)

    def arguments(self) -> list[str]:
        settings = self.settings
        return [
            *("--credential", settings.credential, "--unsealer", settings.unsealer, "--ca", str(self.authorities)),
            *("--envelope", str(settings.envelope), "--token", str(settings.token), "--wait", "0s", "--deadline", "0s"),
        ]

    def but(self, **changes: Any) -> "Pod":
        return replace(self, settings=replace(self.settings, **changes))


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that do not trust us hang up in the handshake; that is what the tests are about."""


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 30

        def setup(self) -> None:
            super().setup()
            service.connections += 1
            service.open.add(self.connection)

        def finish(self) -> None:
            service.open.discard(self.connection)
            super().finish()

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            token = self.headers["Authorization"].removeprefix("Bearer ")
            answer = service.take(Question(self.path, token, body))
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **dict(answer.headers)}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            # What is said to be longer than it is ends with the connection.
            whole = "Content-Length" not in dict(answer.headers)
            self.close_connection = not (service.keeps_connections and whole)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
            pass

    return Handler


@contextmanager
def serving(
    authority: trustme.CA | None, host: str = "127.0.0.1", newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
) -> Iterator[Service]:
    """Serve on loopback; without an authority, in the clear.

    `host` is the name that the certificate is for, `newest` the best that the server speaks.
    """
    context = None
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = newest
        authority.issue_cert(host).configure_cert(context)
    with _served(context) as service:
        yield service


@contextmanager
def served_by(certificate: str, key: str) -> Iterator[Service]:
    """Serve on loopback with a certificate and its private key, both PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:
        pair.write(certificate + key)
        pair.flush()
        context.load_cert_chain(pair.name)
    with _served(context) as service:
        yield service


@contextmanager
def _served(context: ssl.SSLContext | None) -> Iterator[Service]:
    service = Service()
    with _Server(("127.0.0.1", 0), _handler(service)) as server:
        if context is not None:
            # The handshake belongs to the connection's thread, not to the one that accepts.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        service.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


@dataclass
class ProjectedVolume:
    """What the kubelet mounts into an injected pod: all sources written anew and swapped in with each change."""

    folder: Path
    authority: trustme.CA
    service: Service
    envelopes: dict[str, str] = field(default_factory=dict)
    token: str = TOKEN

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.swap()
        for name in ("envelopes", "token"):
            (self.folder / name).symlink_to(f"..data/{name}")

    def mount(self, *names: str, **texts: str) -> None:
        """Add envelopes, or change them by keyword."""
        self.envelopes |= dict.fromkeys(names, ENVELOPE) | texts
        self.swap()

    def unmount(self, *names: str) -> None:
        for name in names:
            del self.envelopes[name]
        self.swap()

    def swap(self) -> None:
        fresh = self.folder / f"..{os.urandom(8).hex()}"
        fresh.mkdir()
        if self.envelopes:
            (fresh / "envelopes").mkdir()
        for name, text in self.envelopes.items():
            (fresh / "envelopes" / name).write_text(text)
        (fresh / "token").write_text(self.token)
        (self.folder / "..data_tmp").symlink_to(fresh.name)
        (self.folder / "..data_tmp").replace(self.folder / "..data")

    def sealed(self, **changes: Any) -> Sealed:
        return Sealed(
            self.folder,
            Settings(
                unsealer=f"https://127.0.0.1:{self.service.port}",
                authorities=self.authority.cert_pem.bytes().decode(),
                token=self.folder / "token",
                **changes,
            ),
        )

    def variables(self) -> dict[str, str]:
        """As the pod's container has them."""
        common = self.sealed().common
        return {"LLMKEYS_UNSEALER": common.unsealer, "LLMKEYS_CA": common.authorities}


def shown(folder: Path) -> dict[str, str]:
    """What containers can read, by path: the links and folders of an atomic swap left out."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith("..") for part in path.relative_to(folder).parts)
    }


@contextmanager
def memory_volume(folder: Path, limit: str) -> Iterator[Path]:
    """A real one, with a limit in the words of mount(8)."""
    folder.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", limit, "llmkeys-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:  # noqa: S603
        pytest.skip("only root can mount a volume")
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", str(folder)], check=True)  # noqa: S603
