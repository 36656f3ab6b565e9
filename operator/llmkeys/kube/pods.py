"""Pods that read a Secret's files: listed when it changes, never watched, and changed in nothing but one annotation."""

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from llmkeys.api.names import FOLLOW_ANNOTATION, INJECT_LABEL, NUDGE_LABEL, NUDGED_ANNOTATION
from llmkeys.api.objects import Key
from llmkeys.engine.effects import ApiUnavailableError
from llmkeys.kube.client import MERGE_PATCH, METADATA, ApiClient

_PAGE: Final = 100
_PAGES: Final = 20
_YES: Final = "true"


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    annotations: dict[str, str] = {}
    deletion_timestamp: str = ""


class _Named(msgspec.Struct, rename="camel"):
    name: str = ""
    secret_name: str = ""


class _Source(msgspec.Struct):
    secret: _Named | None = None


class _Projected(msgspec.Struct):
    sources: list[_Source] | None = None


class _Volume(msgspec.Struct):
    secret: _Named | None = None
    projected: _Projected | None = None


class _Spec(msgspec.Struct):
    volumes: list[_Volume] | None = None


class _Pod(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec

    def mounts(self, secret: str) -> bool:
        return secret in _mounted(self.spec.volumes or ())


class _Continued(msgspec.Struct, rename={"token": "continue"}):
    token: str = ""


class _Pods(msgspec.Struct):
    metadata: _Continued
    items: list[_Pod] | None = None


_pods = msgspec.json.Decoder(_Pods)


class KubePods:
    """Pods over an `ApiClient`.

    Args:
        client: of the API server.

    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def following(self, secret: Key, most: int) -> Sequence[str]:
        """Names of running pods that mount a Secret and want to learn of its changes at once.

        Those that say so by a label, and those whose injected files are followed.

        Args:
            secret: that changed.
            most: as many at most.

        """
        found: dict[str, None] = {}
        for label in (INJECT_LABEL, NUDGE_LABEL):
            token = ""
            for _ in range(_PAGES):
                page = await self._page(secret.namespace, label, token)
                found |= dict.fromkeys(_wanting(page.items or (), label, secret.name))
                token = page.metadata.token
                if not token or len(found) >= most:
                    break
        return tuple(found)[:most]

    async def nudge(self, namespace: str, name: str, version: str) -> None:
        """Have the pod's kubelet look again.

        Args:
            namespace: of the pod.
            name: of the pod.
            version: of the Secret, as no other change has it; the same annotation twice would be no change.

        Raises:
            NotThereError: it is gone.

        """
        path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(name)}"
        body = {"metadata": {"annotations": {NUDGED_ANNOTATION: version}}}
        await self._client.patch(path, "pods", body, MERGE_PATCH, accept=METADATA)

    async def _page(self, namespace: str, label: str, token: str) -> _Pods:
        query = {
            "labelSelector": f"{label}={_YES}",
            "fieldSelector": "status.phase=Running",
            "limit": str(_PAGE),
            **({"continue": token} if token else {}),
        }
        content = await self._client.list(f"/api/v1/namespaces/{quote(namespace)}/pods?{urlencode(query)}", "pods")
        try:
            return _pods.decode(content)
        except msgspec.MsgspecError:
            raise ApiUnavailableError("list pods: the answer is not a list of pods") from None


def _wanting(pods: Sequence[_Pod], label: str, secret: str) -> Iterator[str]:
    for pod in pods:
        follows = label == NUDGE_LABEL or pod.metadata.annotations.get(FOLLOW_ANNOTATION) == _YES
        if follows and not pod.metadata.deletion_timestamp and pod.mounts(secret):
            yield pod.metadata.name


def _mounted(volumes: Sequence[_Volume]) -> Iterator[str]:
    for volume in volumes:
        if volume.secret is not None:
            yield volume.secret.secret_name
        for source in (volume.projected.sources or ()) if volume.projected else ():
            if source.secret is not None:
                yield source.secret.name
