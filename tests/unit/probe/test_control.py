import re
import secrets

import pytest

from llmkeys.api.reasons import REFUSALS, Reason
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.probe.control import NOISE, Known, after_control, after_key, made_up_key, wants_control
from llmkeys.probe.material import MAX_KEY, Material
from llmkeys.probe.verdict import Verdict

CATALOGUE = load()
NOW, HOUR, DAY = 1000.0, 3600.0, 86400.0
TOKENS = [one for one in CATALOGUE.providers.values() if one.auth.scheme in ("bearer", "header", "query")]
KEY = Material((("apiKey", Secret("sk-real")),))


@pytest.mark.parametrize("entry", TOKENS, ids=lambda entry: entry.id)
def test_a_made_up_key_looks_like_one_of_the_type(entry: Provider) -> None:
    field = entry.secret_field(entry.auth.field)
    assert field is not None
    for _ in range(20):
        secret = made_up_key(entry, secrets.token_bytes(NOISE)).get(entry.auth.field)
        assert secret is not None
        text = secret.reveal()
        assert re.fullmatch(r"[!-~]{30,}", text)
        assert len(text) <= MAX_KEY
        assert not any(text.startswith(wrong.prefix) for wrong in field.wrong_type if not wrong.hosts)
        if field.prefixes:
            assert text.startswith(field.prefixes)


@pytest.mark.parametrize("kind", ["deepseek", "groq", "huggingface", "mistral", "openrouter", "perplexity", "xai"])
def test_a_made_up_key_keeps_to_the_known_pattern(kind: str) -> None:
    entry = CATALOGUE.find(kind)
    field = entry.secret_field("apiKey")
    secret = made_up_key(entry, secrets.token_bytes(NOISE)).get("apiKey")
    assert field is not None
    assert secret is not None
    assert re.fullmatch(field.pattern, secret.reveal())


def test_a_made_up_key_is_made_of_the_noise_alone() -> None:
    entry = CATALOGUE.find("openai-compatible")
    texts = {str(made_up_key(entry, bytes([one]) * NOISE).revealed()) for one in range(62)}
    assert len(texts) == 62


@pytest.mark.parametrize(
    ("kind", "material", "wanted"),
    [
        ("minimax", KEY, True),
        ("openai-compatible", KEY, True),
        ("openai-compatible", Material(()), False),
        ("openai", KEY, False),
        ("xinference", KEY, False),
    ],
)
def test_a_control_is_wanted_where_it_is_not_known_whether_the_key_is_checked(
    kind: str, material: Material, *, wanted: bool
) -> None:
    assert wants_control(CATALOGUE.find(kind), material) is wanted


NOTHING, CHECKS, OPEN = Known(), Known(checks=True, due=5.0), Known(checks=False, due=5.0)
CONTROLS = [
    (Reason.VERIFIED, False, DAY),
    *((reason, True, DAY) for reason in sorted(REFUSALS)),
    (Reason.PERMISSION_DENIED, True, DAY),
]
SAYS_NOTHING = [
    (Reason.PROVIDER_UNREACHABLE, HOUR),
    (Reason.OVERLOADED, HOUR),
    (Reason.ADDRESS_BLOCKED, HOUR),
    (Reason.THROTTLED, DAY),
    (Reason.REGION_DENIED, DAY),
    (Reason.BAD_ENDPOINT, DAY),
    (Reason.UNRECOGNISED, DAY),
    (Reason.PROBE_REFUSED, DAY),
]


@pytest.mark.parametrize("before", [NOTHING, CHECKS, OPEN])
@pytest.mark.parametrize(("reason", "checks", "wait"), CONTROLS)
def test_what_is_said_of_a_made_up_key_tells_what_the_endpoint_checks(
    before: Known, reason: Reason, *, checks: bool, wait: float
) -> None:
    assert after_control(before, Verdict(reason), NOW) == Known(checks, NOW + wait)


@pytest.mark.parametrize("before", [NOTHING, CHECKS, OPEN])
@pytest.mark.parametrize(("reason", "wait"), SAYS_NOTHING)
def test_an_answer_that_is_not_about_the_key_leaves_what_was_known(before: Known, reason: Reason, wait: float) -> None:
    assert after_control(before, Verdict(reason), NOW) == Known(before.checks, NOW + wait)


@pytest.mark.parametrize("before", [NOTHING, CHECKS, OPEN])
@pytest.mark.parametrize("reason", [one for one in Reason if one not in REFUSALS])
def test_only_the_refusal_of_a_real_key_tells_as_much(before: Known, reason: Reason) -> None:
    assert after_key(before, Verdict(reason), NOW) is before
    assert after_key(before, Verdict(Reason.REJECTED), NOW) == Known(checks=True, due=NOW + DAY)


@pytest.mark.parametrize(("known", "proves"), [(NOTHING, "unknown"), (OPEN, "unknown"), (CHECKS, True)])
def test_a_success_proves_a_key_only_where_keys_are_known_to_be_checked(known: Known, proves: object) -> None:
    assert known.proves == proves
