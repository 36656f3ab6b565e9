"""One structured line and one count for every answer: who asked for what, from which pod, and why not."""

from collections.abc import Callable
from typing import Final

import structlog

from llmkeys.unsealer.opening import Opened, Outcome
from llmkeys.unsealer.refusal import Refusal

log = structlog.get_logger("llmkeys.unsealer.audit")

OPENED: Final = "Opened"
REPORTED: Final = "Reported"


class Audit:
    """Writes the lines; what is inside an envelope shows by its names alone.

    Args:
        count: told path, reason and seconds of every answer.
        write: takes the line's fields.

    """

    def __init__(self, count: Callable[[str, str, float], None], write: Callable[..., object] | None = None) -> None:
        self._count: Final = count
        self._write: Final = write or (lambda **fields: log.info("answered", **fields))

    def answered(self, path: str, address: str, outcome: Outcome, seconds: float) -> None:
        """Record an answer.

        Args:
            path: of the endpoint.
            address: of the peer.
            outcome: what the client got.
            seconds: it took.

        """
        result = outcome.result
        reason = str(result.reason) if isinstance(result, Refusal) else OPENED
        fields: dict[str, object] = {
            "path": path,
            "decision": "no" if isinstance(result, Refusal) else "yes",
            "reason": reason,
            "address": address,
            "seconds": round(seconds, 6),
        }
        if outcome.credential:
            fields["credential"] = outcome.credential
        if isinstance(result, Opened):
            fields |= {"fields": list(result.fields), "sequence": result.sequence}
        elif not isinstance(result, Refusal):
            reason = fields["reason"] = REPORTED
        if caller := outcome.caller:
            fields |= {
                "namespace": caller.namespace,
                "service_account": caller.account,
                "pod": caller.pod,
                "pod_uid": caller.pod_uid,
            }
        self._write(**fields)
        self._count(path, reason, seconds)
