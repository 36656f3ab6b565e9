"""What the operator asked of the API server, counted there and not by the operator."""

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.kube import Kube
from llmkeys.api.names import BOOTSTRAP_SECRET, CREDENTIAL_PLURAL, OWN_SECRETS, PROVIDER_PLURAL

_SAMPLE = re.compile(r"^apiserver_request_total\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_RESOURCES = frozenset({"secrets", "events", CREDENTIAL_PLURAL, PROVIDER_PLURAL})
_GET = "get"
_WRITES = ("create", "update", "patch", "delete", "deletecollection")
# In the metric, a server-side apply has a verb of its own.
_METRIC_WRITES = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"})
_MEBIBYTES = 4096

_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    users: ["{account}"]
    verbs: [{verbs}]
  - level: None
"""

_OWN = frozenset((*OWN_SECRETS, BOOTSTRAP_SECRET))


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests so far.

    Args:
        gets: reads of single objects.
        writes: requests that change something.
        secret_gets: reads of single Secrets other than the operator's own.

    """

    gets: int
    writes: int
    secret_gets: int

    def since(self, before: "Traffic") -> "Traffic":
        return Traffic(self.gets - before.gets, self.writes - before.writes, self.secret_gets - before.secret_gets)


class _Reference(msgspec.Struct, frozen=True):
    resource: str = ""
    name: str = ""


class _AuditEvent(msgspec.Struct, rename="camel"):
    verb: str
    object_ref: _Reference = _Reference()


_event = msgspec.json.Decoder(_AuditEvent)


class Audit:
    """An audit log of the operator's account alone.

    The bare client uses that account too, so that being audited costs both the same.
    """

    def __init__(self, folder: Path, account: str) -> None:
        """Say what is to be logged.

        Args:
            folder: gets policy and log.
            account: the ServiceAccount's user name.

        """
        policy = folder / "audit-policy.yaml"
        policy.write_text(_POLICY.format(account=account, verbs=", ".join((_GET, *_WRITES))), encoding="utf-8")
        self._log = folder / "audit.jsonl"
        self._read = 0
        self._total = Traffic(0, 0, 0)
        self.flags = (
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self._log}",
            f"--audit-log-maxsize={_MEBIBYTES}",
        )
        """For the API server."""

    def traffic(self) -> Traffic:
        """What the account has asked so far."""
        if not self._log.exists():
            return self._total
        with self._log.open("rb") as log:
            log.seek(self._read)
            complete = log.read().rpartition(b"\n")[0]
        self._read += len(complete) + 1 if complete else 0
        gets = writes = secret_gets = 0
        for line in complete.splitlines():
            event = _event.decode(line)
            if event.verb != _GET:
                writes += 1
                continue
            gets += 1
            secret_gets += event.object_ref.resource == "secrets" and event.object_ref.name not in _OWN
        before = self._total
        self._total = Traffic(before.gets + gets, before.writes + writes, before.secret_gets + secret_gets)
        return self._total


async def everybodys_traffic(kube: Kube) -> Traffic:
    """What anybody has asked about our kinds, Secrets and Events so far: all that a foreign API server tells."""
    page = (await kube.send("GET", "/metrics", accept="text/plain")).decode()
    gets = writes = secret_gets = 0
    for found in _SAMPLE.finditer(page):
        labels = dict(_LABEL.findall(found.group(1)))
        count = int(float(found.group(2)))
        if labels.get("resource") not in _RESOURCES:
            continue
        if labels["verb"] == "GET":
            gets += count
            secret_gets += count if labels["resource"] == "secrets" else 0
        elif labels["verb"] in _METRIC_WRITES:
            writes += count
    return Traffic(gets, writes, secret_gets)
