"""The cases beside this file, and how to offer one to the API server."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND, CREDENTIAL_PLURAL, PROVIDER_KIND, PROVIDER_PLURAL
from tests.support.cluster import ControlPlane

ACCEPTED: Final = Path(__file__).with_name("accepted.yaml")
REFUSED: Final = Path(__file__).with_name("refused.yaml")
SMALLEST: Final[dict[str, dict[str, Any]]] = {
    PROVIDER_KIND: {"type": "openai"},
    CREDENTIAL_KIND: {"providerRef": {"name": "openai"}},
}


@dataclass(frozen=True, slots=True)
class Case:
    """A spec to offer.

    Args:
        kind: of the object.
        spec: of the object.
        name: of the object.
        before: the spec that is changed; None where the object is new.
        message: a part of what the API server answers.
    """

    kind: str
    spec: dict[str, Any]
    name: str = "golden"
    before: dict[str, Any] | None = None
    message: str = ""


def laid_over(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**SMALLEST[kind], **spec}.items() if value is not None}


def golden_cases(file: Path) -> dict[str, Case]:
    """The cases of a file by their descriptions; each spec is laid over the smallest one of its kind."""
    kinds = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {f"{kind}: {case['case']}": _case(kind, case) for kind, cases in kinds.items() for case in cases}


def _case(kind: str, case: dict[str, Any]) -> Case:
    return Case(
        kind=kind,
        spec=laid_over(kind, case["spec"]),
        name=case.get("name", "golden"),
        before=laid_over(kind, case["before"]) if "before" in case else None,
        message=case.get("message", ""),
    )


def manifest(case: Case, namespace: str, spec: dict[str, Any]) -> str:
    metadata = {"name": case.name}
    if case.kind == CREDENTIAL_KIND:
        metadata["namespace"] = namespace
    return json.dumps({"apiVersion": API_VERSION, "kind": case.kind, "metadata": metadata, "spec": spec})


def submit(case: Case, plane: ControlPlane, namespace: str) -> subprocess.CompletedProcess[str]:
    """Offer the case to the API server, as a change where it says what was before; nothing stays."""
    if case.before is None:
        folder = PROVIDER_PLURAL if case.kind == PROVIDER_KIND else f"namespaces/{namespace}/{CREDENTIAL_PLURAL}"
        path = f"/apis/{API_VERSION}/{folder}?dryRun=All&fieldValidation=Strict"
        return plane.kubectl(
            "create", "--raw", path, "-f", "-", input=manifest(case, namespace, case.spec), check=False
        )
    plane.kubectl("create", "-f", "-", input=manifest(case, namespace, case.before))
    try:
        changed = manifest(case, namespace, case.spec)
        return plane.kubectl("replace", "--dry-run=server", "-f", "-", input=changed, check=False)
    finally:
        plane.kubectl("delete", case.kind, case.name, f"--namespace={namespace}")
