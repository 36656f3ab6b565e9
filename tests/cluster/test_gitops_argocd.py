"""The health scripts for Argo CD, run as Argo CD runs them, on the test data beside them."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.support.cluster_install import ROOT
from tests.support.kstatus_judge import Judge, Verdict, kstatus_judge

FOLDER: Final = ROOT / "examples" / "gitops" / "argocd"
SCRIPTS: Final = sorted(FOLDER.glob("resource_customizations/llmkeys.dev/*/health.lua"))
Object = dict[str, Any]


@pytest.fixture(scope="module")
def judge() -> Judge:
    return kstatus_judge()


def loaded(file: Path) -> Object:
    found: Object = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def cases() -> list[tuple[Path, str, Verdict]]:
    return [
        (script, one["inputPath"], Verdict(**one["healthStatus"]))
        for script in SCRIPTS
        for one in loaded(script.with_name("health_test.yaml"))["tests"]
    ]


@pytest.mark.parametrize(
    ("script", "path", "expected"),
    cases(),
    ids=lambda value: value.parent.name if isinstance(value, Path) else str(value),
)
def test_the_script_says_of_each_object_what_its_test_data_says(
    judge: Judge, script: Path, path: str, expected: Verdict
) -> None:
    assert judge.by_script(script, loaded(script.parent / path)) == [expected]


def test_all_test_data_are_used_and_every_health_is_among_them() -> None:
    there = {file for script in SCRIPTS for file in script.parent.glob("testdata/*.yaml")}

    assert {script.parent / path for script, path, _ in cases()} == there
    for script in SCRIPTS:
        said = {expected.status for one, _, expected in cases() if one == script}
        assert said == {"Progressing", "Healthy", "Degraded", "Suspended"}


def test_the_patch_for_argo_cd_holds_the_scripts_as_they_are_tested() -> None:
    data = loaded(FOLDER / "argocd-cm.yaml")["data"]

    assert data == {
        f"resource.customizations.health.llmkeys.dev_{script.parent.name}": script.read_text(encoding="utf-8")
        for script in SCRIPTS
    }


def test_what_is_not_there_at_all_is_in_progress(judge: Judge) -> None:
    for script in SCRIPTS:
        bare = {"kind": script.parent.name, "metadata": {"name": "x", "generation": 1}, "spec": {}}
        half = {**bare, "status": {"observedGeneration": 1}}
        assert [one.status for one in judge.by_script(script, bare, half)] == ["Progressing"] * 2
