import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.catalogue.loader import load
from llmkeys.explain.replies import answer_to
from llmkeys.probe.limit import LIST_LIMIT

CATALOGUE = load()
FOLDER = Path(__file__).parents[2] / "fixtures" / "exchanges"


def answer(line: bytes | dict[str, Any]) -> dict[str, Any]:
    given = line if isinstance(line, bytes) else json.dumps(line).encode()
    found: dict[str, Any] = json.loads(msgspec.json.encode(answer_to(given, CATALOGUE, now=0)))
    return found


def test_a_line_gives_the_fields_that_were_promised() -> None:
    found = answer({"id": 7, "provider": "openai", "status": 429, "headers": {"Retry-After": 60}, "body": {}})
    assert found == {
        "id": 7,
        "verdict": "Throttled",
        "key": "unchanged",
        "condition": "RateLimited",
        "rule": {"source": "default", "index": found["rule"]["index"], "place": found["rule"]["place"]},
        "retryAfterSeconds": 60,
    }


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_evidence_means_the_same_line_by_line(path: Path) -> None:
    for reply in yaml.safe_load(path.read_text(encoding="utf-8"))["replies"]:
        headers = {"Content-Type": reply.get("content_type", "application/json"), **reply.get("headers", {})}
        body = reply["text"] if "text" in reply else reply["body"]
        line = {"id": reply["name"], "provider": path.stem, "status": reply["status"], "headers": headers, "body": body}
        found = answer(line)
        assert (found["id"], found["verdict"]) == (reply["name"], reply["verdict"])
        assert found["retryAfterSeconds"] == reply.get("retry_after")


@pytest.mark.parametrize("name", ["OpenAI", "智谱", "ZHIPU-AI"])
def test_a_provider_is_found_by_any_of_its_names(name: str) -> None:
    assert answer({"provider": name, "status": 401})["verdict"] == "Rejected"


def test_the_path_of_the_request_counts() -> None:
    line = {"provider": "openrouter", "status": 200, "body": {"data": []}}
    assert answer({**line, "path": "/api/v1/models"})["verdict"] == "Unverified"
    assert answer({**line, "path": None})["verdict"] == "Unrecognised"


def test_a_text_is_the_body_as_it_came() -> None:
    line = {"provider": "openai", "status": 401, "headers": {"CONTENT-TYPE": "text/html"}, "body": "<html>no</html>"}
    assert answer(line)["verdict"] == "ProviderUnreachable"


@pytest.mark.parametrize("escaped", [True, False])
def test_words_count_however_the_line_escapes_them(escaped: bool) -> None:
    line = {"provider": "openai-compatible", "status": 401, "body": {"message": "该令牌额度已用尽"}}
    assert answer(json.dumps(line, ensure_ascii=escaped).encode())["verdict"] == "QuotaExhausted"


@pytest.mark.parametrize("body", [b'"\xff"', b'{"a": "\xff"}', b'{"a": "\\u00e9", "n": 1e999}', b'{"a": "\\ud800"}'])
def test_a_body_that_cannot_be_read_leaves_the_status_to_speak(body: bytes) -> None:
    assert answer(b'{"provider": "openai", "status": 401, "body": ' + body + b"}")["verdict"] == "Rejected"


@pytest.mark.parametrize("body", ["NaN", '{"data": NaN}', '"\\ud800"', '"{\\"data\\": [NaN]}"'])
def test_a_body_that_is_no_json_is_a_body_all_the_same(body: str) -> None:
    assert answer(f'{{"id": "a", "provider": "openai", "status": 200, "body": {body}}}'.encode())["key"] == "unchanged"


def test_a_body_is_read_as_far_as_the_operator_reads() -> None:
    body = '{"data": []}' + " " * LIST_LIMIT
    assert answer({"provider": "openai", "status": 200, "body": body})["verdict"] == "BadEndpoint"


def test_a_reply_that_never_came_is_told_by_its_failure() -> None:
    assert answer({"provider": "openai", "status": None, "failure": "tls"})["verdict"] == "ProviderUnreachable"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"id": 3, "provider": "opnai", "status": 401}', "openai"),
        (b'{"id": 3, "status": 401}', "provider"),
        (b'{"id": 3, "provider": "openai", "status": "many"}', "status"),
        (b'{"id": 3, "provider": "openai", "failure": "weather"}', "failure"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "object"),
        (b'{"provider": "openai", "body": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "deeply"),
    ],
)
def test_a_line_that_is_no_reply_says_why_and_keeps_its_id(line: bytes, said: str) -> None:
    found = answer(line)
    assert set(found) == {"id", "error"}
    assert said in found["error"]
    assert found["id"] == (3 if b'"id": 3' in line else None)


@given(line=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_line_has_an_answer(line: bytes) -> None:
    assert answer(line)


@given(
    line=st.fixed_dictionaries(
        {"provider": st.sampled_from(sorted(CATALOGUE.providers))},
        optional={
            "id": st.one_of(st.none(), st.integers(), st.text(max_size=5)),
            "status": st.one_of(
                st.none(), st.sampled_from([200, 400, 403, 404, 429, 500]), st.floats(), st.text(max_size=3)
            ),
            "headers": st.one_of(
                st.none(),
                st.dictionaries(
                    st.text(max_size=9),
                    st.one_of(st.none(), st.text(max_size=9), st.integers(), st.lists(st.text(max_size=3))),
                ),
            ),
            "body": st.recursive(
                st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
                lambda inner: st.one_of(
                    st.lists(inner, max_size=3),
                    st.dictionaries(st.sampled_from(["error", "code", "message", "data"]), inner),
                ),
                max_leaves=9,
            ),
            "path": st.one_of(st.none(), st.text(max_size=20)),
        },
    )
)
def test_garbage_refuses_no_key(line: dict[str, Any]) -> None:
    assert answer(line).get("key") != "invalid"
