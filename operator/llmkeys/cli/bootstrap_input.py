"""The Secret that holds the input of a bootstrap, read and written with a person's own rights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import msgspec

from llmkeys.api.names import BOOTSTRAP_AGAIN_ANNOTATION, BOOTSTRAP_INPUTS, BOOTSTRAP_SECRET
from llmkeys.bootstrap.handed_over import SEALED
from llmkeys.bootstrap.records import asked_in
from llmkeys.cli.bootstrap_seal import input_secret
from llmkeys.engine.effects import NotThereError, RefusedError
from llmkeys.kube.client import JSON_PATCH, ApiClient

_RESOURCE: Final = "secrets"
_ANNOTATIONS: Final = "/metadata/annotations"
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_SIGNS: Final[Mapping[str, str]] = {
    "argocd.argoproj.io/instance": "Argo CD",
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd-controller": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "kustomize-controller": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "helm-controller": "Flux",
    "meta.helm.sh/release-name": "Helm",
    "helm": "Helm",
}
"""Labels, annotations and field managers of tools that would bring an object back as it was."""


class _Owner(msgspec.Struct, frozen=True):
    manager: str = ""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    uid: str
    resource_version: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    managed_fields: tuple[_Owner, ...] = ()


class _Secret(msgspec.Struct, frozen=True):
    metadata: _Metadata
    data: dict[str, bytes] = {}
    immutable: bool = False


@dataclass(frozen=True, slots=True)
class InputSecret:
    """The Secret as it was read.

    Args:
        uid: of this very object.
        resource_version: of this very state.
        data: decoded; a template in clear may be in it.
        labels, annotations: of it.
        managers: who wrote it.
        immutable: nobody can change its data.

    """

    uid: str
    resource_version: str
    data: Mapping[str, bytes] = field(repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    managers: tuple[str, ...] = ()
    immutable: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names under which it holds a template; a good one holds one."""
        return tuple(name for name in BOOTSTRAP_INPUTS if name in self.data)

    @property
    def repeated(self) -> bool:
        """Whether `kubectl apply` left a copy of what it holds in an annotation."""
        return _LAST_APPLIED in self.annotations

    @property
    def in_clear(self) -> bool:
        """Whether keys may lie in it in clear: in a template, in a variable, or in a copy of those."""
        return any(name != SEALED for name in self.data) or (self.repeated and SEALED not in self.data)

    @property
    def kept_by(self) -> str:
        """The tool that would bring it back; empty if none shows."""
        marks = (*self.labels, *self.annotations, *self.managers)
        return next((_SIGNS[mark] for mark in marks if mark in _SIGNS), "")

    @property
    def asked(self) -> int:
        """The number of the run that was asked for by annotation, 0 if none was."""
        return asked_in(self.annotations)


class Inputs:
    """Reads and writes it.

    Args:
        client: logged in.
        namespace: the operator's.

    """

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._folder = f"/api/v1/namespaces/{quote(namespace, safe='')}/secrets"

    async def read(self) -> InputSecret | None:
        """The Secret, None if it is not there."""
        try:
            content = await self._client.get(self._path, _RESOURCE)
        except NotThereError:
            return None
        try:
            found = msgspec.json.decode(content, type=_Secret)
        except msgspec.MsgspecError:
            raise RefusedError(f"get {_RESOURCE}: the answer is not what was asked for") from None
        meta = found.metadata
        return InputSecret(
            uid=meta.uid,
            resource_version=meta.resource_version,
            data=found.data,
            labels=meta.labels,
            annotations=meta.annotations,
            managers=tuple(dict.fromkeys(one.manager for one in meta.managed_fields)),
            immutable=found.immutable,
        )

    async def create(self, sealed: str, number: int | None = None) -> None:
        """Hand over for the first time.

        Args:
            sealed: text of the input.
            number: of the run that is asked for; None leaves that to the operator.

        Raises:
            ConflictError: it is there already.

        """
        body = input_secret(sealed, self._namespace)
        if number is not None:
            body["metadata"]["annotations"] = {BOOTSTRAP_AGAIN_ANNOTATION: str(number)}
        await self._client.post(self._folder, _RESOURCE, body)

    async def replace(self, found: InputSecret, sealed: str, number: int) -> None:
        """Put another input in its place, and ask for a run of it.

        Raises:
            ConflictError: the Secret changed meanwhile.

        """
        data = input_secret(sealed, self._namespace)["data"]
        await self._patch(found, [{"op": "add", "path": "/data", "value": data}, *_asking(found, number)])

    async def ask(self, found: InputSecret, number: int) -> None:
        """Ask for a run of what it holds.

        Raises:
            ConflictError: the Secret changed meanwhile.

        """
        await self._patch(found, _asking(found, number))

    async def empty(self, found: InputSecret) -> None:
        """Take everything out of it, and out of the copy that `kubectl apply` keeps.

        Raises:
            ConflictError: the Secret changed meanwhile.

        """
        data = [{"op": "remove", "path": "/data"}] if found.data else []
        copy = [{"op": "remove", "path": _annotation(_LAST_APPLIED)}] if found.repeated else []
        await self._patch(found, [*data, *copy])

    async def _patch(self, found: InputSecret, operations: list[dict[str, Any]]) -> None:
        tests = [
            {"op": "test", "path": "/metadata/uid", "value": found.uid},
            {"op": "test", "path": "/metadata/resourceVersion", "value": found.resource_version},
        ]
        await self._client.patch(self._path, _RESOURCE, [*tests, *operations], JSON_PATCH)

    @property
    def _path(self) -> str:
        return f"{self._folder}/{BOOTSTRAP_SECRET}"


def _asking(found: InputSecret, number: int) -> list[dict[str, Any]]:
    return [
        *([] if found.annotations else [{"op": "add", "path": _ANNOTATIONS, "value": {}}]),
        {"op": "add", "path": _annotation(BOOTSTRAP_AGAIN_ANNOTATION), "value": str(number)},
    ]


def _annotation(name: str) -> str:
    """Its JSON pointer (RFC 6901)."""
    return f"{_ANNOTATIONS}/{name.replace('/', '~1')}"
