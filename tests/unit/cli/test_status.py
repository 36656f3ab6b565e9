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
    assert "kubeconfig" in done.stderr
