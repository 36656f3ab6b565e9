import json
from typing import Any

import pytest
import yaml

from llmkeys.api.provider import LLMProvider
from llmkeys.bootstrap.plan import plan_of
from llmkeys.bootstrap.template import Left, Place, Template, WantedCredential, WantedKey, WantedProvider
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.lookup import Catalogue
from llmkeys.cli.bootstrap_seal import InputTooLargeError, printed_secret, sealed_input
from llmkeys.cli.bootstrap_show import print_plan, shown
from llmkeys.crypto.keypair import PrivateKey
from llmkeys.crypto.secret import Secret

CANARY = "sk-proj-canary0123456789"
KEYS = PrivateKey(bytes(32))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


def key(name: str, value: str = CANARY, **more: Any) -> WantedKey:
    return WantedKey(name, Place(9, 3), clear={"": Secret(value)}, **more)


def credential(name: str, *keys: WantedKey, provider: str = "openai") -> WantedCredential:
    return WantedCredential("team-a", name, {"providerRef": {"name": provider}}, keys, Place(7, 3))


def template(*credentials: WantedCredential, left: tuple[Left, ...] = ()) -> Template:
    spec = {"type": "openai", "models": {"defaults": {"llm": "gpt-5"}}}
    return Template("llmkeys", (WantedProvider("openai", spec, Place(3, 1)),), credentials, left)


def test_equal_keys_have_one_number_and_are_never_shown(
    catalogue: Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = template(credential("one", key("primary"), key("backup", CANARY + "-b")), credential("two", key("only")))
    plan = shown(plan_of(wanted, catalogue, {}), {})

    assert [[(one.name, one.key) for one in made.keys] for made in plan.create if made.keys] == [
        [("primary", "#1"), ("backup", "#2")],
        [("only", "#1")],
    ]
    for output in ("table", "json", "yaml"):
        print_plan(output, plan)
    assert "canary" not in capsys.readouterr().out


def test_a_row_says_what_is_created_of_which_type_for_which_host(catalogue: Catalogue) -> None:
    plan = shown(plan_of(template(credential("one", key("primary"))), catalogue, {}), {})

    rows = [(one.line, one.kind, one.namespace, one.name, one.type, one.host) for one in plan.create]
    assert rows == [
        (7, "Namespace", "", "team-a", "", ""),
        (3, "LLMProvider", "", "openai", "openai", "api.openai.com"),
        (7, "LLMCredential", "team-a", "one", "openai", "api.openai.com"),
    ]
    assert plan.create[1].defaults == {"llm": "gpt-5"}


def test_what_is_left_out_has_line_and_reason_and_no_control_characters(
    catalogue: Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = template(left=(Left(Place(12, 1), "no\x1b[2Jsuch", "Correct it."),))

    print_plan("table", shown(plan_of(wanted, catalogue, {}), {}))

    assert "12     no?[2Jsuch       Correct it." in capsys.readouterr().out


def test_other_kinds_of_keys_say_where_they_are(catalogue: Catalogue) -> None:
    sealed = WantedKey("a", Place(), sealed={"apiKey": "llmkeys1.x"})
    source = WantedKey("b", Place(), source={"name": "raw"})

    plan = shown(plan_of(template(credential("one", sealed, source)), catalogue, {}), {})

    assert [one.key for one in plan.create[-1].keys] == ["sealed", "Secret raw"]


def test_the_type_of_a_provider_that_is_there_is_known_from_there(catalogue: Catalogue) -> None:
    source = WantedKey("b", Place(), source={"name": "raw"})
    wanted = Template("llmkeys", (), (credential("one", source, provider="there"),))

    plan = shown(plan_of(wanted, catalogue, dict[str, LLMProvider]()), {"there": "anthropic"})

    assert plan.create[-1].type == "anthropic"


def test_the_sealed_input_is_a_list_of_manifests_without_a_number(catalogue: Catalogue) -> None:
    plan = plan_of(template(credential("one", key("primary"))), catalogue, {})

    text = sealed_input(plan, KEYS.public)

    made = json.loads(text)
    assert [(one["kind"], one["metadata"]) for one in made] == [
        ("LLMProvider", {"name": "openai"}),
        ("LLMCredential", {"name": "one", "namespace": "team-a"}),
    ]
    assert made[1]["spec"]["keys"][0]["sealed"]["apiKey"].startswith("llmkeys1.")
    assert CANARY not in text


def test_a_template_that_fits_into_no_secret_is_refused_with_the_way_out(catalogue: Catalogue) -> None:
    many = [credential(f"c{number}", key("k", "k" * 40_000)) for number in range(20)]
    plan = plan_of(template(*many), catalogue, {})

    with pytest.raises(InputTooLargeError, match="--again"):
        sealed_input(plan, KEYS.public)


def test_the_printed_secret_holds_the_same_text(catalogue: Catalogue) -> None:
    sealed = sealed_input(plan_of(template(credential("one", key("primary"))), catalogue, {}), KEYS.public)

    made = yaml.safe_load(printed_secret(sealed, "keys"))

    assert made["stringData"] == {"sealed": sealed}
    assert made["metadata"] == {"name": "llmkeys-bootstrap", "namespace": "keys"}
