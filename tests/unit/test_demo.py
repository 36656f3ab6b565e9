"""What the demo can decide without a cluster: its manifests, and whether a credential is as it should be."""

import os
import re
from pathlib import Path

import pytest
import yaml

from tests.support import demo_bootstrap, demo_keep
from tests.support.cluster_process import start_time
from tests.support.demo_manifests import TEMPLATES, UnknownPlaceholderError, render, render_folder, url_placeholder
from tests.support.demo_scenes import KEYS, NAMESPACE, SCENES, TYPES, Scene
from tests.support.demo_sealing import places

CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
VALUES = {
    "CA": CA,
    **{url_placeholder(kind): f"https://127.0.0.1:4{number}/v1" for number, kind in enumerate(TYPES)},
    **{f"SEALED_{name}": f"llmkeys1.{name}.sealed" for name in KEYS},
}
SCENE = Scene(credential="one", story="…", conditions={"Active": "True/Verified", "Ready": "True"}, key="backup")


def _credential(
    active: str = "True", reason: str = "Verified", observed: int = 1, key: str = "backup"
) -> dict[str, object]:
    condition = {"status": active, "reason": reason, "observedGeneration": observed}
    ready = {"type": "Ready", "status": "True", "reason": "Verified", "observedGeneration": observed}
    return {
        "metadata": {"generation": 1},
        "status": {"conditions": [{"type": "Active", **condition}, ready], "activeKey": key},
    }


def test_every_template_renders_to_manifests_with_the_very_values(tmp_path: Path) -> None:
    documents = [
        document
        for file in render_folder(VALUES, tmp_path)
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    ]
    providers = [one for one in documents if one["kind"] == "LLMProvider"]
    assert {one["spec"]["network"]["caBundle"] for one in providers} == {CA}
    bootstrapped = demo_bootstrap.variables()
    assert {one["spec"]["type"]: one["spec"]["baseURL"] for one in providers} == {
        kind: VALUES[url_placeholder(kind)] for kind in TYPES if url_placeholder(kind) not in bootstrapped
    }
    entries = [entry for one in documents if one["kind"] == "LLMCredential" for entry in one["spec"].get("keys", ())]
    used = {text for entry in entries for text in entry.get("sealed", {}).values()}
    assert used == {VALUES[f"SEALED_{name}"] for name in KEYS if name not in bootstrapped}


def test_every_credential_of_the_templates_has_a_scene_and_the_other_way_round(tmp_path: Path) -> None:
    texts = [file.read_text(encoding="utf-8") for file in render_folder(VALUES, tmp_path)]
    found = {
        one["metadata"]["name"]: one["metadata"]["namespace"]
        for text in (*texts, re.sub(r"\$\{[A-Z_]+\}", "x", demo_bootstrap.TEMPLATE.read_text(encoding="utf-8")))
        for one in yaml.safe_load_all(text)
        if one["kind"] == "LLMCredential"
    }
    assert found == {scene.credential: NAMESPACE for scene in SCENES}


def test_every_sealed_value_of_the_templates_has_a_key_and_a_place_of_its_own() -> None:
    found = list(places())
    sealed = set(KEYS) - demo_bootstrap.variables()
    assert {one.key for one in found} == sealed
    assert {one.namespace for one in found} == {NAMESPACE}
    assert len({(one.credential, one.entry, one.key) for one in found}) == len(sealed)


def test_no_template_holds_a_key_or_an_address_of_its_own() -> None:
    for template in (*TEMPLATES.rglob("*.yaml"), demo_bootstrap.TEMPLATE):
        assert not re.search(r"sk-|https?://", template.read_text(encoding="utf-8")), template.name


def test_a_placeholder_without_a_value_is_an_error_that_names_it() -> None:
    with pytest.raises(UnknownPlaceholderError, match=r"\$\{NOBODY\}"):
        render("apiKey: ${NOBODY}", VALUES)


def test_a_value_cannot_break_out_of_its_yaml_string() -> None:
    text = 'a"b: {c}\n- d # e'
    assert yaml.safe_load(render("key: ${CA}", {"CA": text})) == {"key": text}


def test_a_credential_as_it_should_be_has_no_differences() -> None:
    assert SCENE.differences(_credential()) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "it is not there"),
        (_credential(active="False"), "Active should be True/Verified, is False/Verified"),
        (_credential(reason="Unverified"), "Active should be True/Verified, is True/Unverified"),
        (_credential(key="primary"), "the key in use should be backup, is primary"),
        ({"metadata": {"generation": 1}}, "Active should be True/Verified, is not there"),
    ],
)
def test_a_credential_in_another_state_says_in_which(found: dict[str, object] | None, said: str) -> None:
    assert said in SCENE.differences(found)


def test_a_state_of_an_older_generation_does_not_count() -> None:
    assert SCENE.differences(_credential(observed=0)) != []


def test_a_note_of_a_process_that_is_gone_counts_as_none(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    demo_keep.note(file, tmp_path / "kubeconfig", status=0)
    held = demo_keep.read(file)
    assert held is not None
    assert held.pid == os.getpid()
    # The same pid, started at another time, is another process.
    content = file.read_text(encoding="utf-8")
    started = start_time(os.getpid())
    file.write_text(content.replace(f'"started": {started}', '"started": 1'), encoding="utf-8")
    assert demo_keep.read(file) is None
