"""Which keys are known to be of another kind before they are sent anywhere."""

from collections.abc import Iterator

from llmkeys.api.credential import KeyEntry, SecretRef
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import Provider
from llmkeys.probe.material import candidates_of

CATALOGUE = load()
SHOWN = ("bearer", "header", "query")
FOREIGN = {
    "sk-ant-oat01-": "claude-code",
    "sk-ant-ort01-": "claude-code",
    "sk-ant-admin01-": "",
    "sk-ant-api03-": "anthropic",
    "sk-admin-": "",
    "sk-proj-": "openai",
    "sk-svcacct-": "openai",
    "sk-or-v1-": "openrouter",
    "sk-kimi-": "moonshot",
    "AIzaSy": "google-gemini",
    "ya29.": "",
    "GOCSPX-": "",
    "gsk_": "groq",
    "xai-": "xai",
    "hf_": "huggingface",
    "pplx-": "perplexity",
    "nvapi-": "nvidia",
    "r8_": "replicate",
    "jina_": "jina",
    "tgp_v1_": "together",
    "bce-v3/": "baidu-qianfan",
    "github_pat_": "github-models",
    '{"type":"service_account"}': "",
    '"sk-': "",
    "'sk-": "",
}
GITHUB = ("github-models", "github-copilot")


def own_hosts(entry: Provider) -> list[str]:
    return sorted(entry.hosts - set(entry.shared_hosts))


def vendors() -> list[Provider]:
    return [
        one
        for one in CATALOGUE.providers.values()
        if one.auth.scheme in SHOWN and one.kind not in ("self-hosted", "generic") and own_hosts(one)
    ]


def problem(entry: Provider, value: str, host: str) -> Reason | None:
    key = KeyEntry("k", SecretRef("raw", {entry.auth.field: "key"}))
    (candidate,) = candidates_of(key, {"key": value.encode()}, entry, host)
    return candidate.problem


def foreign_to(entry: Provider) -> Iterator[str]:
    for prefix, owner in FOREIGN.items():
        if entry.id != owner and not (owner in GITHUB and entry.id in GITHUB):
            yield f"{prefix}{'a' * 40}"


def test_most_types_are_of_vendors() -> None:
    assert len(vendors()) > 75


def test_a_key_of_another_vendor_is_not_sent_to_this_one() -> None:
    for entry in vendors():
        for host in own_hosts(entry):
            for value in foreign_to(entry):
                assert problem(entry, value, host) is Reason.WRONG_CREDENTIAL_TYPE, (host, value)


def test_keys_with_the_types_own_beginnings_are_sent_to_some_host_of_it() -> None:
    for entry in vendors():
        field = entry.secret_field(entry.auth.field)
        assert field is not None
        never = {one.prefix for one in field.wrong_type if not one.hosts}
        for prefix in {*field.prefixes, ""} - never:
            value = f"{prefix}{'0a' * 20}"
            assert None in {problem(entry, value, host) for host in own_hosts(entry)}, (entry.id, prefix)


def test_another_host_may_take_any_vendors_key() -> None:
    for entry in CATALOGUE.providers.values():
        if entry.auth.scheme in SHOWN:
            for value in ("sk-proj-abc", "gsk_abc", "nvapi-abc"):
                assert problem(entry, value, "gateway.example") is None, entry.id


def test_every_type_that_is_named_exists() -> None:
    named = {owner for owner in FOREIGN.values() if owner}
    assert named <= set(CATALOGUE.providers)
