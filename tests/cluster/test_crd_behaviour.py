"""What the schemas make of an object: its status, its columns, how it is found."""

import json
from typing import Any, Final

import yaml

from llmkeys.api.names import CREDENTIAL_KIND, PROVIDER_KIND
from tests.cluster.golden.cases import SMALLEST, Case, manifest
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT


def test_a_new_object_was_never_observed(installed: ControlPlane, namespace: str) -> None:
    """Else tools that compare generations would take the state of nothing for current."""
    case = Case(CREDENTIAL_KIND, SMALLEST[CREDENTIAL_KIND], name="unobserved")

    created = installed.kubectl("create", "-f", "-", "-o", "json", input=manifest(case, namespace, case.spec)).stdout

    assert json.loads(created)["status"] == {"observedGeneration": -1}


def test_a_spec_is_stored_as_it_was_written(installed: ControlPlane, namespace: str) -> None:
    """A default that the server adds would be a difference from Git for ever."""
    case = Case(CREDENTIAL_KIND, {**SMALLEST[CREDENTIAL_KIND], "target": {}, "keys": []}, name="as-written")

    created = installed.kubectl("create", "-f", "-", "-o", "json", input=manifest(case, namespace, case.spec)).stdout

    assert json.loads(created)["spec"] == case.spec


CONDITION: Final = {
    "type": "Ready",
    "status": "True",
    "reason": "Verified",
    "message": "",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "observedGeneration": 1,
}
CREDENTIAL_STATUS: Final[dict[str, Any]] = {
    "observedGeneration": 1,
    "conditions": [
        CONDITION,
        {**CONDITION, "type": "Active"},
        {**CONDITION, "type": "InvalidKey", "status": "False", "reason": "NotApplicable"},
        {**CONDITION, "type": "RateLimited", "status": "Unknown", "reason": "NotApplicable"},
    ],
    "inputs": {"probe": "p", "endpoint": "e", "delivery": "d"},
    "provider": "openai",
    "secretName": "the-secret",
    "encryption": "None",
    "env": ["OPENAI_API_KEY"],
    "audience": "https://api.openai.com",
    "activeKey": "primary",
    "lastProbeTime": "2026-01-01T00:00:00Z",
    "keys": [
        {
            "name": "primary",
            "fingerprint": "f",
            "verdict": "Verified",
            "belief": "Valid",
            "lastProbeTime": "2026-01-01T00:00:00Z",
            "nextProbeTime": "2026-01-01T06:00:00Z",
            "failures": 1,
        }
    ],
    "target": {
        "uid": "u",
        "resourceVersion": "1",
        "mac": "m",
        "key": "f",
        "form": "o",
        "keptUntil": "2026-01-02T00:00:00Z",
    },
    "expiryWarning": "2027-01-01T00:00:00Z",
}
PROVIDER_STATUS: Final[dict[str, Any]] = {
    "observedGeneration": 1,
    "conditions": [CONDITION],
    "type": "openai",
    "audience": "https://api.openai.com",
    "urls": {
        "base": "https://api.openai.com/v1",
        "chat": "https://api.openai.com/v1/chat/completions",
        "models": "https://api.openai.com/v1/models",
        "probe": "https://api.openai.com/v1/models",
    },
    "credentials": {"total": 7, "active": 5, "invalid": 1, "rateLimited": 2},
}


def with_status(plane: ControlPlane, case: Case, namespace: str, status: dict[str, Any]) -> dict[str, Any]:
    plane.kubectl("create", "-f", "-", input=manifest(case, namespace, case.spec))
    patch = json.dumps({"status": status})
    scope = [] if case.kind == PROVIDER_KIND else [f"--namespace={namespace}"]
    answer = plane.kubectl(
        *("patch", case.kind, case.name, *scope, "--subresource=status", "--type=merge", "-p", patch, "-o", "json")
    )
    stored: dict[str, Any] = json.loads(answer.stdout)["status"]
    return stored


def test_the_whole_status_of_a_credential_is_kept_and_shown(installed: ControlPlane, namespace: str) -> None:
    case = Case(CREDENTIAL_KIND, SMALLEST[CREDENTIAL_KIND], name="shown")

    stored = with_status(installed, case, namespace, CREDENTIAL_STATUS)
    columns = ("get", "llmc", "shown", f"--namespace={namespace}")
    narrow = installed.kubectl(*columns).stdout.splitlines()
    wide = installed.kubectl(*columns, "-o", "wide").stdout.splitlines()

    assert stored == CREDENTIAL_STATUS
    assert narrow[0].split() == ["NAME", "PROVIDER", "READY", "REASON", "KEY", "SECRET", "VALIDATED", "AGE"]
    assert narrow[1].split()[:6] == ["shown", "openai", "True", "Verified", "primary", "the-secret"]
    assert wide[0].split()[6:9] == ["ACTIVE", "INVALIDKEY", "RATELIMITED"]
    assert wide[1].split()[6:9] == ["True", "False", "Unknown"]


def test_the_whole_status_of_a_provider_is_kept_and_shown(
    installed: ControlPlane, namespace: str, provider_prefix: str
) -> None:
    case = Case(PROVIDER_KIND, SMALLEST[PROVIDER_KIND], name=f"{provider_prefix}shown")

    stored = with_status(installed, case, namespace, PROVIDER_STATUS)
    narrow = installed.kubectl("get", "llmp", case.name).stdout.splitlines()
    wide = installed.kubectl("get", "llmp", case.name, "-o", "wide").stdout.splitlines()

    assert stored == PROVIDER_STATUS
    assert narrow[0].split() == ["NAME", "TYPE", "READY", "REASON", "CREDENTIALS", "ACTIVE", "AGE"]
    assert narrow[1].split()[1:6] == ["openai", "True", "Verified", "7", "5"]
    assert wide[0].split()[6] == "URL"
    assert wide[1].split()[6] == "https://api.openai.com/v1"


def test_status_cannot_be_written_with_the_spec(installed: ControlPlane, namespace: str) -> None:
    case = Case(CREDENTIAL_KIND, SMALLEST[CREDENTIAL_KIND], name="spec-only")
    body = json.loads(manifest(case, namespace, case.spec)) | {"status": {"activeKey": "forged"}}

    created = installed.kubectl("create", "-f", "-", "-o", "json", input=json.dumps(body)).stdout

    assert json.loads(created)["status"] == {"observedGeneration": -1}


def test_credentials_are_found_by_their_provider(installed: ControlPlane, namespace: str) -> None:
    for provider in ("wanted", "other"):
        case = Case(CREDENTIAL_KIND, {"providerRef": {"name": provider}}, name=f"of-{provider}")
        installed.kubectl("create", "-f", "-", input=manifest(case, namespace, case.spec))

    selector = "--field-selector=spec.providerRef.name=wanted"
    found = installed.kubectl("get", "llmc", f"--namespace={namespace}", selector, "-o", "name").stdout

    assert found.split() == ["llmcredential.llmkeys.dev/of-wanted"]


def test_both_kinds_are_in_the_category(installed: ControlPlane) -> None:
    kinds = installed.kubectl("api-resources", "--categories=llm", "-o", "name").stdout.split()

    assert kinds == ["llmcredentials.llmkeys.dev", "llmproviders.llmkeys.dev"]


def test_kubectl_explains_a_field(installed: ControlPlane) -> None:
    text = installed.kubectl("explain", "llmcredentials.spec.validation.onInvalid").stdout

    assert "KeepLastGood keeps the last good value" in text


def test_the_examples_are_accepted(installed: ControlPlane, namespace: str) -> None:
    answer = installed.kubectl("apply", "--dry-run=server", f"--namespace={namespace}", "-f", ROOT / "examples")

    assert answer.stderr == ""
    assert len(answer.stdout.splitlines()) == sum(
        len(list(yaml.safe_load_all(file.read_text(encoding="utf-8")))) for file in (ROOT / "examples").glob("*.yaml")
    )
