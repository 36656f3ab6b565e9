import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

from llmkeys.client.clock import Clock
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
    """A real HTTPS server in the unsealer's place: gives the answers it is told, the last of them for ever."""

    port: int = 0
    answers: list[Answer] = field(default_factory=lambda: [opened()])
    questions: list[Question] = field(default_factory=list)

    def take(self, question: Question) -> Answer:
        self.questions.append(question)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


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
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            token = self.headers["Authorization"].removeprefix("Bearer ")
            answer = service.take(Question(self.path, token, body))
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **dict(answer.headers)}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

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
    service = Service()
    with _Server(("127.0.0.1", 0), _handler(service)) as server:
        if authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.maximum_version = newest
            authority.issue_cert(host).configure_cert(context)
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
