"""What was seen of a cluster, as far as a person may see it."""

import re
from dataclasses import dataclass
from typing import Final

from llmkeys.api.names import CREDENTIAL_KIND, GROUP
from llmkeys.doctor.finding import Hidden
from llmkeys.doctor.layout import INJECT_LABEL
from llmkeys.doctor.objects import Policy
from llmkeys.sealing.public_keys import PublicKeys

_VERSION_LABEL: Final = "app.kubernetes.io/version"
_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True, order=True)
class Release:
    """A release of Kubernetes, without its patches."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> "Release | None":
        """The release in a version such as `v1.36.3-gke.100`; None if there is none in it."""
        found = _VERSION.match(text)
        return None if found is None else cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True, slots=True)
class Kinds:
    """Our kinds, as the API server serves them.

    Args:
        served: plural names.
        missing: kind to the fields that its schema lacks; None if no schema is published.

    """

    served: frozenset[str]
    missing: dict[str, tuple[str, ...]] | None


@dataclass(frozen=True, slots=True)
class LeaseSeen:
    """The Lease of the controller that leads.

    Args:
        holder: empty if nobody holds it.
        renewed: it was renewed while it was watched for as long as it lasts.

    """

    holder: str
    renewed: bool


@dataclass(frozen=True, slots=True)
class UnsealerSeen:
    """The unsealer's Service.

    Args:
        ready: how many of its replicas are.

    """

    ready: int | Hidden


@dataclass(frozen=True, slots=True)
class PolicySeen:
    """A policy that acts on labelled pods.

    Args:
        name: of it.
        version: of the chart that brought it, empty if it does not say.
        since: RFC 3339, when it was made.
        bound: it has a binding.

    """

    name: str
    version: str
    since: str
    bound: bool


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies that act on labelled pods.

    Args:
        mutating: those that add to a pod.
        validating: those that refuse one.

    """

    mutating: tuple[PolicySeen, ...]
    validating: tuple[PolicySeen, ...]

    @property
    def since(self) -> str:
        """Since when something is added to labelled pods; empty if nothing is."""
        return max((one.since for one in self.mutating if one.bound), default="")


def policies_from(
    mutating: tuple[Policy, ...],
    mutating_bindings: tuple[Policy, ...],
    validating: tuple[Policy, ...],
    validating_bindings: tuple[Policy, ...],
) -> Policies:
    """Those of the cluster's policies that are the injection's, by what they do, not by their names."""
    return Policies(
        tuple(_policy(one, mutating_bindings) for one in mutating if _is_parametrised(one)),
        tuple(
            _policy(one, validating_bindings)
            for one in validating
            if INJECT_LABEL in one.spec.match_constraints.object_selector.labels
        ),
    )


def _policy(policy: Policy, bindings: tuple[Policy, ...]) -> PolicySeen:
    meta = policy.metadata
    return PolicySeen(
        name=meta.name,
        version=meta.labels.get(_VERSION_LABEL, ""),
        since=meta.creation_timestamp,
        bound=any(one.spec.policy_name == meta.name for one in bindings),
    )


def _is_parametrised(policy: Policy) -> bool:
    kind = policy.spec.param_kind
    return kind is not None and kind.kind == CREDENTIAL_KIND and kind.api_version.startswith(f"{GROUP}/")


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a labelled pod that was created on trial, and is nowhere.

    Args:
        accepted: it was.
        words: of the refusal, empty if it was accepted.
        variables: that its container got.
        opened: an init container came with it.

    """

    accepted: bool
    words: str
    variables: tuple[str, ...]
    opened: bool

    @property
    def is_given(self) -> bool:
        """Whether anything was added to it."""
        return self.opened or bool(self.variables)


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """All of it.

    Args:
        version: of the API server, as it says it.
        kubelets: versions of the nodes' kubelets.
        namespace: the operator's, as it was given or as the CRDs are marked.
        kinds: ours.
        lease: of the controller; None if there is none.
        public_keys: None if there are none; a text if they are not as the operator writes them.
        unsealer: None if there is no Service.
        mutating_policies: versions in which MutatingAdmissionPolicy is served, such as `v1`.
        policies: those of the injection.
        file_key_ref: whether a pod with a variable out of a file was accepted; None if that cannot be said.
        trial: a labelled pod in the namespace that is looked at; None if none is.

    """

    version: str
    kubelets: tuple[str, ...] | Hidden
    namespace: str
    kinds: Kinds | Hidden
    lease: LeaseSeen | Hidden | None
    public_keys: PublicKeys | str | Hidden | None
    unsealer: UnsealerSeen | Hidden | None
    mutating_policies: frozenset[str]
    policies: Policies | Hidden
    file_key_ref: bool | None
    trial: Trial | Hidden | None

    @property
    def release(self) -> Release | None:
        return Release.parse(self.version)

    @property
    def serves_policies(self) -> bool:
        """Whether the API server has MutatingAdmissionPolicy in the version that ours are written in."""
        return "v1" in self.mutating_policies
