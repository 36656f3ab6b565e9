import json

import pytest

from llmkeys.engine.effects import ApiUnavailableError
from llmkeys.unsealer.audit import Audit
from llmkeys.unsealer.limits import Rate
from llmkeys.unsealer.opening import Outcome
from llmkeys.unsealer.refusal import Reason, Refusal
from tests.unit.unsealer.serving import request, serving
from tests.unit.unsealer.world import CANARY, World, token, verdict


async def test_a_yes_is_json_that_nobody_may_store() -> None:
    async with serving() as server:
        reply = await server.ask(server.good())
    assert reply.status == 200
    assert reply.json == {"content": {"OPENAI_API_KEY": CANARY}, "sequence": 3}
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-type"] == "application/json"


async def test_a_no_is_a_word_for_programs_and_a_sentence_for_people() -> None:
    async with serving() as server:
        reply = await server.ask(request(server.body(), token=""))
    assert reply.status == 401
    assert reply.json["reason"] == "TokenMissing"
    assert reply.json["message"].endswith(".")
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["www-authenticate"] == "Bearer"


async def test_several_requests_go_over_one_connection() -> None:
    async with serving() as server:
        client = await server.connect()
        for _ in range(3):
            await client.send(server.good())
            assert (await client.reply()).status == 200


async def test_requests_that_come_at_once_are_answered_in_turn() -> None:
    async with serving() as server:
        client = await server.connect()
        await client.send(server.good() * 3)
        assert [(await client.reply()).status for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("media", ["", "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_that_is_not_called_json_is_refused(media: str) -> None:
    async with serving() as server:
        reply = await server.ask(request(server.body(), server.world.token, Content_Type=media))
    assert (reply.status, reply.json["reason"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/unseal", 405), ("POST", "/v1/usage", 405), ("GET", "/", 404), ("POST", "/v1/unseal/../usage", 404)],
)
async def test_what_is_not_there_says_what_is(method: str, path: str, status: int) -> None:
    async with serving() as server:
        reply = await server.ask(request(method=method, path=path))
    assert reply.status == status
    assert "POST /v1/unseal" in reply.json["message"]


async def test_the_api_servers_wish_to_wait_is_handed_on() -> None:
    async with serving() as server:
        server.world.api.error = ApiUnavailableError("away", 6.2)
        reply = await server.ask(server.good())
    assert (reply.status, reply.headers["retry-after"]) == (503, "7")


async def test_the_controller_reads_who_used_what() -> None:
    async with serving() as server:
        await server.ask(server.good())
        by_hand = token(**{"kubernetes.io": {"namespace": "llmkeys-system"}})
        server.world.api.verdicts[by_hand] = verdict("llmkeys-controller", "llmkeys-system", pod="")
        reply = await server.ask(request(token=by_hand, method="GET", path="/v1/usage"))
        refused = await server.ask(request(token=server.world.token, method="GET", path="/v1/usage"))
    assert reply.status == 200
    assert len(reply.json["replica"]) == 16
    (line,) = reply.json["usage"]
    assert line.pop("lastTime").endswith("Z")
    assert line == {"namespace": "team-a", "credential": "openai", "serviceAccount": "chat", "count": 1}
    assert refused.status == 403


async def test_every_answer_is_one_line_that_says_who_what_and_why() -> None:
    async with serving() as server:
        await server.ask(server.good())
        await server.ask(request(server.body(), token=""))
        await server.ask(request(path="/elsewhere"))
    yes, no, elsewhere = server.audit
    assert yes.pop("seconds") is not None
    assert yes == {
        "path": "/v1/unseal",
        "decision": "yes",
        "reason": "Opened",
        "address": "127.0.0.1",
        "credential": "openai",
        "fields": ["OPENAI_API_KEY"],
        "sequence": 3,
        "namespace": "team-a",
        "service_account": "chat",
        "pod": "chat-1",
        "pod_uid": "pod-uid",
    }
    assert (no["decision"], no["reason"]) == ("no", "TokenMissing")
    assert (elsewhere["path"], elsewhere["reason"]) == ("other", "NotFound")
    assert CANARY not in json.dumps(server.audit)


async def test_a_bug_of_ours_is_a_no_and_a_line_of_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_incoming: object) -> Outcome:
        raise ZeroDivisionError(CANARY)

    monkeypatch.setattr("llmkeys.unsealer.opening.Unsealer.unseal", lambda _self, incoming: broken(incoming))
    async with serving() as server:
        reply = await server.ask(server.good())
    assert reply.status == 503
    assert CANARY.encode() not in reply.body
    assert server.audit[0]["reason"] == "Unavailable"


def test_an_answer_is_counted_by_path_and_reason() -> None:
    counted: list[tuple[str, str, float]] = []
    audit = Audit(lambda path, reason, seconds: counted.append((path, reason, seconds)), lambda **_: None)
    audit.answered("/v1/unseal", "", Outcome(Refusal(Reason.DENIED, "")), 0.25)
    assert counted == [("/v1/unseal", "Denied", 0.25)]


async def test_limits_come_with_a_time_to_wait() -> None:
    world = World(by_address=Rate(0.5, 1.0))
    await world.unseal()
    result = (await world.unseal()).result
    assert isinstance(result, Refusal)
    assert (result.status, result.retry_after) == (429, 2.0)
