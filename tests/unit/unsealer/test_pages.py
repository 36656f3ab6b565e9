from llmkeys.unsealer.limits import Concurrency
from llmkeys.unsealer.listener import Guard
from llmkeys.unsealer.metrics import Metrics
from llmkeys.unsealer.pages import pages
from tests.unit.unsealer.serving import Reply, Server, listening, request
from tests.unit.unsealer.world import World


async def page(path: str, problem: str | None, metrics: Metrics | None = None) -> Reply:
    app = pages(metrics or Metrics(), {"event loop": lambda: None}, {"ring": lambda: problem})
    async with listening(app, Guard(Concurrency(10, 10))) as port:
        server = Server(World(), port, [], [])
        client = await server.connect()
        await client.send(request(method="GET", path=path))
        reply = await client.reply()
        await client.close()
    return reply


async def test_readiness_names_what_is_missing_and_liveness_does_not_mind() -> None:
    reply = await page("/readyz", "not read yet")
    assert (reply.status, reply.body) == (503, b"ring: not read yet\n")
    assert (await page("/healthz", "not read yet")).status == 200
    assert (await page("/readyz", None)).body == b"ok\n"


async def test_metrics_count_answers_and_name_no_tenant() -> None:
    metrics = Metrics()
    metrics.answered("/v1/unseal", "Opened", 0.002)
    metrics.looked_up("token", True)
    metrics.kube_requested("create", "tokenreviews", 201)
    metrics.connection_dropped("too-slow")
    metrics.watch_connections(lambda: 3)
    metrics.watch_certificate(lambda: 1.8e9)
    text = (await page("/metrics", None, metrics)).body.decode()
    assert 'llmkeys_unsealer_answers_total{path="/v1/unseal",reason="Opened"} 1.0' in text
    assert 'llmkeys_unsealer_questions_total{kind="token",remembered="true"} 1.0' in text
    assert "llmkeys_unsealer_connections 3.0" in text
    assert "llmkeys_unsealer_certificate_not_after_seconds 1.8e+09" in text
    assert 'llmkeys_unsealer_connections_dropped_total{why="too-slow"} 1.0' in text
