"""The few fields of Kubernetes' own objects that a doctor reads."""

from typing import Any

import msgspec


class Owner(msgspec.Struct, frozen=True):
    """OwnerReference."""

    kind: str = ""
    name: str = ""


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """ObjectMeta."""

    name: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    creation_timestamp: str = ""
    owner_references: tuple[Owner, ...] = ()


# ---- admission policies: https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/


class ParamKind(msgspec.Struct, frozen=True, rename="camel"):
    """The kind that a policy is parametrised by."""

    api_version: str = ""
    kind: str = ""


class Requirement(msgspec.Struct, frozen=True):
    """LabelSelectorRequirement."""

    key: str = ""


class Selector(msgspec.Struct, frozen=True, rename="camel"):
    """LabelSelector."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()

    @property
    def labels(self) -> frozenset[str]:
        """Those that it looks at."""
        return frozenset(self.match_labels) | {one.key for one in self.match_expressions}


class MatchConstraints(msgspec.Struct, frozen=True, rename="camel"):
    """What a policy looks at."""

    object_selector: Selector = Selector()


class PolicySpec(msgspec.Struct, frozen=True, rename="camel"):
    """Of a policy; `policy_name` of a binding."""

    param_kind: ParamKind | None = None
    match_constraints: MatchConstraints = MatchConstraints()
    policy_name: str = ""


class Policy(msgspec.Struct, frozen=True):
    """A MutatingAdmissionPolicy, a ValidatingAdmissionPolicy, or a binding of either."""

    metadata: Meta = Meta()
    spec: PolicySpec = PolicySpec()


# ---- roles: https://kubernetes.io/docs/reference/access-authn-authz/rbac/


class Rule(msgspec.Struct, frozen=True, rename="camel"):
    """PolicyRule."""

    verbs: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()


class Role(msgspec.Struct, frozen=True):
    """Role or ClusterRole; a ClusterRole without rules has null for them."""

    metadata: Meta = Meta()
    rules: tuple[Rule, ...] | None = None


class RoleRef(msgspec.Struct, frozen=True):
    """What is bound."""

    kind: str = ""
    name: str = ""


class RoleSubject(msgspec.Struct, frozen=True):
    """Whom it is bound to."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class RoleBinding(msgspec.Struct, frozen=True, rename="camel"):
    """RoleBinding or ClusterRoleBinding."""

    metadata: Meta = Meta()
    role_ref: RoleRef = RoleRef()
    subjects: tuple[RoleSubject, ...] | None = None


# ---- pods


class FileKeyRef(msgspec.Struct, frozen=True, rename="camel"):
    """A variable out of a file in a volume."""

    volume_name: str = ""
    path: str = ""
    key: str = ""
    optional: bool | None = None


class SecretKeyRef(msgspec.Struct, frozen=True):
    """A variable out of a Secret."""

    name: str = ""
    key: str = ""


class ValueFrom(msgspec.Struct, frozen=True, rename="camel"):
    """Where a variable's value comes from; the fields are not kept of sources that are nobody's business here."""

    file_key_ref: FileKeyRef | None = None
    secret_key_ref: SecretKeyRef | None = None


class Variable(msgspec.Struct, frozen=True, rename="camel"):
    """EnvVar. Its value is a template's, never read beyond the names of ours."""

    name: str
    value: str = msgspec.field(default="")
    value_from: ValueFrom | None = None

    def __repr__(self) -> str:  # people write keys into manifests
        return f"Variable({self.name})"


class SourceName(msgspec.Struct, frozen=True):
    """SecretEnvSource and the like."""

    name: str = ""


class VariablesFrom(msgspec.Struct, frozen=True, rename="camel"):
    """EnvFromSource."""

    secret_ref: SourceName | None = None


class Container(msgspec.Struct, frozen=True, rename="camel"):
    """A container's spec."""

    name: str
    args: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    env_from: tuple[VariablesFrom, ...] = ()


class Item(msgspec.Struct, frozen=True):
    """KeyToPath."""

    key: str = ""
    path: str = ""


class SecretSource(msgspec.Struct, frozen=True):
    """A Secret that is part of a projected volume."""

    name: str = ""
    items: tuple[Item, ...] = ()
    optional: bool | None = None


class Source(msgspec.Struct, frozen=True):
    """VolumeProjection."""

    secret: SecretSource | None = None


class Projected(msgspec.Struct, frozen=True):
    """ProjectedVolumeSource."""

    sources: tuple[Source, ...] | None = None


class Volume(msgspec.Struct, frozen=True):
    """A volume."""

    name: str
    projected: Projected | None = None


class PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    """A pod's spec."""

    service_account_name: str = "default"
    volumes: tuple[Volume, ...] = ()
    init_containers: tuple[Container, ...] = ()
    containers: tuple[Container, ...] = ()


class Waiting(msgspec.Struct, frozen=True):
    """ContainerStateWaiting."""

    reason: str = ""
    message: str = ""


class Terminated(msgspec.Struct, frozen=True, rename="camel"):
    """ContainerStateTerminated."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""


class ContainerState(msgspec.Struct, frozen=True):
    """ContainerState; `running` is only asked for being there."""

    waiting: Waiting | None = None
    running: dict[str, Any] | None = None
    terminated: Terminated | None = None


class ContainerStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How a container is."""

    name: str
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    ready: bool = False
    restart_count: int = 0


class PodCondition(msgspec.Struct, frozen=True):
    """A condition of a pod."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


class PodStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How a pod is."""

    phase: str = ""
    conditions: tuple[PodCondition, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(msgspec.Struct, frozen=True):
    """A pod."""

    metadata: Meta = Meta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class Involved(msgspec.Struct, frozen=True):
    """The object that an event is about."""

    kind: str = ""
    name: str = ""


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """A core/v1 Event."""

    involved_object: Involved = Involved()
    reason: str = ""
    message: str = ""
    last_timestamp: str | None = None
    event_time: str | None = None

    @property
    def time(self) -> str:
        """RFC 3339, of the last time that it happened; empty if it is not said."""
        return self.last_timestamp or self.event_time or ""
