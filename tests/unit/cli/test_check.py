"""The command as a person runs it, against simulated providers over real TLS."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from llmkeys.catalogue.loader import load
from llmkeys.cli.main import main
from tests.support.simulator.behaviour import Behaviour, Kind
from tests.support.simulator.dialects.known import DIALECTS
from tests.support.simulator.simulator import Simulator

GOOD, FAILED, WRONG, BAD, UNDECIDED = 0, 1, 2, 3, 4
CATALOGUE = load()
Check = Callable[..., Result]


@pytest.fixture
def check(simulator: Simulator, ca: Path) -> Check:
    def run(kind: str, *arguments: str, key: str = "", **environment: str) -> Result:
        where = ("--base-url", simulator.url(kind), "--ca", str(ca), "--allow-private-addresses")
        return CliRunner().invoke(main, ["check", kind, *where, *arguments], input=key, env=environment)

    return run


@pytest.fixture
def key_with(simulator: Simulator) -> Callable[[Behaviour], str]:
    def make(behaviour: Behaviour) -> str:
        key = f"sk-CANARY-{secrets.token_hex(12)}"
        simulator.set(key, behaviour)
        return key

    return make


KeyWith = Callable[[Behaviour], str]


def found(result: Result) -> dict[str, Any]:
    (finding,) = json.loads(result.stdout)
    assert "CANARY" not in result.output
    return dict(finding)


def takes_a_document(kind: str) -> bool:
    return any(field.type == "json" for field in CATALOGUE.find(kind).secret_fields)


BEHAVIOURS = {
    Kind.GOOD: (Behaviour.GOOD, "Verified", GOOD),
    Kind.REVOKED: (Behaviour.REVOKED, "Rejected", BAD),
    Kind.THROTTLED: (Behaviour.throttled(60), "Throttled", UNDECIDED),
    Kind.NO_MONEY: (Behaviour.NO_MONEY, "QuotaExhausted", BAD),
    Kind.REGION_BLOCKED: (Behaviour.REGION_BLOCKED, "RegionDenied", UNDECIDED),
    Kind.ACCOUNT_BLOCKED: (Behaviour.ACCOUNT_BLOCKED, "AccountBlocked", BAD),
    Kind.PERMISSION_DENIED: (Behaviour.PERMISSION_DENIED, "PermissionDenied", BAD),
    Kind.OVERLOADED: (Behaviour.OVERLOADED, "Overloaded", UNDECIDED),
    Kind.SERVER_ERROR: (Behaviour.server_error(500), "Overloaded", UNDECIDED),
    Kind.ERROR_IN_200: (Behaviour.error_in_200(Kind.REVOKED), "Rejected", BAD),
    Kind.SLOW: (Behaviour.slow(0.05), "Verified", GOOD),
    Kind.HANGING: (Behaviour.HANGING, "ProviderUnreachable", UNDECIDED),
    Kind.CUT: (Behaviour.cut(), "ProviderUnreachable", UNDECIDED),
    Kind.HTML_PAGE: (Behaviour.html_page(403), "ProviderUnreachable", UNDECIDED),
    Kind.REDIRECT: (Behaviour.redirect("https://elsewhere.example/"), "BadEndpoint", UNDECIDED),
    Kind.HUGE_BODY: (Behaviour.huge_body(2), "BadEndpoint", UNDECIDED),
    Kind.INVALID_JSON: (Behaviour.INVALID_JSON, "BadEndpoint", UNDECIDED),
    Kind.TRUNCATED_JSON: (Behaviour.TRUNCATED_JSON, "BadEndpoint", UNDECIDED),
    Kind.DEEP_JSON: (Behaviour.deep_json(), "BadEndpoint", UNDECIDED),
    Kind.GZIP_BOMB: (Behaviour.gzip_bomb(2), "BadEndpoint", UNDECIDED),
    Kind.RAW: (Behaviour.raw(418, body="CANARY"), "Unrecognised", UNDECIDED),
}


def test_every_behaviour_of_a_provider_is_tried() -> None:
    assert set(BEHAVIOURS) == set(Kind)


@pytest.mark.parametrize("kind", list(Kind))
def test_whatever_a_provider_does_the_key_is_judged_as_the_operator_would(
    kind: Kind, check: Check, key_with: KeyWith
) -> None:
    behaviour, verdict, code = BEHAVIOURS[kind]
    timeout = ("--timeout", "500ms") if kind is Kind.HANGING else ()
    done = check("openai", "-o", "json", *timeout, key=key_with(behaviour))
    assert (found(done)["verdict"], done.exit_code) == (verdict, code)


@pytest.mark.parametrize("kind", [kind for kind in sorted(DIALECTS) if not takes_a_document(kind)])
def test_every_type_that_is_simulated_tells_a_good_key_from_a_bad_one(
    kind: str, check: Check, key_with: KeyWith, simulator: Simulator
) -> None:
    more = ["-o", "json"] + (["--config", "resource=mine"] if kind == "azure-openai" else [])
    for name in CATALOGUE.find(kind).other_endpoints:
        more += ["--endpoint", f"{name}={simulator.origin(kind)}"]
    good = found(check(kind, *more, key=key_with(Behaviour.GOOD)))
    bad = found(check(kind, *more, key=key_with(Behaviour.REVOKED)))
    assert good["verdict"] == ("Unverified" if DIALECTS[kind].keyless else "Verified")
    assert bad["verdict"] == "Rejected"


def test_a_person_reads_what_was_asked_and_what_to_do(check: Check, key_with: KeyWith, simulator: Simulator) -> None:
    done = check("openai", key=key_with(Behaviour.GOOD))
    lines = dict(line.split("   ", 1) for line in done.stdout.splitlines())
    said = {name: text.strip() for name, text in lines.items()}
    assert said["asked"] == f"GET {simulator.url('openai')}/models"
    assert said["verdict"] == "Verified (HTTP 200)"
    assert said["believed"] == "Valid"
    assert said["models"].split()[0] == str(len(DIALECTS["openai"].models))
    assert said["what to do"] == "Nothing."


def test_one_refusal_alone_is_not_believed(check: Check, key_with: KeyWith) -> None:
    done = check("openai", key=key_with(Behaviour.REVOKED))
    assert "Unknown (a refusal is believed once a further look confirms it" in done.stdout
    assert done.exit_code == BAD


def test_several_keys_become_a_table_and_equal_ones_share_a_request(
    check: Check, key_with: KeyWith, simulator: Simulator
) -> None:
    good, bad = key_with(Behaviour.GOOD), key_with(Behaviour.REVOKED)
    done = check("openai", key=f"{good}, {bad}\n\n{good}\nwith blanks\n")
    rows = [line.split()[:3] for line in done.stdout.splitlines()]
    assert rows == [
        ["KEY", "VERDICT", "BELIEVED"],
        ["key-1", "Verified", "Valid"],
        ["key-2", "Rejected", "Unknown"],
        ["key-3", "Verified", "Valid"],
        ["key-4", "MalformedKey", "Invalid"],
    ]
    assert done.exit_code == BAD
    assert len(simulator.calls(good)) == 1


def test_yaml_and_json_say_the_same(check: Check, key_with: KeyWith) -> None:
    key = key_with(Behaviour.GOOD)
    as_json = found(check("openai", "-o", "json", key=key))
    (as_yaml,) = yaml.safe_load(check("openai", "-o", "yaml", key=key).stdout)
    varying = {"nextLookSeconds"}
    assert {k: v for k, v in as_yaml.items() if k not in varying} == {
        k: v for k, v in as_json.items() if k not in varying
    }


def test_a_key_may_come_from_a_file_or_a_variable(check: Check, key_with: KeyWith, tmp_path: Path) -> None:
    key = key_with(Behaviour.GOOD)
    (tmp_path / "key").write_text(f"\ufeff {key}\r\n")
    assert check("openai", "--from-file", str(tmp_path / "key")).exit_code == GOOD
    assert check("openai", "--from-env", OPENAI_API_KEY=key).exit_code == GOOD
    assert check("openai", "--variable", "MY_OWN", MY_OWN=key).exit_code == GOOD
    assert check("openai", key=f"OPENAI_API_KEY={key}\n").exit_code == GOOD
    assert check("openai", key=json.dumps({"apiKey": key})).exit_code == GOOD


def test_no_key_is_no_request(check: Check, simulator: Simulator) -> None:
    done = check("openai", key="\n")
    assert done.exit_code == FAILED
    assert "--from-env reads OPENAI_API_KEY" in done.stderr
    assert simulator.calls_total() == 0


def test_a_server_without_keys_is_asked_without_one(check: Check) -> None:
    done = check("ollama", "-o", "json")
    assert (found(done)["verdict"], done.exit_code) == ("Unverified", GOOD)


def test_another_kind_of_credential_is_not_sent(check: Check, simulator: Simulator) -> None:
    done = check("openai", "-o", "json", key="sk-admin-CANARY0123456789")
    assert (found(done)["verdict"], found(done)["asked"], done.exit_code) == ("WrongCredentialType", "", BAD)
    assert simulator.calls_total() == 0


def test_a_private_address_is_not_asked_without_leave(simulator: Simulator, ca: Path) -> None:
    arguments = ["check", "openai", "--base-url", simulator.url("openai"), "--ca", str(ca), "-o", "json"]
    done = CliRunner().invoke(main, arguments, input="sk-CANARY")
    assert (found(done)["verdict"], done.exit_code) == ("AddressBlocked", UNDECIDED)
    assert "--allow-private-addresses" in found(done)["next"]
    assert simulator.calls_total() == 0


def test_a_certificate_that_nobody_vouches_for_ends_it(simulator: Simulator) -> None:
    arguments = ["check", "openai", "--base-url", simulator.url("openai"), "--allow-private-addresses", "-o", "json"]
    done = CliRunner().invoke(main, arguments, input="sk-CANARY")
    assert found(done)["verdict"] == "ProviderUnreachable"
    assert "--ca" in found(done)["next"]


def test_a_made_up_key_is_shown_first_where_nobody_knows_whether_keys_are_checked(
    key_with: KeyWith, simulator: Simulator, ca: Path
) -> None:
    key = key_with(Behaviour.GOOD)
    where = ("--base-url", simulator.url("openai"), "--ca", str(ca), "--allow-private-addresses", "-o", "json")
    done = CliRunner().invoke(main, ["check", "longcat", *where], input=key)
    assert found(done)["verdict"] == "Verified"
    assert (simulator.calls_total(), len(simulator.calls(key)), len(simulator.calls(""))) == (2, 1, 0)
    assert simulator.calls()[1] == simulator.calls(key)[0]
    simulator.default("openai", Behaviour.GOOD)
    try:
        done = CliRunner().invoke(main, ["check", "longcat", *where], input=key)
    finally:
        simulator.default("openai", Behaviour.REVOKED)
    assert (found(done)["verdict"], done.exit_code) == ("Unverified", UNDECIDED)


def test_a_request_that_costs_money_is_sent_with_leave_only(key_with: KeyWith, simulator: Simulator, ca: Path) -> None:
    where = ("--base-url", simulator.url("openai"), "--ca", str(ca), "--allow-private-addresses", "-o", "json")
    done = CliRunner().invoke(main, ["check", "aihubmix", *where], input=key_with(Behaviour.GOOD))
    assert found(done)["asked"] == ""
    assert "--paid" in found(done)["next"]
    assert simulator.calls_total() == 0
    CliRunner().invoke(main, ["check", "aihubmix", *where, "--paid"], input=key_with(Behaviour.GOOD))
    assert simulator.calls_total() > 0


def test_the_other_form_of_the_url_is_tried_where_the_api_is_not_found(
    key_with: KeyWith, simulator: Simulator, ca: Path
) -> None:
    wrong = f"{simulator.origin('openai')}/"
    arguments = ["check", "openai", "--base-url", wrong, "--ca", str(ca), "--allow-private-addresses", "-o", "json"]
    done = CliRunner().invoke(main, arguments, input=key_with(Behaviour.GOOD))
    assert found(done)["verdict"] == "BadEndpoint"
    assert found(done)["next"].startswith(f"The API was found elsewhere: --base-url {simulator.origin('openai')}")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("opnai",), FAILED, "openai"),
        (("azure-openai",), FAILED, "--config resource"),
        (("ollama",), FAILED, "--base-url"),
        (("moonshot", "--region", "mars"), FAILED, "--region"),
        (("openai", "--endpoint", "models"), WRONG, "--endpoint NAME=URL"),
        (("openai", "--config", "organization"), WRONG, "--config NAME=VALUE"),
        (("openai", "--interval", "1m"), WRONG, "10m"),
        (("openai", "--interval", "often"), WRONG, "duration"),
        (("openai", "--timeout", "0s"), WRONG, "--timeout"),
        (("openai", "--from-file", "/nowhere"), WRONG, "/nowhere"),
    ],
)
def test_a_wrong_command_line_says_what_to_write(arguments: tuple[str, ...], code: int, said: str) -> None:
    done = CliRunner().invoke(main, ["check", *arguments], input="sk-CANARY")
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr
    assert "CANARY" not in done.output
