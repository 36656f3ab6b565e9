"""The unsealer's questions to the API server, and the two Secrets that it may read."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote

import msgspec

from llmkeys.api.names import API_VERSION, CREDENTIAL_PLURAL, GROUP, TOKEN_AUDIENCE
from llmkeys.api.objects import Key
from llmkeys.engine.effects import ApiUnavailableError, NotThereError
from llmkeys.kube.client import ApiClient
from llmkeys.kube.cluster import observed_secret, secret_path
from llmkeys.unsealer.bearer import Bearer
from llmkeys.unsealer.caller import TokenVerdict, User
from llmkeys.unsealer.subject import Subject, subject_from

_SECONDS: Final = 5.0
_TOKEN_REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105  a path
_ACCESS_REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_SUBRESOURCE: Final = "unseal"


class _TokenReview(msgspec.Struct):
    status: TokenVerdict


class _Access(msgspec.Struct):
    allowed: bool = False
    denied: bool = False


class _AccessReview(msgspec.Struct):
    status: _Access


class ApiServer:
    """Asks over an `ApiClient`; gives up after five seconds, since a pod waits.

    Args:
        client: open.
        namespace: the unsealer's own.

    """

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client: Final = client
        self._namespace: Final = namespace

    async def review_token(self, bearer: Bearer) -> TokenVerdict:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": bearer.text, "audiences": [TOKEN_AUDIENCE]},
        }
        async with _soon("tokenreviews"):
            content = await self._client.post(_TOKEN_REVIEWS, "tokenreviews", body)
            return msgspec.json.decode(content, type=_TokenReview).status

    async def may_unseal(self, user: User, key: Key) -> bool:
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": user.username,
                "uid": user.uid,
                "groups": user.groups,
                "extra": user.extra,
                "resourceAttributes": {
                    "group": GROUP,
                    "resource": CREDENTIAL_PLURAL,
                    "subresource": _SUBRESOURCE,
                    "verb": "create",
                    "namespace": key.namespace,
                    "name": key.name,
                },
            },
        }
        async with _soon("subjectaccessreviews"):
            content = await self._client.post(_ACCESS_REVIEWS, "subjectaccessreviews", body)
            status = msgspec.json.decode(content, type=_AccessReview).status
            return status.allowed and not status.denied

    async def subject(self, key: Key) -> Subject | None:
        path = f"/apis/{API_VERSION}/namespaces/{quote(key.namespace)}/{CREDENTIAL_PLURAL}/{quote(key.name)}"
        async with _soon(CREDENTIAL_PLURAL):
            try:
                return subject_from(await self._client.get(path, CREDENTIAL_PLURAL))
            except NotThereError:
                return None

    async def read_secret(self, name: str) -> Mapping[str, bytes] | None:
        """The data of a Secret in our own namespace."""
        async with _soon("secrets"):
            try:
                content = await self._client.get(secret_path(Key(self._namespace, name)), "secrets")
            except NotThereError:
                return None
            return observed_secret(content).data


@asynccontextmanager
async def _soon(resource: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_SECONDS):
            yield
    except TimeoutError:
        raise ApiUnavailableError(f"{resource}: the API server took longer than {_SECONDS:g} s") from None
    except msgspec.MsgspecError:
        raise ApiUnavailableError(f"{resource}: the API server's answer has not the expected shape") from None
