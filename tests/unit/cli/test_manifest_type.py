import pytest
import yaml
from click.testing import CliRunner, Result

from llmkeys.catalogue.loader import load
from llmkeys.cli.main import main


def manifest(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["manifest", *arguments])


def test_a_type_becomes_three_manifests() -> None:
    done = manifest("openai")
    assert done.exit_code == 0, done.output
    provider, source, credential = yaml.safe_load_all(done.stdout)
    assert [one["kind"] for one in (provider, source, credential)] == ["LLMProvider", "Secret", "LLMCredential"]
    assert [one["metadata"]["name"] for one in (provider, source, credential)] == ["openai", "openai-source", "openai"]
    assert {one["metadata"]["namespace"] for one in (source, credential)} == {"default"}


def test_names_and_namespace_are_the_persons_choice() -> None:
    provider, source, credential = yaml.safe_load_all(manifest("智谱", "--name", "glm", "-n", "team-a").stdout)
    assert provider["spec"]["type"] == "zhipu"
    assert [one["metadata"]["name"] for one in (provider, source, credential)] == ["glm", "glm-source", "glm"]
    assert {one["metadata"]["namespace"] for one in (source, credential)} == {"team-a"}


@pytest.mark.parametrize("kind", sorted(load().providers))
def test_every_type_is_a_name_that_kubernetes_takes(kind: str) -> None:
    assert manifest(kind).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("opnai",), 1, "openai"),
        (("openai", "--name", "Open_AI"), 2, "--name"),
        (("openai", "--name", "o" * 64), 2, "63"),
        (("openai", "-n", "team.a"), 2, "--namespace"),
    ],
)
def test_a_wrong_command_line_says_what_to_write(arguments: tuple[str, ...], code: int, said: str) -> None:
    done = manifest(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr


def test_help_shows_types_beside_the_commands() -> None:
    assert "TYPE" in manifest("--help").output
    assert "--namespace" in manifest("openai", "--help").output
