"""A whole engine between the doubles, in virtual time, and what people do to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self, cast

import msgspec

from llmkeys.api.credential import CredentialStatus, LLMCredential, credential_from
from llmkeys.api.objects import Condition, Key, condition_of
from llmkeys.api.provider import LLMProvider, provider_from
from llmkeys.catalogue.loader import load
from llmkeys.crypto.mac import MacKey
from llmkeys.engine.engine import Engine
from llmkeys.engine.observe import Observer
from tests.unit.engine.doubles import MemoryCluster, RecordingNet, SilentObserver
from tests.unit.engine.virtual import VirtualClock, until

CATALOGUE = load()
MAC = MacKey(1, bytes(32))
SOURCE = {"llmkeys.dev/source": "true"}
HOUR, DAY = 3600.0, 86400.0


class World:
    """A cluster with one provider, `openai`, and an engine at work."""

    def __init__(self, dice: float = 0.5) -> None:
        self.clock = VirtualClock(dice)
        self.cluster = MemoryCluster()
        self.net = RecordingNet()
        self.engine = self._engine()

    def _engine(self) -> Engine:
        return Engine(self.cluster, self.net, CATALOGUE, MAC, self.clock, cast("Observer", SilentObserver()))

    # -- life --------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self.provider()
        self.engine.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.stop()

    async def restart(self) -> None:
        """A new process: all that it knows is what it lists."""
        await self.engine.stop()
        self.engine = self._engine()
        for provider in self.cluster.providers.values():
            self.engine.provider_seen(provider)
        for key, stored in self.cluster.secrets.items():
            if stored.labels.get("llmkeys.dev/source"):
                self.engine.source_seen(key, stored.meta)
            elif "llmkeys.dev/credential" in stored.labels:
                self.engine.generated_seen(key, stored.meta)
        for credential in self.cluster.credentials.values():
            self.engine.credential_seen(credential)
        self.engine.start()

    # -- what people do ----------------------------------------------------------------------------------------

    def provider(self, name: str = "openai", **spec: Any) -> LLMProvider:
        known = self.cluster.providers.get(name)
        made = provider_from(
            {
                "metadata": self._metadata(name, "", known.metadata.generation if known else 0),
                "spec": {"type": "openai", **spec},
                "status": msgspec.to_builtins(known.status) if known else {},
            }
        )
        self.cluster.providers[name] = made
        self.engine.provider_seen(made)
        return made

    def source(self, text: str, name: str = "raw", namespace: str = "team") -> None:
        key = Key(namespace, name)
        self.engine.source_seen(key, self.cluster.put_secret(key, {"OPENAI_API_KEY": text.encode()}, dict(SOURCE)))

    def credential(
        self, name: str = "chat", namespace: str = "team", sources: Iterable[str] = ("raw",), **spec: Any
    ) -> Key:
        """Apply an LLMCredential; a second time under the same name it is a change of its spec."""
        key = Key(namespace, name)
        known = self.cluster.credentials.get(key)
        made = credential_from(
            {
                "metadata": self._metadata(name, namespace, known.metadata.generation if known else 0),
                "spec": {
                    "providerRef": {"name": "openai"},
                    "keys": [{"name": f"key-{source}", "secretRef": {"name": source}} for source in sources],
                    "target": {"encryption": "None", "name": f"{name}-out"},
                    **spec,
                },
                "status": msgspec.to_builtins(known.status) if known else {},
            }
        )
        self.cluster.credentials[key] = made
        self.engine.credential_seen(made)
        return key

    def simple(self, text: str, name: str = "chat", namespace: str = "team", **spec: Any) -> Key:
        """A credential with a source of its own."""
        self.source(text, f"raw-{name}", namespace)
        return self.credential(name, namespace, (f"raw-{name}",), **spec)

    def _metadata(self, name: str, namespace: str, generation: int) -> dict[str, Any]:
        return {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{namespace}-{name}",
            "generation": generation + 1,
            "resourceVersion": str(self.cluster.next_version()),
        }

    # -- what people see ---------------------------------------------------------------------------------------

    def status(self, key: Key) -> CredentialStatus:
        return self.cluster.credentials[key].status

    def seen(self, key: Key) -> "Seen":
        return Seen(self.cluster.credentials[key])

    def delivered(self, key: Key) -> str:
        """The key that the generated Secret holds; empty if it holds none."""
        stored = self.cluster.secrets.get(Key(key.namespace, f"{key.name}-out"))
        return stored.data.get("OPENAI_API_KEY", b"").decode() if stored else ""

    def patches_of(self, key: Key) -> list[float]:
        return [at for at, known, _ in self.cluster.patches if known == key]

    def events_of(self, key: Key) -> list[str]:
        mine = (one for one in self.cluster.events if one["involvedObject"]["name"] == key.name)
        return [one["reason"] for one in mine]


@dataclass(frozen=True)
class Seen:
    """A credential as `kubectl get` tells of it."""

    credential: LLMCredential

    def condition(self, kind: str) -> Condition:
        found = condition_of(self.credential.status.conditions, kind)
        assert found is not None
        return found

    def __str__(self) -> str:
        """The reason, then what of it is True."""
        true = [one.type for one in self.credential.status.conditions if one.status == "True"]
        return f"{self.condition('Ready').reason}: {' '.join(sorted(true))}"


__all__ = ["DAY", "HOUR", "Seen", "World", "until"]
