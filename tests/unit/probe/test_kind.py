import msgspec
import pytest

from llmkeys.api.credential import KeyEntry, SecretRef
from llmkeys.api.provider import ProviderSpec
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.loader import load
from llmkeys.crypto.secret import Secret
from llmkeys.probe.build import endpoint_parts
from llmkeys.probe.endpoint import resolve_endpoint
from llmkeys.probe.kind import kind_of, usable
from llmkeys.probe.material import Candidate, Material, candidates_of
from llmkeys.probe.reach import reach_of
from tests.unit.probe.auth.credentials import NOW, material_for, service_account, spec_for, written

CATALOGUE = load()
ENTRY = KeyEntry("main", SecretRef("raw"))


def read(kind: str, data: dict[str, str], **mapping: str) -> Candidate:
    entry = CATALOGUE.find(kind)
    raw = {name: text.encode() for name, text in data.items()}
    (found,) = candidates_of(KeyEntry("main", SecretRef("raw", mapping)), raw, entry, "gw.example")
    return found


@pytest.mark.parametrize(
    ("kind", "data", "scheme"),
    [
        ("aws-bedrock", {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"}, "aws_sigv4"),
        ("aws-bedrock", {"accessKeyId": "AKID", "secretAccessKey": "s", "sessionToken": "t"}, "aws_sigv4"),
        ("aws-bedrock", {"AWS_BEARER_TOKEN_BEDROCK": "ABSK1"}, "bearer"),
        ("baidu-qianfan", {"QIANFAN_API_KEY": "bce-v3/a/b"}, "bearer"),
        ("baidu-qianfan", {"QIANFAN_AK": "a", "QIANFAN_SK": "s"}, "query"),
        ("tencent-hunyuan", {"HUNYUAN_API_KEY": "sk-1"}, "bearer"),
        ("tencent-hunyuan", {"TENCENTCLOUD_SECRET_ID": "AKID1", "TENCENTCLOUD_SECRET_KEY": "s"}, "tc3_hmac_sha256"),
        ("iflytek-spark", {"SPARK_API_PASSWORD": "p"}, "bearer"),
        ("iflytek-spark", {"IFLYTEK_SPARK_API_KEY": "k", "IFLYTEK_SPARK_API_SECRET": "s"}, "bearer_pair"),
        ("zhipu", {"ZHIPUAI_API_KEY": "id.secret"}, "bearer"),
        ("zhipu", {"signingKey": "id.secret"}, "jwt_hs256"),
        ("azure-openai", {"AZURE_OPENAI_API_KEY": "k"}, "header"),
        ("azure-openai", {"AZURE_CLIENT_SECRET": "s"}, "oauth_client_credentials"),
    ],
)
def test_the_fields_that_are_there_tell_the_kind_of_credential(kind: str, data: dict[str, str], scheme: str) -> None:
    entry = CATALOGUE.find(kind)
    found = read(kind, data)
    assert found.problem is None
    assert found.material is not None
    spec = spec_for(entry, "https://gw.example")
    assert kind_of(resolve_endpoint(spec, entry), entry, found.material).entry.auth.scheme == scheme


@pytest.mark.parametrize(
    ("kind", "data", "named"),
    [
        ("aws-bedrock", {"AWS_ACCESS_KEY_ID": "AKID"}, "AWS_SECRET_ACCESS_KEY"),
        ("baidu-qianfan", {"QIANFAN_AK": "a"}, "QIANFAN_SK"),
        ("baidu-qianfan", {}, "QIANFAN_API_KEY"),
        ("tencent-hunyuan", {"TENCENTCLOUD_SECRET_KEY": "s"}, "TENCENTCLOUD_SECRET_ID"),
    ],
)
def test_what_is_missing_of_the_kind_that_is_begun_is_named(kind: str, data: dict[str, str], named: str) -> None:
    found = read(kind, data)
    assert (found.problem, found.values["field"]) == (Reason.SOURCE_FIELD_MISSING, named)


@pytest.mark.parametrize(
    ("kind", "data", "reason", "words"),
    [
        ("zhipu", {"signingKey": "no-dot"}, Reason.MALFORMED_KEY, "id.secret"),
        ("google-vertex", {"serviceAccountJson": "/var/key.json"}, Reason.MALFORMED_KEY, "no JSON object"),
        ("google-vertex", {"serviceAccountJson": "{}"}, Reason.MALFORMED_KEY, "client_email"),
        (
            "google-vertex",
            {"serviceAccountJson": service_account(token_uri="https://tenant.example/token")},
            Reason.BAD_ENDPOINT,
            "token_uri",
        ),
    ],
)
def test_what_no_request_can_be_made_of_is_told_before_anything_is_sent(
    kind: str, data: dict[str, str], reason: Reason, words: str
) -> None:
    found = read(kind, data)
    assert found.problem is reason
    assert words in found.values["because"]


def test_a_key_of_a_kind_that_lacks_a_setting_waits_for_the_platform_team() -> None:
    azure = CATALOGUE.find("azure-openai")
    endpoint = resolve_endpoint(ProviderSpec("azure-openai", base_url="https://gw.example"), azure)
    secret = Candidate("main", "main", Material((("clientSecret", Secret("s")),)))
    found = usable(secret, endpoint, azure, NOW)
    assert found.problem is Reason.BAD_ENDPOINT
    assert "clientId" in found.values["detail"]
    key = Candidate("main", "main", Material((("apiKey", Secret("s")),)))
    assert usable(key, endpoint, azure, NOW) is key


@pytest.mark.parametrize(("expiry", "reason"), [(NOW - 1, Reason.EXPIRED), (NOW, Reason.EXPIRED), (NOW + 1, None)])
def test_a_file_whose_token_has_ended_is_not_asked_about(expiry: float, reason: Reason | None) -> None:
    entry = CATALOGUE.find("qwen-code")
    found = read("qwen-code", {"oauth_creds.json": written({"access_token": "a", "expiry_date": expiry * 1000})})
    assert found.problem is None
    assert usable(found, resolve_endpoint(ProviderSpec("qwen-code"), entry), entry, NOW).problem is reason


# -- where a bound key may go ---------------------------------------------------------------------------------

WITH_TOKEN = ["azure-openai", "baidu-qianfan", "google-vertex", "sagemaker", "tencent", "tencent-hunyuan"]


@pytest.mark.parametrize("kind", WITH_TOKEN)
def test_a_token_service_of_somebody_elses_unbinds_every_key_of_the_provider(kind: str) -> None:
    entry = CATALOGUE.find(kind)
    own = spec_for(entry, None)
    own = msgspec.structs.replace(own, config={**own.config, **({"resource": "acme"} if kind.startswith("az") else {})})
    assert not reach_of(own, resolve_endpoint(own, entry), entry).foreign
    moved = msgspec.structs.replace(own, endpoints={"token": "https://tenant.example"})
    assert reach_of(moved, resolve_endpoint(moved, entry), entry).foreign


def test_a_kind_is_as_sure_as_its_probe() -> None:
    for entry in CATALOGUE.providers.values():
        for kind in entry.kinds()[1:]:
            assert kind.probe.authenticated is True, kind.id
            assert material_for(kind).revealed().keys() == {one.name for one in kind.secret_fields}


@pytest.mark.parametrize("kind", WITH_TOKEN)
def test_another_token_service_is_another_endpoint(kind: str) -> None:
    entry = CATALOGUE.find(kind)
    own = spec_for(entry)
    moved = msgspec.structs.replace(own, endpoints={"token": "https://login.example"})
    parts = [list(endpoint_parts(resolve_endpoint(spec, entry), entry)) for spec in (own, moved)]
    assert parts[0] != parts[1]
