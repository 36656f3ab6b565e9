"""An API server in memory for bootstraps, honest about what is create-only, immutable or a conflict."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import BOOTSTRAP_SECRET
from llmkeys.api.objects import Key, Metadata
from llmkeys.api.provider import LLMProvider, ProviderSpec
from llmkeys.bootstrap.notes import Notes, notes_from
from llmkeys.bootstrap.planned import Kind
from llmkeys.bootstrap.records import ReceiptRecord, receipt_from, record_name
from llmkeys.bootstrap.story import RunStory, run_stories
from llmkeys.catalogue.loader import load
from llmkeys.crypto.keypair import PrivateKey, PublicKey
from llmkeys.crypto.mac import MacKey
from llmkeys.engine.bootstrap import IDLE, Bootstrap, Parts
from llmkeys.engine.bootstrap_effects import FoundObject, InputObject, RecordObject
from llmkeys.engine.effects import (
    ApiUnavailableError,
    ConflictError,
    ForbiddenError,
    NotThereError,
    RefusedError,
)
from tests.unit.engine.virtual import START, HandClock

_T = TypeVar("_T")

CATALOGUE: Final = load()
PRIVATE: Final = PrivateKey.generate()
CANARY: Final = "sk-CANARY-0123456789abcdef"
RESOURCES: Final[Mapping[Kind, str]] = {
    "Namespace": "namespaces",
    "LLMProvider": "llmproviders",
    "LLMCredential": "llmcredentials",
}


class Killed(BaseException):
    """SIGKILL."""


@dataclass
class Stored:
    """An object of the template's kinds."""

    labels: Mapping[str, str] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    terminating: bool = False


@dataclass
class ApiServer:
    """What is stored, and what was ever written.

    Args:
        denied: `verb resource` that the operator may not do.
        refused: names of objects that no create gets past.
        away: it answers nobody.
    """

    input: InputObject | None = None
    exposed: InputObject | None = None
    objects: dict[tuple[str, str, str], Stored] = field(default_factory=dict)
    config_maps: dict[str, RecordObject] = field(default_factory=dict)
    immutable: set[str] = field(default_factory=set)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: Counter[str] = field(default_factory=Counter)
    writes: list[str] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    away: bool = False
    mac_created: float = START
    version: int = 0

    def next_version(self) -> str:
        self.version += 1
        return str(self.version)

    def hand_over(self, text: str, *, asked: int = 0, entry: str = "bootstrap.yaml", **variables: str) -> None:
        """Put the input Secret there, or another state of it."""
        data = {entry: text.encode(), **{name: value.encode() for name, value in variables.items()}}
        self.input = InputObject("Secret", "own", BOOTSTRAP_SECRET, "uid-1", self.next_version(), data, asked)

    def change_input(self, **changes: Any) -> None:
        assert self.input is not None
        self.input = replace(self.input, resource_version=self.next_version(), **changes)

    def notes(self, number: int = 1) -> Notes:
        found = self.config_maps.get(record_name("notes", number))
        return Notes() if found is None else notes_from(number, found.data)

    def receipt(self, number: int = 1) -> ReceiptRecord:
        return receipt_from(number, self.config_maps[record_name("receipt", number)].data)

    def outcomes(self, number: int = 1) -> dict[str, str]:
        return {one.reference: one.outcome.value for one in self.receipt(number).objects}

    def stories(self) -> tuple[RunStory, ...]:
        return run_stories({name: one.data for name, one in self.config_maps.items()})

    def delete(self, reference: str) -> None:
        """As a user does."""
        kind, *rest = reference.split("/")
        namespace, name = rest if len(rest) == 2 else ("", rest[0])
        del self.objects[kind, namespace, name]

    def add(self, reference: str, **stored: Any) -> None:
        """As a user does."""
        kind, *rest = reference.split("/")
        namespace, name = rest if len(rest) == 2 else ("", rest[0])
        self.objects[kind, namespace, name] = Stored(**stored)

    def told(self, reason: str) -> list[str]:
        return [one["message"] for one in self.events.values() if one["reason"] == reason]

    def everything(self) -> str:
        """All that can be read there, for a search; without the input."""
        parts = [one.data for one in self.config_maps.values()], list(self.events.values())
        objects = [(key, one.labels, one.spec) for key, one in self.objects.items()]
        return json.dumps([repr(parts), objects], default=repr)


class Connection:
    """One operator's way to the API server.

    Args:
        api: that it leads to.
        kill_at: number of the call at which the operator dies, from 1; 0 for never.
        before: it dies before the call is made, else after it and before its answer is known.
        turns: how often others have their turn before the next call.
    """

    def __init__(
        self, api: ApiServer, kill_at: int = 0, *, before: bool = True, turns: Callable[[], int] = lambda: 1
    ) -> None:
        self.calls = 0
        self.dead = False
        self._api = api
        self._kill_at = kill_at
        self._before = before
        self._turns = turns

    async def _call(self, verb: str, resource: str, do: Callable[[], _T]) -> _T:
        for _ in range(self._turns()):
            await asyncio.sleep(0)
        self._die_if(dead=self.dead)
        self.calls += 1
        self._die_if(dead=self.calls == self._kill_at and self._before)
        try:
            return self._answer(verb, resource, do)
        finally:
            self._die_if(dead=self.calls == self._kill_at)
            for _ in range(self._turns()):
                await asyncio.sleep(0)
            self._die_if(dead=self.dead)

    def _answer(self, verb: str, resource: str, do: Callable[[], _T]) -> _T:
        api = self._api
        api.attempts.append(f"{verb} {resource}")
        if api.away:
            raise ApiUnavailableError(f"{verb} {resource}: the API server answered 503")
        if f"{verb} {resource}" in api.denied:
            raise ForbiddenError(f"{verb} {resource}: forbidden; check the roles of the operator's account")
        done = do()
        if verb in ("create", "patch"):
            api.writes.append(f"{verb} {resource}")
        return done

    def _die_if(self, *, dead: bool) -> None:
        if dead:
            self.dead = True
            raise Killed

    async def read_input(self) -> InputObject | None:
        return await self._call("get", "secrets", lambda: self._api.input)

    async def read_exposed(self) -> InputObject | None:
        return await self._call("get", "configmaps/exposed", lambda: self._api.exposed)

    async def record_names(self) -> frozenset[str]:
        return await self._call("list", "configmaps", lambda: frozenset(self._api.config_maps))

    async def read_record(self, name: str) -> RecordObject | None:
        return await self._call("get", "configmaps", lambda: self._api.config_maps.get(name))

    async def create_record(self, name: str, data: Mapping[str, bytes], *, immutable: bool) -> RecordObject:
        def do() -> RecordObject:
            if name in self._api.config_maps:
                raise ConflictError("create configmaps: conflict")
            self._api.config_maps[name] = RecordObject(self._api.next_version(), dict(data))
            if immutable:
                self._api.immutable.add(name)
            return self._api.config_maps[name]

        return await self._call("create", "configmaps", do)

    async def change_record(self, name: str, resource_version: str, changes: Mapping[str, str | None]) -> RecordObject:
        def do() -> RecordObject:
            assert name not in self._api.immutable
            found = self._api.config_maps.get(name)
            if found is None:
                raise NotThereError("patch configmaps: not found")
            if found.resource_version != resource_version:
                raise ConflictError("patch configmaps: conflict")
            data = {key: value for key, value in found.data.items() if key not in changes}
            data |= {key: value.encode() for key, value in changes.items() if value is not None}
            self._api.config_maps[name] = RecordObject(self._api.next_version(), data)
            return self._api.config_maps[name]

        return await self._call("patch", "configmaps", do)

    async def create(self, manifest: Mapping[str, Any]) -> None:
        meta = manifest["metadata"]
        kind, namespace, name = manifest["kind"], meta.get("namespace", ""), meta["name"]
        reference = "/".join(part for part in (kind, namespace, name) if part)

        def do() -> None:
            home = self._api.objects.get(("Namespace", "", namespace))
            if namespace and (home is None or home.terminating):
                raise NotThereError(f"create {RESOURCES[kind]}: not found")
            if (kind, namespace, name) in self._api.objects:
                raise ConflictError(f"create {RESOURCES[kind]}: conflict")
            if reference in self._api.refused:
                raise RefusedError(f"create {RESOURCES[kind]}: refused with 422 (Invalid)")
            self._api.objects[kind, namespace, name] = Stored(meta.get("labels", {}), manifest.get("spec", {}))
            self._api.created[reference] += 1

        await self._call("create", RESOURCES[kind], do)

    async def read(self, kind: Kind, key: Key) -> FoundObject | None:
        def do() -> FoundObject | None:
            found = self._api.objects.get((kind, key.namespace, key.name))
            return None if found is None else FoundObject(found.labels, found.spec, terminating=found.terminating)

        return await self._call("get", RESOURCES[kind], do)

    async def read_providers(self, names: Collection[str]) -> dict[str, LLMProvider]:
        def do() -> dict[str, LLMProvider]:
            return {
                name: LLMProvider(Metadata(name), ProviderSpec(type="openai"))
                for name in names
                if ("LLMProvider", "", name) in self._api.objects
            }

        return await self._call("get", "llmproviders", do) if names else {}

    async def mac_secret_created(self) -> float:
        return await self._call("get", "secrets/mac", lambda: self._api.mac_created)

    async def post_event(self, event: dict[str, Any]) -> None:
        def do() -> None:
            name = event["metadata"]["name"]
            if name in self._api.events:
                raise ConflictError("create events: conflict")
            self._api.events[name] = event

        await self._call("create", "events", do)


@dataclass
class Ring:
    """The operator's keys."""

    macs: dict[int, MacKey] = field(default_factory=lambda: {1: MacKey(1, bytes(range(32)))})

    def public(self) -> PublicKey:
        return PRIVATE.public

    def mac(self) -> MacKey:
        return self.macs[max(self.macs)]

    def mac_of(self, version: int) -> MacKey | None:
        return self.macs.get(version)

    def born(self) -> float:
        return START


class Witness:
    """Hears what happens."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.waiting = False
        self.edited = False

    def settled(self, reference: str, outcome: str, detail: str) -> None:
        self.heard.append(f"{reference} {outcome} {detail}")

    def told(self, reason: str, text: str, *, good: bool) -> None:
        self.heard.append(f"{reason} {text} {good}")

    def failed(self, error: LlmkeysError) -> None:
        self.heard.append(str(error))

    def waits(self, *, waiting: bool) -> None:
        self.waiting = waiting

    def ignores(self, *, edited: bool) -> None:
        self.edited = edited


async def at_once(compute: Callable[[], _T], /) -> _T:
    """Compute here: a thread would make every story another one."""
    return compute()


class Operator:
    """One process: it knows nothing of those before it."""

    def __init__(
        self,
        api: ApiServer,
        kill_at: int = 0,
        *,
        before: bool = True,
        ring: Ring | None = None,
        environment: Mapping[str, str] | None = None,
        turns: Callable[[], int] = lambda: 1,
    ) -> None:
        self.connection = Connection(api, kill_at, before=before, turns=turns)
        self.witness = Witness()
        self.bootstrap = Bootstrap(
            Parts(
                cluster=self.connection,
                keys=ring or Ring(),
                catalogue=CATALOGUE,
                environment=environment or {},
                clock=HandClock(),
                observer=self.witness,
                offload=at_once,
            )
        )

    async def look(self) -> float:
        return await self.bootstrap.look()


def look(api: ApiServer, **options: Any) -> float:
    """A new process looks once."""
    return asyncio.run(Operator(api, **options).look())


def is_idle(seconds: float) -> bool:
    return seconds == IDLE
