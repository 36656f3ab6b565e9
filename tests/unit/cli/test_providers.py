import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from llmkeys.catalogue.loader import load
from llmkeys.cli.main import main

GOLDEN = Path(__file__).parent / "golden"
CATALOGUE = load()
SOURCE = Path(__file__).parents[3] / "operator"


def providers(*arguments: str) -> Result:
    done = CliRunner().invoke(main, ["providers", *arguments])
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.parametrize(
    ("name", "language"), [("openai", "en"), ("zhipu", "zh"), ("azure-openai", "en"), ("ollama", "en")]
)
def test_a_page_reads_as_it_should(name: str, language: str) -> None:
    expected = (GOLDEN / f"{name}.{language}.txt").read_text(encoding="utf-8")
    assert providers(name, "--lang", language).stdout == expected


def test_the_list_names_every_type() -> None:
    heads, *lines = providers().stdout.splitlines()
    assert heads.startswith("TYPE ")
    assert [line.split()[0] for line in lines] == list(CATALOGUE.providers)


def test_programs_get_the_same_as_json_and_yaml() -> None:
    listed = json.loads(providers("-o", "json").stdout)
    assert [one["type"] for one in listed] == list(CATALOGUE.providers)
    (page,) = [one for one in listed if one["type"] == "openai"]
    assert json.loads(providers("openai", "-o", "json").stdout) == page
    assert yaml.safe_load(providers("openai", "-o", "yaml").stdout) == page
    assert page["proof"]["checksKeys"] is True
    assert page["credentials"][0]["fields"][0]["variables"] == ["OPENAI_API_KEY"]


@pytest.mark.parametrize("name", ["智谱", "ZHIPU-AI", "zhipuai", "glm"])
def test_a_page_is_found_by_any_name(name: str) -> None:
    assert json.loads(providers(name, "-o", "json").stdout)["type"] == "zhipu"


def test_a_name_that_nobody_has_gives_the_nearest() -> None:
    done = CliRunner().invoke(main, ["providers", "opnai"])
    assert done.exit_code == 1
    assert "openai" in done.stderr


@pytest.mark.parametrize("command", [("providers",), ("explain", "openai", "--status", "401"), ("manifest", "openai")])
def test_nothing_is_imported_that_only_a_cluster_or_a_provider_needs(command: tuple[str, ...]) -> None:
    script = (
        "import sys\nfrom llmkeys.cli.main import main\n"
        f"main({list(command)!r}, standalone_mode=False)\nprint(sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-P", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)},
    )
    imported = {name.strip("'[] \n").partition(".")[0] for name in done.stderr.split(",")}
    assert not imported & {"aiohttp", "kopf", "kubernetes", "structlog", "cryptography"}
