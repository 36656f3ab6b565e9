from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner

from llmkeys.cli.main import main


@pytest.mark.parametrize("arguments", [("openai",), ("a/b/c",), ("a/",), ("team-a/openai", "-n", "team-b")])
def test_a_credential_is_named_with_its_namespace(arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, ["status", *arguments])
    assert done.exit_code == 2
    assert "NAMESPACE/NAME" in done.stderr


def test_without_a_way_to_a_cluster_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    done = CliRunner().invoke(main, ["status"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "There is no file /nowhere: correct $KUBECONFIG." in done.stderr


KUBECONFIG = """\
clusters: [{{name: a, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: a, user: {{token: canary}}}}]
contexts: [{{name: a, context: {{cluster: a, user: a}}}}]
current-context: a
"""


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[BaseHTTPRequestHandler]]:
    """An API server that answers everything with one status; $KUBECONFIG leads to it."""

    class Handler(BaseHTTPRequestHandler):
        status = 200

        def do_GET(self) -> None:
            self.send_response(type(self).status)
            self.end_headers()

        def log_message(self, *_: object) -> None:  # type: ignore[override]
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    (tmp_path / "config").write_text(KUBECONFIG.format(port=server.server_port))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield Handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "credential", "said"),
    [
        (404, (), "kubectl apply --server-side -f crds/"),
        (404, ("team-a/openai",), "There is no LLMCredential team-a/openai."),
        (403, (), "name a namespace (-n)"),
        (403, ("-n", "team-a"), "in namespace team-a. ClusterRole llmkeys-view"),
        (401, (), "Log in again."),
        (503, (), "kubectl version"),
    ],
)
def test_an_api_server_that_does_not_help_leaves_a_next_step(
    status: int, credential: tuple[str, ...], said: str, answering: type[Any]
) -> None:
    answering.status = status
    done = CliRunner().invoke(main, ["status", *credential])
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert "canary" not in done.output


def test_an_api_server_that_is_away_leaves_a_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(KUBECONFIG.format(port=1))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    done = CliRunner().invoke(main, ["status"])
    assert (done.exit_code, "kubectl version" in done.stderr) == (1, True)
