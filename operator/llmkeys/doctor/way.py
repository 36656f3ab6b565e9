"""In which ways a cluster lets a pod have its credentials, the best one first."""

from enum import StrEnum
from typing import Final

import msgspec

from llmkeys.doctor.cluster_seen import ClusterSeen, Release, Trial
from llmkeys.doctor.finding import Hidden

# Kubernetes 1.35 is the first to have the gate EnvFiles on:
# https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/
FILE_KEY_REF_SINCE: Final = Release(1, 35)


class Way(StrEnum):
    """How the lines for a credential come into a pod."""

    POLICY = "policy"
    VARIABLES = "inject"
    FILES = "inject --files"
    PLAIN = "plain Secret"


class Offer(msgspec.Struct, frozen=True):
    """One way, and what to do to go it."""

    way: Way
    message: str
    help: str


_OFFERS: Final = {
    Way.POLICY: Offer(
        Way.POLICY,
        'Label the pod template llmkeys.dev/inject: "true"; the cluster adds the rest to every pod.',
        "kubectl patch deployment NAME -n NAMESPACE -p "
        """'{"spec":{"template":{"metadata":{"labels":{"llmkeys.dev/inject":"true"}}}}}'""",
    ),
    Way.VARIABLES: Offer(
        Way.VARIABLES,
        "The same lines are written into the manifest, before it is applied.",
        "llmkeys inject -f deployment.yaml",
    ),
    Way.FILES: Offer(
        Way.FILES,
        "The lines mount files; the program reads them, or a shell does before it.",
        "llmkeys inject --files -f deployment.yaml",
    ),
    Way.PLAIN: Offer(
        Way.PLAIN,
        "With spec.target.encryption: None the Secret holds the values in clear, for envFrom.",
        "kubectl explain llmcredential.spec.target.encryption",
    ),
}


def ways_of(seen: ClusterSeen) -> tuple[Offer, ...]:
    """The ways that are open, the best one first; the last two always are."""
    ways = [Way.POLICY] if takes_file_key_ref(seen) and injects(seen) else []
    ways += [Way.VARIABLES] if takes_file_key_ref(seen) else []
    return tuple(_OFFERS[one] for one in (*ways, Way.FILES, Way.PLAIN))


def takes_file_key_ref(seen: ClusterSeen) -> bool:
    """Whether a variable may come out of a file; by its release, if it could not be tried."""
    if seen.file_key_ref is not None:
        return seen.file_key_ref
    return seen.release is not None and seen.release >= FILE_KEY_REF_SINCE


def injects(seen: ClusterSeen) -> bool:
    """Whether labelled pods get their lines from the cluster: seen, else tried, else taken to be so."""
    if not seen.serves_policies:
        return False
    if not isinstance(seen.policies, Hidden):
        return any(one.bound for one in seen.policies.mutating)
    return not isinstance(seen.trial, Trial) or seen.trial.is_given or not seen.trial.accepted
