"""Argo CD's own health engine on the test data of the scripts for it. Building it takes minutes: `make test-gitops`."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.support.cluster_install import ROOT
from tests.support.go_program import built
from tests.support.kstatus_judge import Judge, Verdict

FOLDER: Final = ROOT / "examples" / "gitops" / "argocd"
SCRIPTS: Final = sorted(FOLDER.glob("resource_customizations/llmkeys.dev/*/health.lua"))


@pytest.fixture(scope="module")
def engine() -> Judge:
    return Judge(built(Path(__file__).with_name("argocd"), "argocd-health"))


def loaded(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.parent.name)
def test_argo_cd_says_of_each_object_what_its_test_data_says(engine: Judge, script: Path) -> None:
    cases = loaded(script.with_name("health_test.yaml"))["tests"]
    objects = [loaded(script.parent / one["inputPath"]) for one in cases]

    assert len(cases) >= 5
    assert engine.by_script(script, *objects) == [Verdict(**one["healthStatus"]) for one in cases]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.parent.name)
def test_the_text_in_its_config_map_says_the_same(engine: Judge, script: Path, tmp_path: Path) -> None:
    text = loaded(FOLDER / "argocd-cm.yaml")["data"][f"resource.customizations.health.llmkeys.dev_{script.parent.name}"]
    copy = tmp_path / "health.lua"
    copy.write_text(text, encoding="utf-8")
    objects = [loaded(file) for file in sorted(script.parent.glob("testdata/*.yaml"))]

    assert engine.by_script(copy, *objects) == engine.by_script(script, *objects)
