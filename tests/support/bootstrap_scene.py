"""A control plane on which an operator bootstraps again and again, each time with all of before out of the way."""

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from llmkeys.api.names import API_VERSION, BOOTSTRAP_LABEL, BOOTSTRAP_SECRET, DEFAULT_NAMESPACE
from tests.support.admin_api import AdminApi
from tests.support.bootstrap_switch import COMPONENT
from tests.support.fault_scene import FaultScene, fault_scene, new_key
from tests.support.wait import eventually

OWN: Final = f"/api/v1/namespaces/{DEFAULT_NAMESPACE}"
SECRET: Final = f"{OWN}/secrets/{BOOTSTRAP_SECRET}"
LLM: Final = f"/apis/{API_VERSION}"
WRITES: Final = r"(configmaps|namespaces|events|llmproviders|llmcredentials)(/llmkeys-bootstrap-[^/]*)?(\?.*)?$"
"""Paths of all that a bootstrap writes."""


class BootstrapScene:
    """One bootstrap at a time; names differ from one to the next, so that nothing need be waited for.

    Args:
        scene: with the component on it, unless a test wants it without.
    """

    def __init__(self, scene: FaultScene) -> None:
        """Take a scene whose operator does not run yet."""
        self.scene = scene
        self.api: AdminApi = scene.api
        self.suffix = ""
        self.keys: list[str] = []
        self.reset()

    @property
    def namespace(self) -> str:
        return f"team-{self.suffix}"

    @property
    def provider(self) -> str:
        return f"openai-{self.suffix}"

    @property
    def references(self) -> tuple[str, ...]:
        """What the template asks for."""
        return (
            f"Namespace/{self.namespace}",
            f"LLMProvider/{self.provider}",
            f"LLMCredential/{self.namespace}/chat",
            f"LLMCredential/{self.namespace}/search",
        )

    def reset(self) -> None:
        """Forget what was: records, input, and all names."""
        for one in self.api.get(f"{OWN}/configmaps")["items"]:
            if one["metadata"]["name"].startswith("llmkeys-bootstrap-"):
                self.api.delete(f"{OWN}/configmaps/{one['metadata']['name']}")
        if self.api.get(SECRET) is not None:
            self.api.delete(SECRET)
        self.suffix = secrets.token_hex(4)
        self.keys = [new_key(), new_key()]

    def template(self, *more: str, **spec: object) -> str:
        """A provider of the simulator's, two credentials in a namespace that is not there, and more names of such.

        Args:
            *more: names of further credentials.
            **spec: more of the provider.

        """
        provider = self.scene.simulator
        spec = {
            "type": "openai",
            "baseURL": provider.url("openai"),
            "network": {"caBundle": provider.ca_pem, "allowPrivateAddresses": True},
            **spec,
        }
        items: list[dict[str, Any]] = [_manifest("LLMProvider", {"name": self.provider}, spec)]
        for name, key in zip(("chat", "search", *more), [*self.keys, *(new_key() for _ in more)], strict=True):
            keys = [{"name": "main", "value": key}]
            credential = {"providerRef": {"name": self.provider}, "keys": keys}
            items.append(_manifest("LLMCredential", {"name": name, "namespace": self.namespace}, credential))
        return json.dumps(items, indent=1)

    def hand_over(self, text: str, **annotations: str) -> None:
        """Create the input Secret, or change it."""
        data = {"bootstrap.yaml": base64.b64encode(text.encode()).decode()}
        metadata: dict[str, Any] = {"name": BOOTSTRAP_SECRET, "annotations": annotations}
        if self.api.get(SECRET) is None:
            self.api.create(f"{OWN}/secrets", {"metadata": metadata, "data": data})
        else:
            self.api.merge(SECRET, {"metadata": metadata, "data": data})

    def record(self, kind: str, number: int = 1) -> dict[str, Any] | None:
        """Plan or receipt as it was written."""
        found = self.api.get(f"{OWN}/configmaps/llmkeys-bootstrap-{kind}-{number}")
        return None if found is None else json.loads(found["data"][f"{kind}.json"])

    def notes(self, number: int = 1) -> dict[str, str]:
        found = self.api.get(f"{OWN}/configmaps/llmkeys-bootstrap-notes-{number}") or {}
        data: dict[str, str] = found.get("data") or {}
        return data

    def ended(self, number: int = 1) -> dict[str, str]:
        """Wait until a bootstrap is through; the outcomes by reference."""
        eventually(lambda: self.notes(number).get("finished"), timeout=30, message=f"the end of bootstrap {number}")
        receipt = self.record("receipt", number)
        assert receipt is not None
        return {
            "/".join(part for part in (one["kind"], one["namespace"], one["name"]) if part): one["outcome"]
            for one in receipt["objects"]
        }

    def found(self, reference: str) -> dict[str, Any] | None:
        kind, *rest = reference.split("/")
        if kind == "Namespace":
            path = f"/api/v1/namespaces/{rest[0]}"
        elif kind == "LLMProvider":
            path = f"{LLM}/llmproviders/{rest[0]}"
        else:
            path = f"{LLM}/namespaces/{rest[0]}/llmcredentials/{rest[1]}"
        found: dict[str, Any] | None = self.api.get(path)
        return found

    def label(self, reference: str) -> str | None:
        found = self.found(reference)
        return None if found is None else found["metadata"].get("labels", {}).get(BOOTSTRAP_LABEL)

    def uids(self) -> dict[str, str]:
        """Of what is there of the template's objects."""
        there = {one: self.found(one) for one in self.references}
        return {one: found["metadata"]["uid"] for one, found in there.items() if found is not None}

    def told(self, reason: str) -> list[str]:
        """Messages of Events about the input that is there."""
        secret = self.api.get(SECRET)
        return [
            one["message"]
            for one in self.scene.events(BOOTSTRAP_SECRET, DEFAULT_NAMESPACE)
            if one["reason"] == reason and secret and one["involvedObject"]["uid"] == secret["metadata"]["uid"]
        ]

    def delete_something_noted(self) -> str:
        """A user deletes a credential that the operator has made and noted; its reference, empty if there is none."""
        plan = self.record("plan")
        for index, outcome in self.notes().items():
            if plan is not None and index.isdecimal() and outcome == "created":
                line = plan["objects"][int(index)]
                if line["kind"] == "LLMCredential":
                    self.api.delete(f"{LLM}/namespaces/{line['namespace']}/llmcredentials/{line['name']}")
                    return f"LLMCredential/{line['namespace']}/{line['name']}"
        return ""

    def ends_as_if_nothing_had_happened(self, at_crash: Mapping[str, str], deleted: str) -> None:
        """Wait for the end, and check that nothing was made twice and nothing is lost.

        Args:
            at_crash: uids of what was there when the operator died.
            deleted: reference of what a user has deleted since, if anything.

        """
        assert self.ended() == dict.fromkeys(self.references, "created")
        now = self.uids()
        kept = {one: uid for one, uid in at_crash.items() if one != deleted}
        assert {one: now.get(one) for one in kept} == kept, "something was made twice"
        assert set(now) == set(self.references) - {deleted}
        assert {self.label(one) for one in now} == {"1"}
        assert len(self.told("BootstrapDone")) == 1


@contextmanager
def bootstrap_scene(folder: Path, *, switched_on: bool = True) -> Iterator[BootstrapScene]:
    """Start everything but the operator; `scene.start_operator` and `scene.stop_operator` may alternate."""
    with fault_scene(folder, proxied=True, types=("openai",)) as scene:
        if switched_on:
            switch_on(scene)
        yield BootstrapScene(scene)


def switch_on(scene: FaultScene) -> None:
    scene.plane.kubectl("apply", "--server-side", "-k", COMPONENT)


def _manifest(kind: str, metadata: Mapping[str, str], spec: Mapping[str, object]) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
