"""How a key is shown to each simulated provider, and at which URL: a second opinion beside the product's own."""

import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

import aiohttp

KEY: Final = "sk-canary-0123456789abcdef"
"""A key of tests; it may show up nowhere but at the simulator."""

_PATHS: Final = {
    "anthropic": "/models?limit=1",
    "google-gemini": "/models?pageSize=1",
    "azure-openai": "/openai/models?api-version=2024-10-21",
    "openrouter": "/key",
    "ollama": "/api/tags",
}


class Located(Protocol):
    """A simulator, in this process or in another."""

    def url(self, type: str) -> str: ...  # noqa: A002
    def origin(self, type: str) -> str: ...  # noqa: A002


class Reply(NamedTuple):
    """What came back; the headers' names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def trusting(ca_pem: str) -> aiohttp.ClientSession:
    """A session that trusts this CA and nothing else."""
    context = ssl.create_default_context(cadata=ca_pem)
    connector = aiohttp.TCPConnector(ssl=context, limit=0)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=20))


def probe_url(simulator: Located, name: str) -> str:
    """Where the keys of a server's type are proven."""
    type_ = name.partition(":")[0]
    if type_ == "huggingface":
        return f"{simulator.origin(name)}/api/whoami-v2"
    return simulator.url(name) + _PATHS.get(type_, "/models")


def credentials(name: str, key: str) -> Mapping[str, str]:
    """The headers that carry a key."""
    match name.partition(":")[0]:
        case "anthropic":
            return {"x-api-key": key, "anthropic-version": "2023-06-01"}
        case "google-gemini":
            return {"x-goog-api-key": key}
        case "azure-openai":
            return {"api-key": key}
    return {"Authorization": f"Bearer {key}"}


async def probe(simulator: Located, client: aiohttp.ClientSession, name: str, key: str = KEY) -> Reply:
    """Show a key to a server, and follow no redirect."""
    return await get(client, probe_url(simulator, name), credentials(name, key))


async def get(client: aiohttp.ClientSession, url: str, headers: Mapping[str, str] | None = None) -> Reply:
    async with client.get(url, headers=headers, allow_redirects=False) as response:
        fields = {field.lower(): value for field, value in response.headers.items()}
        return Reply(response.status, fields, await response.read())
