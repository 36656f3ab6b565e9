"""What `llmkeys check` finds out besides the verdict: models, defaults, balance; over real TLS."""

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmkeys.cli.main import main
from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.dialects.known import DIALECTS
from tests.support.simulator.simulator import Simulator

GOOD, BAD = 0, 3
Check = Callable[..., Result]


@pytest.fixture
def check(simulator: Simulator, ca: Path) -> Check:
    def run(kind: str, *arguments: str, key: str, at: str = "") -> Result:
        base = at or simulator.url(kind)
        where = ("--base-url", base, "--ca", str(ca), "--allow-private-addresses")
        return CliRunner().invoke(main, ["check", kind, *where, *arguments], input=key)

    return run


@pytest.fixture
def key(simulator: Simulator) -> str:
    key = f"sk-CANARY-{secrets.token_hex(12)}"
    simulator.set(key, Behaviour.GOOD)
    return key


@pytest.fixture(autouse=True)
def usual_models(shared_simulator: Simulator) -> Iterator[None]:
    yield
    for kind, dialect in DIALECTS.items():
        shared_simulator.models(kind, dialect.models)


def found(result: Result) -> dict[str, Any]:
    (finding,) = json.loads(result.stdout)
    assert "CANARY" not in result.output
    return dict(finding)


def facts(result: Result) -> dict[str, str]:
    lines = (line.split("   ", 1) for line in result.stdout.splitlines())
    return {name: text.strip() for name, text in lines}


@pytest.mark.parametrize("kind", ["anthropic", "google-gemini"])
def test_a_list_of_many_pages_is_read_to_its_end(kind: str, check: Check, key: str, simulator: Simulator) -> None:
    simulator.models(kind, [f"model-{number}" for number in range(2_050)])
    result = found(check(kind, "-o", "json", key=key))
    assert (result["models"], result["moreModels"]) == (2_050, False)


def test_a_list_without_an_end_is_cut_and_says_so(check: Check, key: str, simulator: Simulator) -> None:
    simulator.models("openai", [f"model-{number}" for number in range(4_000)])
    assert facts(check("openai", key=key))["models"] == "3000 or more"


def test_models_are_counted_by_type(check: Check, key: str, simulator: Simulator) -> None:
    simulator.models("openai", ["gpt-5", "gpt-5-mini", "text-embedding-3-large"])
    done = check("openai", "-o", "json", key=key)
    assert found(done)["modelTypes"] == {"llm": 2, "embedding": 1}
    assert facts(check("openai", key=key))["models"] == "3 (2 llm, 1 embedding)"


def test_the_default_is_the_catalogues_first_choice_that_is_there(check: Check, key: str, simulator: Simulator) -> None:
    simulator.models("deepseek", ["deepseek-chat", "deepseek-other"])
    assert found(check("deepseek", "-o", "json", key=key))["defaults"] == {"llm": "deepseek-chat"}
    simulator.models("deepseek", ["deepseek-other"])
    without = found(check("deepseek", "-o", "json", key=key))
    assert (without["defaults"], without["missing"], without["verdict"]) == ({}, [], "Verified")


def test_a_default_that_is_asked_for_goes_before_the_catalogues_choice(check: Check, key: str) -> None:
    done = check("deepseek", "--default", "llm=deepseek-reasoner", "-o", "json", key=key)
    assert (found(done)["defaults"], done.exit_code) == ({"llm": "deepseek-reasoner"}, GOOD)


@pytest.mark.parametrize("asked", [("--require-model", "gpt-99"), ("--default", "llm=gpt-99")])
def test_a_model_that_is_asked_for_and_not_there_is_what_the_exit_code_says(
    asked: tuple[str, str], check: Check, key: str
) -> None:
    done = check("openai", *asked, "-o", "json", key=key)
    result = found(done)
    assert (result["verdict"], result["believed"], done.exit_code) == ("ModelUnavailable", "Valid", BAD)
    assert result["missing"] == ["gpt-99"]
    assert "gpt-99" in result["next"]


def test_models_are_listed_where_the_probe_is_another_request(check: Check, key: str, simulator: Simulator) -> None:
    assert found(check("openrouter", "-o", "json", key=key))["models"] == 3
    assert [call.path for call in simulator.calls(key)] == ["/api/v1/key"]


def test_the_balance_is_told(check: Check, key: str, simulator: Simulator) -> None:
    assert facts(check("moonshot", key=key))["balance"] == "49.58 left, 46.58 granted, 3 paid"
    at = f"balance={simulator.origin('deepseek')}"
    done = check("deepseek", "--endpoint", at, "-o", "json", key=key)
    assert found(done)["balance"][0] == {"kind": "left", "amount": 110, "unit": "CNY", "window": ""}


def test_a_balance_in_the_probes_own_reply_costs_no_request(check: Check, key: str, simulator: Simulator) -> None:
    assert facts(check("openrouter", key=key))["balance"] == "7.5 USD left, 2.5 USD used"
    assert len(simulator.calls(key)) == 1


def test_a_balance_that_is_not_told_changes_no_verdict(check: Check, key: str, simulator: Simulator) -> None:
    at = f"balance={simulator.origin('openai')}"
    done = check("deepseek", "--endpoint", at, key=key)
    assert facts(done)["balance"] == "DeepSeek told none (HTTP 404)"
    assert (facts(done)["verdict"], done.exit_code) == ("Verified (HTTP 200)", GOOD)


def test_nobody_elses_host_is_asked_for_a_balance(check: Check, key: str, simulator: Simulator) -> None:
    assert found(check("deepseek", "-o", "json", key=key))["balance"] is None
    assert {call.path for call in simulator.calls(key)} == {"/v1/models"}


def test_a_dead_key_is_asked_nothing_more(check: Check, simulator: Simulator) -> None:
    simulator.set("sk-CANARY-dead", Behaviour.REVOKED)
    result = found(check("moonshot", "-o", "json", key="sk-CANARY-dead"))
    assert (result["models"], result["defaults"], result["balance"]) == (None, {}, None)
    assert len(simulator.calls("sk-CANARY-dead")) == 1


def test_a_list_of_its_own_is_read_for_a_good_key_only(check: Check, key: str, simulator: Simulator) -> None:
    lists = []
    for shown in (key, "sk-or-v1-CANARY-dead"):
        before = simulator.calls(type="openrouter")
        check("openrouter", key=shown)
        lists.append(["/api/v1/models" in call.path for call in simulator.calls(type="openrouter")[len(before) :]])
    assert [any(one) for one in lists] == [True, False]


def test_several_keys_show_models_and_what_is_left(check: Check, key: str) -> None:
    heads, first, _second = check("moonshot", key=f"{key}\nsk-CANARY-dead\n").stdout.splitlines()
    assert heads.split()[:5] == ["KEY", "VERDICT", "BELIEVED", "MODELS", "LEFT"]
    assert first.split()[:5] == ["key-1", "Verified", "Valid", "3", "49.58"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--default", "llm"), "--default TYPE=MODEL"),
        (("--default", "chat=x"), "one of: llm, embedding"),
        (("--endpoint", "home=https://a.example"), "token, balance, models, files"),
        (("--endpoint", "balance=nowhere"), "--endpoint balance"),
        (("--proxy", "nowhere"), "--proxy"),
        (("--base-url", "ftp://a.example"), "--base-url"),
        (("--from-env", "--variable", "A"), "one of --from-file"),
        (("--from-env",), "OPENAI_API_KEY"),
        (("--variable", "NOT_SET_ANYWHERE"), "NOT_SET_ANYWHERE"),
    ],
)
def test_a_wrong_option_is_named(arguments: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(main, ["check", "openai", *arguments], input="sk-CANARY", env={"OPENAI_API_KEY": ""})
    assert done.exit_code in (1, 2)
    assert done.stdout == ""
    assert said in done.stderr


def test_a_file_without_certificates_is_no_authority(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    done = CliRunner().invoke(main, ["check", "openai", "--ca", str(tmp_path / "ca.pem")], input="sk-CANARY")
    assert (done.exit_code, "no certificates" in done.stderr) == (2, True)


def test_why_there_was_no_reply_is_said(simulator: Simulator) -> None:
    where = ("--base-url", simulator.url("openai"), "--allow-private-addresses", "-o", "json")
    result = found(CliRunner().invoke(main, ["check", "openai", *where], input="sk-CANARY"))
    assert (result["failure"], "--ca" in result["next"]) == ("tls", True)


def test_an_unknown_type_says_where_all_of_them_are() -> None:
    for command in (["check", "opnai"], ["explain", "opnai", "--status", "401"], ["providers", "opnai"]):
        done = CliRunner().invoke(main, command, input="")
        assert (done.exit_code, "llmkeys providers" in done.stderr) == (1, True)
