"""What `llmkeys inject` asks the cluster, with the person's own rights."""

import asyncio

from llmkeys.api.credential import LLMCredential
from llmkeys.api.errors import PlatformError
from llmkeys.cli.status_cluster import connected
from llmkeys.engine.effects import ForbiddenError, NotThereError
from llmkeys.kube.credentials import credentials_in


class CredentialsUnreadableError(PlatformError):
    """The cluster does not show its credentials; the text says what to do."""


def credentials_of(namespace: str) -> list[LLMCredential]:
    """The credentials of a namespace.

    Raises:
        CredentialsUnreadableError: they may not be read, or there is no such kind.
        LlmkeysError: the API server cannot be asked.

    """
    try:
        return asyncio.run(_listed(namespace))
    except ForbiddenError:
        raise CredentialsUnreadableError(
            f"You may not read the LLMCredentials in namespace {namespace}. ClusterRole llmkeys-view holds the right. "
            "Whoever may can write them down: kubectl get llmc -o yaml > FILE; give that with --status FILE."
        ) from None
    except NotThereError:
        raise CredentialsUnreadableError(
            "The kinds of llmkeys are not installed there: kubectl apply --server-side -f crds/"
        ) from None


async def _listed(namespace: str) -> list[LLMCredential]:
    async with connected() as client:
        return await credentials_in(client, [namespace])
