"""The alerts, judged by Prometheus' own tool; building it takes minutes, so it is `make test-rules` that runs this."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from llmkeys.telemetry.metrics import new_metrics
from llmkeys.unsealer.metrics import Metrics as UnsealerMetrics
from tests.support.cluster_install import ROOT
from tests.support.go_program import built

MODULE: Final = ROOT / "tests" / "support" / "promtool"
PACKAGE: Final = "github.com/prometheus/prometheus/cmd/promtool"
RULES: Final = ROOT / "charts" / "llmkeys" / "files" / "rules.yaml"
CASES: Final = Path(__file__).with_name("alerts.yaml")


@pytest.fixture(scope="module")
def promtool() -> Path:
    return built(MODULE, "promtool", package=PACKAGE)


def run(program: Path, *arguments: str | Path, content: bytes = b"") -> str:
    done = subprocess.run([program, *arguments], input=content, capture_output=True, check=False)  # noqa: S603
    printed = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, printed
    return printed


def test_the_rules_have_no_fault(promtool: Path) -> None:
    run(promtool, "check", "rules", "--lint-fatal", RULES)


def test_each_alert_fires_when_it_must_and_not_before(promtool: Path) -> None:
    run(promtool, "test", "rules", CASES)


def test_each_alert_has_a_case_in_which_it_fires() -> None:
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    cases = yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
    firing = {one["alertname"] for case in cases for one in case["alert_rule_test"] if one["exp_alerts"]}

    assert firing == alerts


@pytest.mark.parametrize("exposition", [new_metrics().exposition(), UnsealerMetrics().exposition()])
def test_the_metrics_have_no_fault(exposition: bytes, promtool: Path) -> None:
    ours = b"".join(line for line in exposition.splitlines(keepends=True) if re.search(rb"\bllmkeys_", line))
    run(promtool, "check", "metrics", content=ours)
