"""A whole engine between the doubles, in virtual time, and what people do to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self, cast

import msgspec

from llmkeys.api.credential import CredentialStatus, LLMCredential, UnsealerStatus, credential_from
from llmkeys.api.objects import Condition, Key, condition_of
from llmkeys.api.provider import LLMProvider, provider_from
from llmkeys.catalogue.loader import load
from llmkeys.crypto.content import decode_content
from llmkeys.crypto.envelope import envelope_header, open_envelope
from llmkeys.crypto.header import Binding
from llmkeys.crypto.mac import MacKey
from llmkeys.crypto.ring import Ring
from llmkeys.crypto.ring_keys import RootKeys, SealingKeys
from llmkeys.crypto.sealing import seal
from llmkeys.engine.engine import Engine
from llmkeys.engine.keyring import KeyRing, keyring_of
from llmkeys.engine.observe import Observer
from llmkeys.engine.rollouts_effects import Pods, Workloads
from llmkeys.engine.store import Namespace
from tests.unit.engine.doubles import MemoryCluster, MemoryRenewed, RecordingNet, SilentObserver
from tests.unit.engine.virtual import VirtualClock, until

CATALOGUE = load()
MAC = MacKey(1, bytes(32))
SEALING = Ring.first("sealing", 0.0)
ENVELOPE = Ring.first("envelope", 0.0)
UNSEALER = UnsealerStatus("https://unsealer.test", "a certificate")
NAMESPACE_UID = "uid-of-namespace"
SOURCE = {"llmkeys.dev/source": "true"}
HOUR, DAY = 3600.0, 86400.0


class World:
    """A cluster with one provider, `openai`, and an engine at work."""

    def __init__(self, dice: float = 0.5) -> None:
        self.clock = VirtualClock(dice)
        self.cluster = MemoryCluster()
        self.net = RecordingNet()
        self.renewed = MemoryRenewed()
        self.sealing = SEALING
        self.roots = ENVELOPE
        self.workloads: Workloads | None = None
        self.pods: Pods | None = None
        self.mac = MAC
        self.engine = self._engine()

    def _engine(self) -> Engine:
        observer = cast("Observer", SilentObserver())
        parts = (self.cluster, self.net, CATALOGUE, self.mac, self._keyring(), self.clock, observer, self.renewed)
        engine = Engine(*parts, self.workloads, self.pods)
        engine.namespace_seen("team", Namespace(NAMESPACE_UID, {}))
        return engine

    def _keyring(self) -> KeyRing:
        return keyring_of(self.sealing, self.roots, UNSEALER)

    def rings(self, *, sealing: Ring | None = None, envelope: Ring | None = None) -> None:
        """Put other rings in force."""
        self.sealing = sealing or self.sealing
        self.roots = envelope or self.roots
        self.engine.keys_changed(self._keyring())

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

    def sealed(self, text: str, name: str = "chat", **bound: str) -> dict[str, Any]:
        """An entry of the list of keys with a sealed value, for the credential `team/<name>` unless told otherwise."""
        binding = {
            "purpose": "seal",
            "scope": "credential",
            "namespace": "team",
            "name": name,
            "field": "apiKey",
            "audience": "https://api.openai.com",
            "delivery": "envelope",
        }
        public = SealingKeys(self.sealing).active
        return {"name": "main", "sealed": {"apiKey": seal(public, Binding(**(binding | bound)), text.encode())}}

    def enveloped(self, *keys: dict[str, Any], name: str = "chat", target: Any = None, **spec: Any) -> Key:
        """A credential that delivers envelopes."""
        return self.credential(name, keys=list(keys), target={"name": f"{name}-out", **(target or {})}, **spec)

    def opened(self, key: Key) -> dict[str, bytes]:
        """What the unsealer would find in the generated Secret."""
        stored = self.cluster.secrets[Key(key.namespace, f"{key.name}-out")]
        assert set(stored.data) == {"envelope"}
        text = stored.data["envelope"].decode()
        uid = self.cluster.credentials[key].metadata.uid
        return decode_content(open_envelope(text, RootKeys(self.roots), NAMESPACE_UID, uid))

    def sequence(self, key: Key) -> int:
        """Of the envelope in the generated Secret."""
        stored = self.cluster.secrets[Key(key.namespace, f"{key.name}-out")]
        return envelope_header(stored.data["envelope"].decode()).binding.sequence

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
