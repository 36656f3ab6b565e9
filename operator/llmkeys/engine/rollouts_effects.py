"""What rollouts and nudges do to a cluster, as small protocols."""

from collections.abc import Sequence
from typing import Protocol

from llmkeys.api.objects import Key
from llmkeys.api.rollout import RolloutReason, WorkloadRef
from llmkeys.delivery.rollout import Workload


class Workloads(Protocol):
    """Deployments and the like."""

    async def read(self, namespace: str, ref: WorkloadRef) -> Workload | RolloutReason:
        """A workload as it is, or why it cannot be read.

        Raises:
            RetryableError: the API server did not answer.

        """
        ...

    async def roll_out(self, namespace: str, ref: WorkloadRef, version: str, annotation: str) -> RolloutReason | None:
        """Have the pod template of exactly that version say something; None if it does now, else why it does not.

        Raises:
            ConflictError: it is not that version any more.
            RetryableError: the API server did not answer.

        """
        ...


class Pods(Protocol):
    """Pods that run."""

    async def following(self, secret: Key, most: int) -> Sequence[str]:
        """Names of running pods that mount a Secret and want to learn of its changes at once; no more than `most`."""
        ...

    async def nudge(self, namespace: str, name: str, version: str) -> None:
        """Have the pod's kubelet look again, by an annotation.

        Raises:
            NotThereError: it is gone.

        """
        ...
