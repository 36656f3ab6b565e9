"""A namespace with the product at work in it: what a test applies there, and what it sees."""

import base64
import itertools
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from llmkeys.api.names import (
    API_VERSION,
    CREDENTIAL_KIND,
    CREDENTIAL_PLURAL,
    PROVIDER_KIND,
    PROVIDER_PLURAL,
    SOURCE_LABEL,
)
from tests.support.simulator.behaviour import Behaviour
from tests.support.stage import Stage, decoded, new_key
from tests.support.wait import eventually

_OURS: Final = f"/apis/{API_VERSION}"


class World:
    """A namespace on a stage: what a test applies there, and what it sees."""

    def __init__(self, on: Stage, namespace: str, prefix: str) -> None:
        """Begin.

        Args:
            on: the session's stage.
            namespace: where all but LLMProviders goes.
            prefix: of the names of LLMProviders.

        """
        self.stage = on
        self.simulator = on.simulator
        self.namespace = namespace
        self._api = on.api
        self._prefix = prefix
        self._numbers = itertools.count(1)
        self._servers: dict[str, str] = {}

    # -- manifests -------------------------------------------------------------------------------------------

    def provider(self, kind: str = "openai", *, name: str = "", **spec: object) -> str:
        """Create an LLMProvider that leads to a server of its own; its name.

        Args:
            kind: of the simulator's server, and `type` unless `spec` has another.
            name: instead of a new one.
            **spec: more of it; None leaves a field out.

        """
        name = name or self.provider_name()
        server = self._servers[name] = self.stage.take_server(kind)
        usual: dict[str, object] = {
            "type": kind,
            "baseURL": self.simulator.url(server),
            "network": {"caBundle": self.simulator.ca_pem, "allowPrivateAddresses": True},
        }
        self.create(PROVIDER_KIND, name, spec={k: v for k, v in {**usual, **spec}.items() if v is not None})
        return name

    def provider_name(self) -> str:
        """Make a name for an LLMProvider that is this module's."""
        return f"{self._prefix}{next(self._numbers)}"

    def server(self, provider: str) -> str:
        """The simulator's name of the server that a provider leads to."""
        return self._servers[provider]

    def key(self, behaviour: Behaviour = Behaviour.GOOD, prefix: str = "sk-") -> str:
        """Make a new key and decide what providers say of it."""
        key = new_key(prefix)
        self.simulator.set(key, behaviour)
        return key

    def source(
        self, name: str, data: Mapping[str, str | bytes] | None = None, *, labelled: bool = True, **fields: str | bytes
    ) -> None:
        """Create a source Secret, or replace what it holds.

        Args:
            name: of the Secret.
            data: what it holds, with `fields`.
            labelled: as a source.
            **fields: `apiKey="…"`.

        """
        content = {field: _encoded(value) for field, value in {**(data or {}), **fields}.items()}
        known = self._api.get(self.path("Secret", name))
        if known is not None:
            gone: dict[str, None] = dict.fromkeys(known.get("data") or {})
            self.patch("Secret", name, {"data": {**gone, **content}})
            return
        labels = {SOURCE_LABEL: "true"} if labelled else {}
        self.create("Secret", name, labels=labels, data=content, type="Opaque")

    def credential(
        self, name: str, provider: str, *keys: str | bytes, entries: Sequence[object] = (), **spec: Any
    ) -> None:
        """Create an LLMCredential, with a source Secret `<name>-<number>` for each key that is given as its value.

        Args:
            name: of the credential and of its Secret.
            provider: of the LLMProvider.
            *keys: their values; the entries are called k1, k2…
            entries: of `spec.keys`, behind those.
            **spec: more of it.

        """
        listed: list[object] = []
        for number, value in enumerate(keys, start=1):
            self.source(f"{name}-{number}", apiKey=value)
            listed.append({"name": f"k{number}", "secretRef": {"name": f"{name}-{number}"}})
        listed += entries
        target = {"encryption": "None", **spec.pop("target", {})}
        body = {"providerRef": {"name": provider}, "target": target, **spec}
        self.create(CREDENTIAL_KIND, name, spec=body | ({"keys": listed} if listed else {}))

    def proven(self, name: str, provider: str, **spec: Any) -> str:
        """Create a credential with one good key and wait until it is delivered; the key."""
        key = self.key()
        self.credential(name, provider, key, **spec)
        self.wait(name, ready="True", reason="Verified")
        return key

    def create(self, kind: str, name: str, *, labels: Mapping[str, str] | None = None, **body: object) -> None:
        version = "v1" if kind == "Secret" else API_VERSION
        content = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels or {}}, **body}
        self._api.create(self.path(kind), content)

    def create_event(self, name: str, about: Mapping[str, str], message: str) -> None:
        body = {"metadata": {"name": name}, "involvedObject": about, "reason": "Test", "message": message}
        self._api.create(self.path("Event"), body)

    def patch(self, kind: str, name: str, change: Mapping[str, object]) -> None:
        """Change an object by a merge patch; `Namespace` takes the world's own."""
        self._api.merge(self.path(kind, name), change)

    def change(self, credential: str, **spec: object) -> None:
        """Change fields of a credential's spec."""
        self.patch(CREDENTIAL_KIND, credential, {"spec": spec})

    def change_provider(self, provider: str, **spec: object) -> None:
        self.patch(PROVIDER_KIND, provider, {"spec": spec})

    def look_again(self, provider: str) -> None:
        """Have all keys of a provider looked at: its requests carry another header."""
        self.change_provider(provider, headers={"X-Look": secrets.token_hex(4)})

    def delete(self, kind: str, name: str) -> None:
        self._api.delete(self.path(kind, name))

    def path(self, kind: str, name: str = "") -> str:
        """Where objects of a kind are, or one of them."""
        folder = {
            "Secret": f"/api/v1/namespaces/{self.namespace}/secrets",
            "Event": f"/api/v1/namespaces/{self.namespace}/events",
            "Namespace": "/api/v1/namespaces",
            PROVIDER_KIND: f"{_OURS}/{PROVIDER_PLURAL}",
            CREDENTIAL_KIND: f"{_OURS}/namespaces/{self.namespace}/{CREDENTIAL_PLURAL}",
        }[kind]
        return f"{folder}/{name}" if name else folder

    # -- what is there ---------------------------------------------------------------------------------------

    def object(self, kind: str, name: str) -> dict[str, Any]:
        """Return an object that must be there."""
        found = self._api.get(self.path(kind, name))
        assert found is not None, f"there is no {kind} {name}"
        return cast("dict[str, Any]", found)

    def status(self, name: str, kind: str = CREDENTIAL_KIND) -> dict[str, Any]:
        """The status, once it is about the present generation."""
        found = self.object(kind, name)
        status: dict[str, Any] = found["status"]
        assert status["observedGeneration"] == found["metadata"]["generation"], f"not observed yet: {status}"
        return status

    def conditions(self, name: str, kind: str = CREDENTIAL_KIND) -> dict[str, tuple[str, str]]:
        """Status and reason by type."""
        return {one["type"]: (one["status"], one["reason"]) for one in self.status(name, kind)["conditions"]}

    def message(self, name: str, condition: str = "Ready", kind: str = CREDENTIAL_KIND) -> str:
        messages = {one["type"]: one["message"] for one in self.status(name, kind)["conditions"]}
        return str(messages[condition])

    def wait(
        self,
        name: str,
        *,
        ready: str,
        reason: str,
        synced: str | None = None,
        kind: str = CREDENTIAL_KIND,
        timeout: float = 15,
    ) -> None:
        """Wait until Ready has this status and reason, and SecretSynced, if asked for, that reason."""

        def reached() -> bool:
            seen = self.conditions(name, kind)
            assert seen["Ready"] == (ready, reason), seen
            assert synced in (None, seen.get("SecretSynced", ("", ""))[1]), seen
            return True

        eventually(reached, timeout=timeout, message=f"Ready={ready}/{reason} of {name}")

    def secret(self, name: str) -> dict[str, str] | None:
        """What a Secret holds, decoded; None if it is not there."""
        found = self._api.get(self.path("Secret", name))
        return None if found is None else decoded(found)

    def calls(self, key: str) -> int:
        """How often a key was sent to any provider."""
        return len(self.simulator.calls(key))

    def events(self, about: str, reason: str = "") -> list[dict[str, Any]]:
        """The Events about an object, of one reason or of all."""
        items = self._api.get(self.path("Event"))["items"]
        return [one for one in items if one["involvedObject"]["name"] == about and reason in ("", one["reason"])]

    def settle(self) -> None:
        """Wait until the operator has nothing in line and nothing at work."""

        def quiet() -> bool:
            operator = self.stage.operator
            before = operator.metric("llmkeys_reconcile_duration_seconds_count")
            assert operator.metric("llmkeys_queue_depth") == 0
            return before == operator.metric("llmkeys_reconcile_duration_seconds_count")

        eventually(quiet, timeout=20, every=0.3, message="an idle operator")


def _encoded(value: str | bytes) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()
