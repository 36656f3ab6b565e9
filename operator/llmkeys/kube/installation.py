"""Whose the kinds of the cluster are: their CRDs may carry the mark of the installation that brought them.

Two controllers that serve the same objects would contest each other's Secrets and status for ever.
"""

from typing import Final

import msgspec
import structlog

from llmkeys.api.errors import PlatformError
from llmkeys.api.names import CREDENTIAL_PLURAL, GROUP, INSTALLED_IN_ANNOTATION
from llmkeys.engine.effects import ForbiddenError, NotThereError
from llmkeys.kube.client import METADATA, ApiClient

_CRD: Final = f"{CREDENTIAL_PLURAL}.{GROUP}"
_RESOURCE: Final = "customresourcedefinitions"

log = structlog.get_logger(__name__)


class AnotherInstallationError(PlatformError):
    """The kinds belong to an installation in another namespace.

    Args:
        theirs: its namespace.
        ours: the namespace of this one.

    """

    def __init__(self, theirs: str, ours: str) -> None:
        super().__init__(
            f"Another llmkeys is installed in this cluster, in the namespace {theirs}: the annotation "
            f"{INSTALLED_IN_ANNOTATION} of CRD {_CRD} says so. Both would serve the same objects, so this one, in "
            f"{ours}, does not start. Uninstall one of the two; to move it here: "
            f"kubectl annotate crd {_CRD} {INSTALLED_IN_ANNOTATION}={ours} --overwrite"
        )


class _Crd(msgspec.Struct):
    class Metadata(msgspec.Struct):
        annotations: dict[str, str] = {}

    metadata: Metadata


def installed_elsewhere(content: bytes, namespace: str) -> str | None:
    """The namespace of another installation that the CRD is marked with; None if it is ours or nobody's.

    Args:
        content: the CRD, or its metadata alone, as JSON.
        namespace: our own.

    """
    mark = msgspec.json.decode(content, type=_Crd).metadata.annotations.get(INSTALLED_IN_ANNOTATION)
    return mark if mark and mark != namespace else None


async def refuse_if_installed_elsewhere(client: ApiClient, namespace: str) -> None:
    """Look at the mark once, at the start.

    Args:
        client: of the API server.
        namespace: our own.

    Raises:
        AnotherInstallationError: the CRD carries another installation's mark.
        ApiUnavailableError: the API server did not answer.

    """
    path = f"/apis/apiextensions.k8s.io/v1/{_RESOURCE}/{_CRD}"
    try:
        content = await client.get(path, _RESOURCE, accept=METADATA)
    except NotThereError:
        return
    except ForbiddenError:
        # Whoever runs it with a role of their own may have left this out: nothing else needs it.
        log.warning("cannot see whether another llmkeys is installed", right=f"get {_RESOURCE}/{_CRD}")
        return
    if theirs := installed_elsewhere(content, namespace):
        raise AnotherInstallationError(theirs, namespace)
