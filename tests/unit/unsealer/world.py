"""The unsealer with an API server in memory: accounts and tokens, credentials, rights, and a clock that a test owns."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from llmkeys.api.names import ENVELOPE_SECRET, TOKEN_AUDIENCE
from llmkeys.api.objects import Key
from llmkeys.crypto.content import encode_content
from llmkeys.crypto.envelope import EnvelopeBinding, seal_envelope
from llmkeys.crypto.ring import Ring, ring_data
from llmkeys.crypto.ring_keys import RootKeys
from llmkeys.unsealer.authority import RememberingAuthority
from llmkeys.unsealer.bearer import Bearer
from llmkeys.unsealer.caller import TokenVerdict, User
from llmkeys.unsealer.limits import Concurrency, Limits, Rate, RateLimit
from llmkeys.unsealer.opening import Incoming, Outcome, Unsealer
from llmkeys.unsealer.refusal import Reason, Refusal
from llmkeys.unsealer.ring import EnvelopeRing
from llmkeys.unsealer.subject import Subject
from llmkeys.unsealer.usage import Usage

START = 1_800_000_000.0
CANARY = "sk-CANARY-unsealer-0001"
KEY = Key("team-a", "openai")
SUBJECT = Subject(
    key=KEY,
    uid="uid-openai",
    enabled=True,
    encryption="Envelope",
    end_to_end=False,
    service_accounts=frozenset({"chat"}),
    synced="Synced",
    sequence=3,
    previous_until=0.0,
)


class Clock:
    """Both clocks of the process: `now` may be wrong by `skew`, `monotonic` never is."""

    def __init__(self) -> None:
        self.at = START
        self.skew = 0.0

    def now(self) -> float:
        return self.at + self.skew

    def monotonic(self) -> float:
        return self.at


def encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def claims(**changes: Any) -> dict[str, Any]:
    body = {
        "iss": "https://kubernetes.default.svc",
        "aud": [TOKEN_AUDIENCE],
        "exp": START + 600,
        "kubernetes.io": {"namespace": "team-a", "pod": {"name": "chat-1", "uid": "pod-uid"}},
    } | changes
    return {name: value for name, value in body.items() if value is not None}


def token(signature: bytes = b"signature", **changes: Any) -> str:
    return f"{encoded({'alg': 'RS256'})}.{encoded(claims(**changes))}.{encoded(signature)}"


def verdict(account: str = "chat", namespace: str = "team-a", *, pod: str = "chat-1", **changes: Any) -> TokenVerdict:
    extra = {
        "authentication.kubernetes.io/pod-name": [pod],
        "authentication.kubernetes.io/pod-uid": ["pod-uid"],
    }
    user = User(
        f"system:serviceaccount:{namespace}:{account}", "uid", ("system:serviceaccounts",), extra if pod else {}
    )
    return TokenVerdict(**({"authenticated": True, "user": user, "audiences": (TOKEN_AUDIENCE,)} | changes))


def seal(ring: Ring, sequence: int = 3, credential_uid: str = SUBJECT.uid, **data: str) -> str:
    content = encode_content({name: value.encode() for name, value in (data or {"OPENAI_API_KEY": CANARY}).items()})
    return seal_envelope(RootKeys(ring).active, EnvelopeBinding("ns-uid", credential_uid, sequence), content)


@dataclass
class ApiInMemory:
    """What the API server would say; `asked` is what it was asked, `error` is raised instead of an answer.

    Questions of the kind `slow` set `waiting` and wait for `go`.
    """

    verdicts: dict[str, TokenVerdict] = field(default_factory=dict)
    subjects: dict[Key, Subject] = field(default_factory=dict)
    allowed: set[tuple[str, Key]] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    error: Exception | None = None
    slow: str = ""
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def review_token(self, bearer: Bearer) -> TokenVerdict:
        await self._asked("token")
        return self.verdicts.get(bearer.text, TokenVerdict())

    async def may_unseal(self, user: User, key: Key) -> bool:
        await self._asked("access")
        return (user.username, key) in self.allowed

    async def subject(self, key: Key) -> Subject | None:
        await self._asked("credential")
        return self.subjects.get(key)

    async def _asked(self, kind: str) -> None:
        self.asked.append(kind)
        if kind == self.slow:
            self.waiting.set()
            await self.go.wait()
        if self.error is not None:
            raise self.error


GENEROUS = Rate(1000.0, 1000.0)


class World:
    """One unsealer in namespace `llmkeys-system`, one credential `team-a/openai`, one pod of account `chat`."""

    def __init__(self, by_address: Rate = GENEROUS, by_account: Rate = GENEROUS, at_once: int = 100) -> None:
        self.clock = Clock()
        self.ring = Ring.first("envelope", START)
        self.secrets: dict[str, dict[str, bytes]] = {ENVELOPE_SECRET: ring_data(self.ring)}
        self.ring_reads = 0
        self.token = token()
        self.api = ApiInMemory({self.token: verdict()}, {KEY: SUBJECT})
        self.held = EnvelopeRing(self.read_secret, None, self.clock.monotonic)
        self.usage = Usage(self.clock.now)
        self.unsealer = Unsealer(
            RememberingAuthority(self.api, self.clock.monotonic),
            self.held.roots,
            Limits(
                RateLimit(by_address, self.clock.monotonic),
                RateLimit(by_account, self.clock.monotonic),
                Concurrency(at_once, 100),
                Concurrency(at_once, 100),
            ),
            self.usage,
            "llmkeys-system",
            self.clock.now,
        )

    async def read_secret(self, name: str) -> dict[str, bytes] | None:
        self.ring_reads += 1
        return self.secrets.get(name)

    def change(self, **changes: Any) -> None:
        self.api.subjects[KEY] = replace(self.api.subjects[KEY], **changes)

    def rotate(self) -> None:
        self.ring = self.ring.rotate(self.clock.now())
        self.secrets[ENVELOPE_SECRET] = ring_data(self.ring)

    def incoming(
        self,
        envelope: str | None = None,
        credential: str = KEY.name,
        token: str | None = None,
        address: str = "10.0.0.7",
        body: Callable[[], Awaitable[bytes | Refusal]] | None = None,
    ) -> Incoming:
        content = {"credential": credential, "envelope": seal(self.ring) if envelope is None else envelope}

        async def read() -> bytes | Refusal:
            return json.dumps(content).encode()

        return Incoming(address, f"Bearer {self.token if token is None else token}", body or read)

    async def unseal(self, *args: Any, **more: Any) -> Outcome:
        return await self.unsealer.unseal(self.incoming(*args, **more))

    async def why(self, *args: Any, **more: Any) -> Reason | None:
        """The reason of the refusal; None if it opened."""
        result = (await self.unseal(*args, **more)).result
        return result.reason if isinstance(result, Refusal) else None
