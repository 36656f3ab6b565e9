"""Templates that `llmkeys bootstrap` hands over and the operator carries out: all of examples/bootstrap/, proven."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from llmkeys.api.names import API_VERSION, BOOTSTRAP_SECRET, CREDENTIAL_KIND, DEFAULT_NAMESPACE, PROVIDER_KIND
from llmkeys.cli.main import main
from tests.support.bootstrap_switch import bootstrap_switched_on, clear_bootstraps
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.wait import eventually
from tests.support.world import World

FOLDER: Final = ROOT / "examples" / "bootstrap"
EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "ragflow.yaml": ("openai", "dashscope"),
    "litellm.yaml": ("openai", "deepseek"),
    "dify.yaml": ("openai", "anthropic"),
    "cherry-studio.json": ("openai", "moonshot"),
    "xedu.yaml": ("deepseek", "moonshot"),
    "manifests.yaml": ("openai",),
}
"""Of each template the providers, whose names its variables begin with."""


@dataclass
class Platform:
    """A person who bootstraps, and the providers that the template leads to."""

    world: World
    folder: Path

    def bootstrap(self, *args: str | Path) -> Result:
        return CliRunner().invoke(main, ["bootstrap", *map(str, args)])

    def variables(self, kinds: tuple[str, ...]) -> Path:
        """A file of variables with good keys, and addresses of simulated providers."""
        found = {"TEAM": self.world.namespace, "OPENAI_SECOND_API_KEY": self.world.key()}
        for kind in kinds:
            server = self.world.stage.take_server(kind)
            found[f"{kind.upper()}_API_KEY"] = self.world.key()
            found[f"{kind.upper()}_BASE_URL"] = self.world.simulator.url(server)
        file = self.folder / "variables"
        file.write_text("".join(f"{name}={value}\n" for name, value in found.items()), encoding="utf-8")
        return file

    def trust_the_simulator(self, provider: str) -> None:
        """No other product's file can say which certificate authority a gateway has."""
        network = {"caBundle": self.world.simulator.ca_pem, "allowPrivateAddresses": True}
        self.world.change_provider(provider, network=network)

    def hand_over(self, text: str) -> None:
        """In clear, as kubectl does it; a Secret that is there gets the new text."""
        data = {"bootstrap.yaml": base64.b64encode(text.encode()).decode()}
        folder = f"/api/v1/namespaces/{DEFAULT_NAMESPACE}/secrets"
        if self.input() is not None:
            self.world.stage.api.merge(f"{folder}/{BOOTSTRAP_SECRET}", {"data": data})
            return
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": BOOTSTRAP_SECRET}, "data": data}
        self.world.stage.api.create(folder, body)

    def story(self) -> Any:
        return json.loads(self.bootstrap("status", "-o", "json").stdout)

    def input(self) -> Any:
        return self.world.stage.api.get(f"/api/v1/namespaces/{DEFAULT_NAMESPACE}/secrets/{BOOTSTRAP_SECRET}")

    def credential(self, namespace: str, name: str) -> Any:
        path = f"/apis/{API_VERSION}/namespaces/{namespace}/llmcredentials/{name}"
        return self.world.stage.api.get(path)


@pytest.fixture
def platform(
    world: World, installed: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    monkeypatch.setenv("KUBECONFIG", str(installed.kubeconfig))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with bootstrap_switched_on(installed):
        clear_bootstraps(installed)
        yield Platform(world, tmp_path)
        clear_bootstraps(installed)


def test_there_is_a_test_for_each() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_becomes_providers_and_proven_credentials(name: str, platform: Platform) -> None:
    variables = platform.variables(EXAMPLES[name])
    arguments = (FOLDER / name, "--vars", variables)
    plan = platform.bootstrap(*arguments, "--dry-run", "-o", "json")
    assert plan.exit_code == 0, plan.output
    wanted = json.loads(plan.stdout)["create"]

    handed_over = platform.bootstrap(*arguments, "--again")

    assert handed_over.exit_code == 0, handed_over.output
    eventually(lambda: platform.bootstrap("status").exit_code == 0, timeout=30, message="the end of the bootstrap")
    providers = [one for one in wanted if one["kind"] == PROVIDER_KIND]
    assert [one["host"] for one in providers] == ["127.0.0.1"] * len(EXAMPLES[name])
    for one in providers:
        platform.trust_the_simulator(one["name"])
    for one in wanted:
        if one["kind"] == CREDENTIAL_KIND:
            eventually(lambda one=one: is_ready(platform.credential(one["namespace"], one["name"])), timeout=30)
    assert set(platform.input()["data"]) == {"sealed"}
    assert platform.bootstrap("forget").exit_code == 0
    assert "data" not in platform.input()


def is_ready(credential: Any) -> bool:
    found = {one["type"]: (one["status"], one["reason"]) for one in credential["status"].get("conditions", [])}
    assert found.get("Ready", ("", ""))[0] == "True", found
    return True


def test_a_person_sees_what_was_left_out_and_ignored_and_gets_back_what_is_missing(platform: Platform) -> None:
    text = f"""
XEduLLM-has-no-such-provider: {platform.world.key()}
deepseek: {platform.world.key()}
"""
    platform.hand_over(text)
    eventually(lambda: platform.bootstrap("status").exit_code == 0, timeout=30, message="the end of the bootstrap")
    story = platform.story()
    assert story["runs"][0]["counts"]["created"] >= len(("LLMProvider", "LLMCredential"))
    assert [one["line"] for one in story["runs"][0]["leftOut"]] == [2]
    assert story["input"]["inClear"]
    assert "forget" in story["next"]

    platform.hand_over(text.replace("deepseek", "moonshot"))
    eventually(lambda: bool(platform.story()["runs"][0]["ignored"]), timeout=30, message="the edit's being noticed")
    assert "LLMCredential/llmkeys-default/moonshot" in platform.story()["runs"][0]["ignored"]
    refused = platform.bootstrap("forget")
    assert refused.exit_code == 1
    assert "--again" in refused.stderr

    platform.hand_over(text)
    assert platform.bootstrap("forget").exit_code == 0
    assert not platform.story()["input"]["inClear"]

    platform.world.stage.api.delete(f"/apis/{API_VERSION}/namespaces/llmkeys-default/llmcredentials/deepseek")
    file = platform.folder / "again.yaml"
    file.write_text(text, encoding="utf-8")
    again = platform.bootstrap(file, "--again")
    assert again.exit_code == 0, again.output
    eventually(lambda: platform.bootstrap("status").exit_code == 0, timeout=30, message="the end of the second one")
    first, second = platform.story()["runs"]
    assert (first["number"], second["number"]) == (1, 2)
    made = {one["kind"]: one["outcome"] for one in second["objects"]}
    assert made == {"Namespace": "exists", "LLMProvider": "exists", "LLMCredential": "created"}
