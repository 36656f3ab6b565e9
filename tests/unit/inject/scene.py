"""Credentials as their status shows them, and a manifest to write into."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import yaml

from llmkeys.api.credential import LLMCredential, credential_from
from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND
from llmkeys.inject.additions import FOLDER, Additions, Wishes, additions_of
from llmkeys.inject.offers import offers_for
from llmkeys.inject.workloads import Workload

ADDRESS: Final = "https://llmkeys-unsealer.llmkeys-system.svc"
CA: Final = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----\n"
SYNCED: Final = {"type": "SecretSynced", "status": "True", "reason": "Synced", "message": "It is."}
LABELLED: Final = 'llmkeys.dev/inject: "true"'


def body(
    name: str,
    *env: str,
    namespace: str = "team-a",
    files: Sequence[dict[str, str]] = (),
    encryption: str = "Envelope",
    conditions: Sequence[dict[str, str]] = (SYNCED,),
    target: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": CREDENTIAL_KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"providerRef": {"name": "main"}, "target": target or {}},
        "status": {
            "secretName": f"{name}-key",
            "encryption": encryption,
            "env": list(env),
            "files": list(files),
            "unsealer": {"address": ADDRESS, "caBundle": CA},
            "conditions": list(conditions),
            **status,
        },
    }


def credential(name: str, *env: str, **more: Any) -> LLMCredential:
    return credential_from(body(name, *env, **more))


def listed(*bodies: dict[str, Any]) -> str:
    return yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(bodies)})


OPENAI: Final = credential("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL")


def adding(
    *credentials: LLMCredential,
    variables: bool = True,
    image: str = "llmkeys",
    pull_policy: str = "IfNotPresent",
) -> Callable[[Workload], Additions]:
    """What pods get of these credentials, as the command works it out."""

    def additions(workload: Workload) -> Additions:
        request = workload.request
        files = request.mount is not None
        offers = offers_for(credentials or (OPENAI,), request.credentials, workload.namespace or "team-a", files=files)
        folder = request.mount or (None if variables else FOLDER)
        return additions_of(offers, Wishes(folder, variables, bool(request.follow), image, pull_policy))

    return additions
