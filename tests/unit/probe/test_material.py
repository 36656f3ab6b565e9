import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.credential import KeyEntry, SecretRef
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import Provider
from llmkeys.probe.material import MAX_DOCUMENT, MAX_KEY, Candidate, candidates_of

CATALOGUE = load()
OPENAI = CATALOGUE.find("openai")
OPEN_AI_HOST = "api.openai.com"
GATEWAY = "gw.example"


def entry(**fields: str) -> KeyEntry:
    return KeyEntry("main", SecretRef("raw", fields))


def read(value: bytes, provider: Provider = OPENAI, host: str = OPEN_AI_HOST) -> list[Candidate]:
    return candidates_of(entry(apiKey="k"), {"k": value}, provider, host)


def keys(found: list[Candidate]) -> list[str]:
    return [one.material.revealed()["apiKey"] for one in found if one.material is not None]


@pytest.mark.parametrize(
    "data", [{"OPENAI_API_KEY": b"sk-1"}, {"apiKey": b"sk-1"}, {"OPENAI_API_KEY": b"sk-1", "apiKey": b"sk-2"}]
)
def test_without_a_mapping_the_conventional_variable_goes_before_the_fields_name(data: dict[str, bytes]) -> None:
    assert keys(candidates_of(entry(), data, OPENAI, OPEN_AI_HOST)) == ["sk-1"]


def test_a_mapping_is_obeyed_even_where_the_conventional_variable_is_there() -> None:
    data = {"OPENAI_API_KEY": b"sk-1", "mine": b"sk-2"}
    assert keys(candidates_of(entry(apiKey="mine"), data, OPENAI, OPEN_AI_HOST)) == ["sk-2"]


@pytest.mark.parametrize(
    ("fields", "data", "named"),
    [
        ({}, {"other": b"sk-1"}, "OPENAI_API_KEY"),
        ({"apiKey": "mine"}, {"OPENAI_API_KEY": b"sk-1"}, "mine"),
        ({}, {}, "OPENAI_API_KEY"),
    ],
)
def test_a_missing_field_is_named(fields: dict[str, str], data: dict[str, bytes], named: str) -> None:
    (found,) = candidates_of(entry(**fields), data, OPENAI, OPEN_AI_HOST)
    assert (found.problem, found.material) == (Reason.SOURCE_FIELD_MISSING, None)
    assert (found.values["secret"], found.values["field"]) == ("raw", named)


def test_an_optional_field_may_be_missing_unless_it_was_mapped() -> None:
    ollama = CATALOGUE.find("ollama")
    (without,) = candidates_of(entry(), {}, ollama, GATEWAY)
    assert without.problem is None
    assert without.material is not None
    assert without.material.revealed() == {}
    (mapped,) = candidates_of(entry(apiKey="k"), {}, ollama, GATEWAY)
    assert mapped.problem is Reason.SOURCE_FIELD_MISSING


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"sk-1", ["sk-1"]),
        (b"sk-1,sk-2", ["sk-1", "sk-2"]),
        (b"sk-1\nsk-2\n", ["sk-1", "sk-2"]),
        (b"sk-1\r\nsk-2", ["sk-1", "sk-2"]),
        ("sk-1\uff0csk-2".encode(), ["sk-1", "sk-2"]),
        (b" sk-1 , ,, sk-2 ,", ["sk-1", "sk-2"]),
        (b"\xef\xbb\xbfsk-1", ["sk-1"]),
        (b"\tsk-1 \n\0", ["sk-1"]),
    ],
)
def test_a_list_becomes_trimmed_keys_in_order(value: bytes, found: list[str]) -> None:
    candidates = read(value)
    assert keys(candidates) == found
    assert [one.problem for one in candidates] == [None] * len(found)
    assert [one.name for one in candidates] == (
        ["main"] if len(found) == 1 else [f"main-{number + 1}" for number in range(len(found))]
    )
    assert {one.entry for one in candidates} == {"main"}


@pytest.mark.parametrize(("value", "trimmed"), [(b"sk-1", False), (b"sk-1\n", True), (b" sk-1", True)])
def test_white_space_that_was_taken_off_is_told(value: bytes, trimmed: bool) -> None:
    (found,) = read(value)
    assert found.trimmed is trimmed


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" \n",
        b",",
        b"sk 1",
        "sk-é".encode(),
        "sk-\u200b1".encode(),
        b"sk-\x7f1",
        b"sk-\x011",
        b"sk-\xff",
        b"s" * (MAX_KEY + 1),
        b"s" * (MAX_DOCUMENT + 1),
    ],
)
def test_what_no_key_looks_like_is_malformed(value: bytes) -> None:
    assert [one.problem for one in read(value)] == [Reason.MALFORMED_KEY]


def test_the_longest_key_is_still_one() -> None:
    assert [one.problem for one in read(b"s" * MAX_KEY)] == [None]


def test_one_malformed_key_of_a_list_does_not_spoil_the_others() -> None:
    assert [one.problem for one in read(b"sk-1,bad one,sk-2")] == [None, Reason.MALFORMED_KEY, None]


@pytest.mark.parametrize(
    ("kind", "value", "host", "problem"),
    [
        ("openai", b"sk-admin-1", GATEWAY, Reason.WRONG_CREDENTIAL_TYPE),
        ("openai", b"sk-ant-1", OPEN_AI_HOST, Reason.WRONG_CREDENTIAL_TYPE),
        ("openai", b"sk-ant-1", GATEWAY, None),
        ("anthropic", b"sk-ant-oat01-1", GATEWAY, Reason.WRONG_CREDENTIAL_TYPE),
        ("google-gemini", b"ya29.token", "generativelanguage.googleapis.com", Reason.WRONG_CREDENTIAL_TYPE),
        ("azure-openai", b"eyJ0", GATEWAY, Reason.WRONG_CREDENTIAL_TYPE),
        ("dashscope", b"LTAI1", GATEWAY, Reason.WRONG_CREDENTIAL_TYPE),
    ],
)
def test_another_kind_of_credential_is_known_where_that_is_certain(
    kind: str, value: bytes, host: str, problem: Reason | None
) -> None:
    assert [one.problem for one in read(value, CATALOGUE.find(kind), host)] == [problem]


def two_fields() -> Provider:
    key = OPENAI.secret_fields[0]
    other = msgspec.structs.replace(key, name="apiSecret", env=("OPENAI_SECRET",), list=False, wrong_type=())
    return msgspec.structs.replace(OPENAI, secret_fields=(key, other))


def test_a_field_with_one_value_goes_with_every_key_of_the_list() -> None:
    data = {"OPENAI_API_KEY": b"sk-1,sk-2", "OPENAI_SECRET": b"s"}
    found = candidates_of(entry(), data, two_fields(), OPEN_AI_HOST)
    assert [one.material.revealed() for one in found if one.material] == [
        {"apiKey": "sk-1", "apiSecret": "s"},
        {"apiKey": "sk-2", "apiSecret": "s"},
    ]


def test_a_field_that_is_no_list_is_not_split() -> None:
    data = {"OPENAI_API_KEY": b"sk-1", "OPENAI_SECRET": b"a,b"}
    (found,) = candidates_of(entry(), data, two_fields(), OPEN_AI_HOST)
    assert found.material is not None
    assert found.material.revealed()["apiSecret"] == "a,b"


@given(st.binary(max_size=200))
def test_any_bytes_become_keys_that_can_be_sent_or_a_reason(value: bytes) -> None:
    found = read(value)
    assert found
    for one in found:
        if one.problem is None:
            assert one.material is not None
            key = one.material.revealed()["apiKey"]
            assert key.isascii()
            assert key.isprintable()
            assert " " not in key
            assert key
        else:
            assert one.problem in (Reason.MALFORMED_KEY, Reason.WRONG_CREDENTIAL_TYPE)


@given(st.lists(st.from_regex(r"key-[a-z0-9]{1,8}", fullmatch=True), min_size=1, max_size=6), st.data())
def test_a_list_is_the_same_keys_however_it_is_separated(wanted: list[str], data: st.DataObject) -> None:
    separators = st.sampled_from([",", "\n", "\r\n", "\uff0c", " , ", ",\n"])
    text = wanted[0] + "".join(data.draw(separators) + key for key in wanted[1:])
    assert keys(read(text.encode())) == wanted
