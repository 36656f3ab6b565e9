"""What the API server was asked, counted there and not by the operator."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from bench.kube import Kube
from llmkeys.api.names import CREDENTIAL_PLURAL, MAC_SECRET, PROVIDER_PLURAL

_SAMPLE = re.compile(r"^apiserver_request_total\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
# Of these nobody but the operator reads or writes single objects while the bench itself keeps still.
_RESOURCES = frozenset({"secrets", "events", CREDENTIAL_PLURAL, PROVIDER_PLURAL})
_WRITES = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"})

_AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    verbs: [get]
    resources: [{group: "", resources: [secrets]}]
  - level: None
"""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests since the API server began: single reads, and writes."""

    gets: float
    writes: float

    def since(self, before: "Traffic") -> "Traffic":
        return Traffic(self.gets - before.gets, self.writes - before.writes)


async def traffic(kube: Kube) -> Traffic:
    page = (await kube.send("GET", "/metrics", accept="text/plain")).decode()
    gets = writes = 0.0
    for found in _SAMPLE.finditer(page):
        labels = dict(_LABEL.findall(found.group(1)))
        if labels.get("resource") not in _RESOURCES:
            continue
        if labels["verb"] == "GET":
            gets += float(found.group(2))
        elif labels["verb"] in _WRITES:
            writes += float(found.group(2))
    return Traffic(gets, writes)


class SecretReads:
    """The single reads of Secrets by name, from an audit log that holds nothing else and so costs nearly nothing."""

    def __init__(self, folder: Path) -> None:
        self._policy = folder / "audit-policy.yaml"
        self._log = folder / "secret-reads.jsonl"
        self._policy.write_text(_AUDIT_POLICY, encoding="utf-8")

    @property
    def flags(self) -> tuple[str, ...]:
        """For the API server."""
        return f"--audit-policy-file={self._policy}", f"--audit-log-path={self._log}"

    def count(self, account: str) -> int:
        """How often a ServiceAccount (by its user name) has read a Secret, but for the operator's own MAC key."""
        if not self._log.exists():
            return 0
        with self._log.open(encoding="utf-8") as lines:
            events = [json.loads(line) for line in lines if line.endswith("\n")]
        return sum(
            event["user"]["username"] == account and event["objectRef"].get("name") != MAC_SECRET for event in events
        )
