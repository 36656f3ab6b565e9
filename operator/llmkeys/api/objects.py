"""What every Kubernetes object of ours has: metadata and conditions."""

import msgspec

from llmkeys.api.names import REQUESTED_AT_ANNOTATION


class Annotations(msgspec.Struct, frozen=True, rename={"requested_at": REQUESTED_AT_ANNOTATION}, omit_defaults=True):
    """The annotations that we read."""

    requested_at: str = ""


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """The metadata that we read; nothing else of it is kept in memory."""

    name: str
    uid: str = ""
    resource_version: str = ""
    namespace: str = ""
    generation: int = 0
    deletion_timestamp: str = ""
    annotations: Annotations = Annotations()


class Condition(msgspec.Struct, frozen=True, rename="camel"):
    """https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md."""

    type: str
    status: str
    reason: str
    message: str
    last_transition_time: str = ""
    observed_generation: int = 0


class Key(msgspec.Struct, frozen=True, order=True):
    """The name of a namespaced object; what the work queue holds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def condition_of(conditions: tuple[Condition, ...], kind: str) -> Condition | None:
    """The condition of one type, None where there is none."""
    return next((one for one in conditions if one.type == kind), None)


def merge_patch(old: dict[str, object], new: dict[str, object]) -> dict[str, object]:
    """The JSON merge patch (RFC 7396) that turns `old` into `new`; empty where they are equal."""
    patch: dict[str, object] = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if value == before:
            continue
        if isinstance(value, dict) and isinstance(before, dict):
            patch[name] = merge_patch(before, value)
        else:
            patch[name] = value
    return patch
