import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from llmkeys.telemetry.health import Checks, at_most, serve
from llmkeys.telemetry.metrics import new_metrics


async def fetch(port: int, path: str) -> tuple[int, str, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        return response.status, await response.text(), response.content_type


async def test_ready_follows_its_check_and_live_does_not() -> None:
    why: list[str] = ["the first list is not complete"]
    checks = Checks(ready={"watches": lambda: why[0] if why else None})
    async with serve("127.0.0.1", 0, new_metrics(), checks) as server:
        assert await fetch(server.port, "/readyz") == (503, "watches: the first list is not complete\n", "text/plain")
        assert (await fetch(server.port, "/healthz"))[0] == 200
        why.clear()
        assert await fetch(server.port, "/readyz") == (200, "ok\n", "text/plain")


async def test_live_names_everything_that_is_wrong() -> None:
    ages = {"loop": 0.5, "watch": 400.0}
    checks = Checks(live={"event loop": at_most(lambda: ages["loop"], 5), "watch": at_most(lambda: ages["watch"], 330)})
    async with serve("127.0.0.1", 0, new_metrics(), checks) as server:
        assert await fetch(server.port, "/healthz") == (503, "watch: 400.0 s, limit 330 s\n", "text/plain")
        ages["loop"] = 9
        assert (await fetch(server.port, "/healthz"))[1].startswith("event loop: 9.0 s, limit 5 s\nwatch:")
        ages.update(loop=5, watch=330)
        assert (await fetch(server.port, "/healthz"))[0] == 200


async def test_a_check_that_raises_is_an_answer_without_its_text() -> None:
    def broken() -> str | None:
        raise KeyError("sk-canary0123456789")

    async with serve("127.0.0.1", 0, new_metrics(), Checks(live={"x": broken})) as server:
        assert await fetch(server.port, "/healthz") == (503, "x: the check failed with KeyError\n", "text/plain")


async def test_a_reason_is_redacted() -> None:
    checks = Checks(live={"x": lambda: "Bearer sk-canary0123456789"})
    async with serve("127.0.0.1", 0, new_metrics(), checks) as server:
        assert "canary" not in (await fetch(server.port, "/healthz"))[1]


async def test_metrics_are_in_the_text_format() -> None:
    metrics = new_metrics()
    metrics.drifted()
    async with serve("127.0.0.1", 0, metrics, Checks()) as server:
        status, text, content_type = await fetch(server.port, "/metrics")
    assert (status, content_type) == (200, "text/plain")
    assert "llmkeys_drift" in {family.name for family in text_string_to_metric_families(text)}


async def test_the_port_is_free_again_afterwards_and_a_taken_one_is_an_error() -> None:
    async with serve("127.0.0.1", 0, new_metrics(), Checks()) as server:
        with pytest.raises(OSError):
            async with serve("127.0.0.1", server.port, new_metrics(), Checks()):
                pass
    async with serve("127.0.0.1", server.port, new_metrics(), Checks()) as again:
        assert again.port == server.port
