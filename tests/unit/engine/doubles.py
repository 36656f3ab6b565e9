"""The effects that the engine is given, in memory: an API server that keeps versions, providers that answer by key."""

import asyncio
import base64
import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from llmkeys.api.credential import LLMCredential, credential_from
from llmkeys.api.objects import Key
from llmkeys.api.provider import LLMProvider, Network, provider_from
from llmkeys.delivery.manifest import ObservedSecret, Owner, SecretMeta
from llmkeys.engine.effects import ConflictError, NotOursError, NotThereError
from llmkeys.probe.reply import Failure, Reply
from llmkeys.probe.request import ProbeRequest
from tests.unit.engine.virtual import START, VirtualClock

JSON = {"content-type": "application/json"}


def reply(status: int, body: object, **headers: str) -> Reply:
    return Reply(status, JSON | {name.replace("_", "-"): value for name, value in headers.items()}, encoded(body))


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()


ACCEPTED = reply(200, {"object": "list", "data": []})
REFUSED = reply(401, {"error": {"code": "invalid_api_key", "type": "invalid_request_error", "message": "no"}})
DOWN = Reply(0, failure=Failure.CONNECT_REFUSED)


def throttled(seconds: int) -> Reply:
    return reply(
        429, {"error": {"code": "rate_limit_exceeded", "type": "requests", "message": "slow"}}, retry_after=str(seconds)
    )


class SilentObserver:
    """Takes every note and keeps none; an attribute that does not exist is a note as well."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_, **__: None


@dataclass(frozen=True)
class Sent:
    """One call: seconds since the start, the key, the host."""

    at: float
    key: str
    url: str


@dataclass
class RecordingNet:
    """Providers. What they answer is decided per key, or per URL and key, in seconds of virtual time."""

    answers: dict[str, Reply] = field(default_factory=dict)
    at: dict[tuple[str, str], Reply] = field(default_factory=dict)
    otherwise: Reply = REFUSED
    takes: float = 0.05
    otherwise_takes: float = 0.0  # more, for keys that have no answer of their own
    hanging: set[str] = field(default_factory=set)
    sent: list[Sent] = field(default_factory=list)
    under_way: int = 0
    most: int = 0

    async def send(self, request: ProbeRequest, network: Network, timeout: float, limit: int) -> Reply:  # noqa: ARG002, ASYNC109
        # A list that answers anybody is asked for without a key.
        key = "".join(secret.reveal() for _, secret in request.secret_headers).removeprefix("Bearer ")
        self.sent.append(Sent(asyncio.get_running_loop().time(), key, request.url))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            if any(host in request.url for host in self.hanging):
                await asyncio.sleep(timeout)
                return Reply(0, failure=Failure.READ_TIMEOUT)
            known = key in self.answers or (request.url, key) in self.at
            await asyncio.sleep(self.takes + (0.0 if known else self.otherwise_takes))
        finally:
            self.under_way -= 1
        return self.at.get((request.url, key), self.answers.get(key, self.otherwise))

    def times(self, key: str) -> list[float]:
        return [one.at for one in self.sent if one.key == key]


@dataclass
class Stored:
    """A Secret as the API server holds it."""

    uid: str
    version: int
    labels: dict[str, str]
    owners: list[dict[str, Any]]
    data: dict[str, bytes]
    managers: tuple[str, ...] = ("llmkeys",)
    hosts: tuple[str, ...] | None = None

    @property
    def meta(self) -> SecretMeta:
        owners = tuple(Owner(one["kind"], one["name"], one["uid"]) for one in self.owners)
        return SecretMeta(self.uid, str(self.version), dict(self.labels), owners)


class MemoryCluster:
    """An API server: optimistic locking on everything, and a journal of what was written."""

    def __init__(self) -> None:
        self.secrets: dict[Key, Stored] = {}
        self.credentials: dict[Key, LLMCredential] = {}
        self.providers: dict[str, LLMProvider] = {}
        self.patches: list[tuple[float, Key, dict[str, Any]]] = []
        self.events: list[dict[str, Any]] = []
        self.writes: list[tuple[str, Key]] = []
        self.reads: list[Key] = []
        self.model_lists: dict[str, dict[str, str]] = {}
        self.strange: set[str] = set()
        self.list_calls: list[tuple[str, str]] = []
        self.list_failures: list[Exception] = []
        self.failures: list[Exception] = []
        self._version = 100

    def next_version(self) -> int:
        self._version += 1
        return self._version

    # -- what people do ----------------------------------------------------------------------------------------

    def put_secret(self, key: Key, data: dict[str, bytes], labels: dict[str, str]) -> SecretMeta:
        known = self.secrets.get(key)
        uid = known.uid if known else f"secret-{self.next_version()}"
        self.secrets[key] = Stored(uid, self.next_version(), labels, known.owners if known else [], data)
        return self.secrets[key].meta

    # -- what the engine does ----------------------------------------------------------------------------------

    async def read_secret(self, key: Key, *, since: str = "") -> ObservedSecret | None:  # noqa: ARG002 - never behind
        self.reads.append(key)
        stored = self.secrets.get(key)
        if stored is None:
            return None
        return ObservedSecret(
            stored.meta,
            "Opaque",
            dict(stored.data),
            tuple(copy.deepcopy(stored.owners)),
            bool(stored.labels),
            stored.managers,
            stored.hosts,
        )

    async def create_secret(self, key: Key, manifest: dict[str, Any]) -> SecretMeta:
        if key in self.secrets:
            raise ConflictError("exists")
        self.writes.append(("create", key))
        metadata = manifest["metadata"]
        uid, version = f"secret-{self.next_version()}", self.next_version()
        data = decoded(manifest["data"])
        self.secrets[key] = Stored(uid, version, dict(metadata["labels"]), list(metadata["ownerReferences"]), data)
        return self.secrets[key].meta

    async def patch_secret(self, key: Key, operations: list[dict[str, Any]]) -> SecretMeta:
        stored = self.secrets.get(key)
        if stored is None:
            raise NotThereError("gone")
        for one in operations:
            path, value = one["path"], one["value"]
            if one["op"] == "test":
                found = {"/metadata/uid": stored.uid, "/metadata/resourceVersion": str(stored.version)}[path]
                if found != value:
                    raise ConflictError("changed")
            elif path == "/data":
                stored.data = decoded(value)
            elif path == "/metadata/ownerReferences":
                stored.owners = list(value)
            elif path == "/metadata/labels":
                stored.labels = dict(value)
            else:
                stored.labels[path.rsplit("/", 1)[1].replace("~1", "/").replace("~0", "~")] = value
        stored.version = self.next_version()
        self.writes.append(("patch", key))
        return stored.meta

    async def patch_credential_status(self, credential: LLMCredential, patch: dict[str, Any]) -> LLMCredential:
        key = credential.key
        known = self.credentials.get(key)
        if known is None:
            raise NotThereError("gone")
        if self.failures:
            raise self.failures.pop(0)
        if known.metadata.resource_version != credential.metadata.resource_version:
            raise ConflictError("changed")
        self.patches.append((VirtualClock().now() - START, key, patch))
        body = msgspec.to_builtins(known)
        body["status"] = merged(body["status"], patch)
        body["metadata"]["resourceVersion"] = str(self.next_version())
        self.credentials[key] = credential_from(body)
        return self.credentials[key]

    async def patch_provider_status(self, provider: LLMProvider, patch: dict[str, Any]) -> LLMProvider:
        body = msgspec.to_builtins(self.providers[provider.metadata.name])
        body["status"] = merged(body["status"], patch)
        body["metadata"]["resourceVersion"] = str(self.next_version())
        self.providers[provider.metadata.name] = provider_from(body)
        return self.providers[provider.metadata.name]

    async def read_model_list(self, provider: LLMProvider) -> dict[str, str] | None:
        self._list_called("read", provider)
        return self.model_lists.get(provider.metadata.name)

    async def write_model_list(self, provider: LLMProvider, data: dict[str, str]) -> None:
        self._list_called("write", provider)
        self.model_lists[provider.metadata.name] = data

    def _list_called(self, verb: str, provider: LLMProvider) -> None:
        self.list_calls.append((verb, provider.metadata.name))
        if self.list_failures:
            raise self.list_failures.pop(0)
        if provider.metadata.name in self.strange:
            raise NotOursError("a stranger's")

    async def post_event(self, event: dict[str, Any]) -> None:
        self.events.append(event)


class MemoryRenewed:
    """The operator's Secret of renewed files, and a journal of its writes."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] | None = None
        self.reads = 0
        self.writes: list[float] = []
        self.failures: list[Exception | None] = []

    async def read(self) -> dict[str, bytes] | None:
        self.reads += 1
        return None if self.data is None else dict(self.data)

    async def change(self, following: Callable[[Mapping[str, bytes] | None], dict[str, bytes]]) -> dict[str, bytes]:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.data = following(self.data)
        self.writes.append(asyncio.get_running_loop().time())
        return dict(self.data)


def decoded(data: dict[str, str]) -> dict[str, bytes]:
    return {name: base64.b64decode(value) for name, value in data.items()}


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
