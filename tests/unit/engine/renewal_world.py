"""A world whose provider renews access tokens, and the token service that gives them out."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from llmkeys.api.objects import Key
from llmkeys.api.provider import Network
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest
from tests.unit.engine.doubles import ACCEPTED, MemoryRenewed, RecordingNet, reply
from tests.unit.engine.virtual import START
from tests.unit.engine.world import HOUR, World

SERVICE = "https://chat.qwen.ai/api/v1/oauth2/token"
API = "https://portal.qwen.ai/v1/models"
REFUSED = reply(400, {"error": "invalid_grant", "error_description": "expired"})
EXPIRED = reply(401, {"error": {"message": "invalid access token or token expired"}})
BUSY = reply(429, {"error": "slow_down"}, retry_after="600")
LIFE = 6 * HOUR


@dataclass
class TokenNet(RecordingNet):
    """A provider whose token service gives out `access-1`, `access-2`… and takes each refresh token once.

    Args:
        lifetime: seconds, None to say nothing of it.
        instead: what the service answers instead.
        asked: when it was asked, and with which refresh token.
        ended: access tokens that the provider takes no more.

    """

    lifetime: float | None = LIFE
    rotates: bool = True
    instead: Reply | None = None
    refresh: str = "refresh-0"
    given: int = 0
    asked: list[tuple[float, str]] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    printed: list[str] = field(default_factory=list)

    async def send(self, request: ProbeRequest, network: Network, timeout: float, limit: int) -> Reply:  # noqa: ASYNC109
        self.printed.append(f"{request!r}")
        if request.secret_body is None:
            self.at |= {(API, one): EXPIRED for one in self.ended}
            return await super().send(request, network, timeout, limit)
        assert request.url == SERVICE
        (token,) = parse_qs(request.secret_body.reveal())["refresh_token"]
        self.asked.append((asyncio.get_running_loop().time(), token))
        await asyncio.sleep(self.takes)
        if self.instead is not None:
            return self.instead
        if token != self.refresh:
            return REFUSED
        self.given += 1
        body: dict[str, Any] = {"access_token": f"access-{self.given}", "resource_url": "tenant.example"}
        if self.lifetime is not None:
            body["expires_in"] = self.lifetime
        if self.rotates:
            self.refresh = body["refresh_token"] = f"refresh-{self.given}"
        self.answers[f"access-{self.given}"] = ACCEPTED
        return reply(200, body)


class Renewing(World):
    """A world whose provider renews, with one file in a source."""

    net: TokenNet

    def __init__(self, renewed: MemoryRenewed | None = None) -> None:
        super().__init__()
        self.renewed = renewed or self.renewed
        self.net = TokenNet(answers={"access-0": ACCEPTED})
        self.engine = self._engine()

    def file(self, ends: float | None = LIFE, *, refresh: str = "refresh-0", source: str = "raw", **more: Any) -> None:
        """Put a file into the source whose token ends so many seconds after the start."""
        document = {"access_token": "access-0", "refresh_token": refresh, "resource_url": "portal.qwen.ai", **more}
        if ends is not None:
            document["expiry_date"] = (START + ends) * 1000
        key, data = Key("team", source), {"oauth_creds.json": json.dumps(document).encode()}
        self.engine.source_seen(key, self.cluster.put_secret(key, data, {"llmkeys.dev/source": "true"}))

    def renewing(self, **spec: Any) -> None:
        self.provider(**{"type": "qwen-code", "config": {"refresh": "true"}, **spec})

    def begun(self, ends: float | None = LIFE, **more: Any) -> Key:
        self.renewing()
        self.file(ends, **more)
        return self.credential()

    def delivered_file(self, key: Key) -> dict[str, Any]:
        stored = self.cluster.secrets[Key(key.namespace, f"{key.name}-out")]
        found: dict[str, Any] = json.loads(stored.data["oauth_creds.json"])
        return found

    @property
    def renewals(self) -> list[float]:
        """Seconds after the start at which the token service was called."""
        return [at for at, _ in self.net.asked]


def message(world: World, key: Key) -> str:
    return world.seen(key).condition("Ready").message
