"""A credential that is exchanged for a token before it is shown."""

import ssl
from collections.abc import AsyncIterator

import pytest
import trustme
from aiohttp import web

from llmkeys.api.provider import Network, ProviderSpec
from llmkeys.catalogue.loader import load
from llmkeys.cli.check_ask import Asker
from llmkeys.cli.check_net import SystemClock
from llmkeys.crypto.secret import Secret
from llmkeys.explain.finding import Seen
from llmkeys.probe.endpoint import resolve_endpoint
from llmkeys.probe.material import Material

ENTRY = load().find("azure-openai")
CONFIG = {"resource": "mine", "tenantId": "contoso.example", "clientId": "66666666-7777-8888-9999-000000000000"}


class Azure:
    """The token endpoint and the API on one server."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.url = ""
        self.ca = trustme.CA()

    async def answer(self, request: web.BaseRequest) -> web.Response:
        if "/oauth2/" in request.path:
            good = (await request.post()).get("client_secret") == "good"
            body = {"access_token": "TOKEN"} if good else {"error": "invalid_client"}
            return web.json_response(body, status=200 if good else 401)
        self.shown.append(request.headers.get("Authorization", ""))
        return web.json_response({"data": [{"id": "gpt-4o"}]})

    async def ask(self, secret: str) -> Seen:
        network = Network(self.ca.cert_pem.bytes().decode(), None, allow_private_addresses=True)
        spec = ProviderSpec(ENTRY.id, base_url=self.url, endpoints={"token": self.url}, config=CONFIG, network=network)
        asker = Asker(spec, ENTRY, SystemClock())
        try:
            return await asker.ask(resolve_endpoint(spec, ENTRY), Material((("clientSecret", Secret(secret)),)))
        finally:
            await asker.close()


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    azure = Azure()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    azure.ca.issue_cert("127.0.0.1").configure_cert(context)
    runner = web.ServerRunner(web.Server(azure.answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    azure.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    yield azure
    await runner.cleanup()


async def test_the_token_is_what_proves_the_credential(azure: Azure) -> None:
    seen = await azure.ask("good")
    assert (seen.verdict.reason, seen.opened.models) == ("Verified", 1)
    assert azure.shown == ["Bearer TOKEN"]


async def test_a_refused_exchange_is_a_refused_credential(azure: Azure) -> None:
    seen = await azure.ask("bad")
    assert seen.verdict.reason == "Rejected"
    assert seen.asked == f"POST {azure.url}/contoso.example/oauth2/v2.0/token"
    assert azure.shown == []
