"""`llmkeys doctor` before API servers that do not help."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmkeys.cli.main import main

Answers = Callable[[str], int]
KUBECONFIG = """\
clusters: [{{name: a, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: a, user: {{token: canary}}}}]
contexts: [{{name: a, context: {{cluster: a, user: a}}}}]
current-context: a
"""


@pytest.fixture
def doctor(tmp_path: Path) -> Iterator[Callable[..., Result]]:
    """Call for one where the API server answers each path with a status; `answers` says which."""
    answers: list[Answers] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(answers[-1](self.path))
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET  # noqa: N815  http.server's name

        def log_message(self, *_: object) -> None:  # type: ignore[override]
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    (tmp_path / "config").write_text(KUBECONFIG.format(port=server.server_port))
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def call(answer: Answers, *arguments: str) -> Result:
        answers.append(answer)
        return CliRunner().invoke(main, ["doctor", *arguments], env={"KUBECONFIG": str(tmp_path / "config")})

    yield call
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (lambda _path: 401, "does not know you (401)"),
        (lambda _path: 503, "answered 503"),
        (lambda path: 429 if path == "/version" else 404, "answered 429"),
        (lambda path: 400 if path == "/version" else 404, "answered 400"),
    ],
)
def test_an_api_server_that_does_not_answer_is_an_error(
    answers: Answers, said: str, doctor: Callable[..., Result]
) -> None:
    done = doctor(answers)
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert "canary" not in done.output


def test_where_nothing_may_be_seen_nothing_is_claimed(doctor: Callable[..., Result]) -> None:
    done = doctor(lambda _path: 403, "-n", "team-a", "--pod", "chat", "-o", "json")
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    states = {one["about"]: one["state"] for one in (*report["cluster"], *report["namespace"], *report["pod"])}
    assert set(states.values()) == {"unseen", "note"}
    assert {name for name, state in states.items() if state == "note"} == {"Kubernetes", "injection"}


def test_where_nothing_is_there_each_missing_thing_is_wrong(doctor: Callable[..., Result]) -> None:
    done = doctor(lambda _path: 404, "-o", "json")
    assert done.exit_code == 3, done.output
    wrong = {one["about"] for one in json.loads(done.stdout)["cluster"] if one["state"] == "wrong"}
    assert wrong == {"kinds", "controller", "public keys", "unsealer"}


def test_a_pod_is_of_a_namespace() -> None:
    done = CliRunner().invoke(main, ["doctor", "--pod", "chat"])
    assert done.exit_code == 2
    assert "(-n)" in done.stderr


def test_a_missing_kubeconfig_is_an_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["doctor"], env={"KUBECONFIG": str(tmp_path / "none")})
    assert (done.exit_code, done.stdout) == (1, "")
