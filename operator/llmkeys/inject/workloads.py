"""The pods in manifests that ask for credentials: of every kind that makes pods, in lists and many documents too."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from llmkeys.api.names import INJECT_LABEL
from llmkeys.inject.errors import ManifestRefusedError
from llmkeys.inject.request import ANNOTATIONS, Request, request_of
from llmkeys.inject.tree import Mapping, Node, Pair, Scalar, Sequence, followed

_TEMPLATE: Final = ("spec", "template")
_TEMPLATES: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("", "Pod"): (),
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): _TEMPLATE,
    ("apps", "Deployment"): _TEMPLATE,
    ("apps", "StatefulSet"): _TEMPLATE,
    ("apps", "DaemonSet"): _TEMPLATE,
    ("apps", "ReplicaSet"): _TEMPLATE,
    ("batch", "Job"): _TEMPLATE,
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("argoproj.io", "Rollout"): _TEMPLATE,
}
"""By API group and kind, where the pod is."""


@dataclass(frozen=True, slots=True)
class Workload:
    """An object whose pods ask for credentials.

    Args:
        kind: of the object.
        namespace: that it names, empty if none.
        name: of it.
        line: where it begins, counted from 1.
        request: what its pods ask for.
        metadata: where the pods' labels stand.
        spec: where the pods' spec stands.

    """

    kind: str
    namespace: str
    name: str
    line: int
    request: Request
    metadata: Pair
    spec: Pair

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    def line_of(self, place: tuple[str | int, ...]) -> int:
        """The line of a part of the spec, or of the closest part around it that is there."""
        node: Node | None = followed(self.spec.value)
        line = self.spec.key.line
        for step in place:
            match node:
                case Mapping() as mapping if isinstance(step, str):
                    pair = mapping.pair(step)
                    node, line = mapping.child(step), pair.key.line if pair else line
                case Sequence(entries=entries) if isinstance(step, int) and step < len(entries):
                    node = followed(entries[step].value)
                    line = entries[step].value.line
                case _:
                    return line
        return line


def workloads_in(documents: list[Node]) -> Iterator[Workload]:
    """The labelled workloads, in the order of the text.

    Raises:
        ManifestRefusedError: one has no pods that can be changed, or asks in a way that cannot be meant.

    """
    for document in documents:
        for root in _objects(document):
            path = _TEMPLATES.get((_word(root, "apiVersion").rpartition("/")[0], _word(root, "kind")))
            if path is not None and (pod := _below(root, path)) is not None and _is_labelled(pod):
                yield _workload(root, pod)


def _workload(root: Mapping, pod: Mapping) -> Workload:
    spec = pod.pair("spec")
    if spec is None or not isinstance(followed(spec.value), Mapping):
        raise ManifestRefusedError(pod.line, "The pod is labelled, and there is no spec of it here.")
    metadata = pod.pair("metadata")
    if metadata is None or not isinstance(template := followed(metadata.value), Mapping):
        raise ManifestRefusedError(pod.line, "The pod's metadata are merged in. Write them out.")
    own, notes = root.child("metadata"), template.child("annotations")
    asked = {}
    for name in ANNOTATIONS:
        value = notes.child(name) if isinstance(notes, Mapping) else None
        if isinstance(value, Scalar):
            asked[name] = (_text(value), value.line)
    return Workload(
        kind=_word(root, "kind"),
        namespace=_word(own, "namespace"),
        name=_word(own, "name") or _word(own, "generateName"),
        line=root.line,
        request=request_of(asked),
        metadata=metadata,
        spec=spec,
    )


def _text(value: Scalar) -> str:
    if not isinstance(value.value, str):
        raise ManifestRefusedError(value.line, "An annotation is a text: put it in quotes.")
    return value.value


def _is_labelled(pod: Mapping) -> bool:
    metadata = pod.child("metadata")
    labels = metadata.child("labels") if isinstance(metadata, Mapping) else None
    label = labels.child(INJECT_LABEL) if isinstance(labels, Mapping) else None
    if isinstance(label, Scalar) and isinstance(label.value, bool):
        raise ManifestRefusedError(label.line, f'A label is a text: {INJECT_LABEL}: "true"')
    return isinstance(label, Scalar) and label.value == "true"


def _objects(document: Node) -> Iterator[Mapping]:
    if not isinstance(document, Mapping):
        return
    items = document.child("items")
    if _word(document, "kind").endswith("List") and isinstance(items, Sequence):
        for entry in items.entries:
            yield from _objects(followed(entry.value))
    else:
        yield document


def _below(root: Mapping, path: tuple[str, ...]) -> Mapping | None:
    node: Node | None = root
    for name in path:
        node = node.child(name) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else None


def _word(node: Node | None, name: str) -> str:
    child: Any = node.child(name) if isinstance(node, Mapping) else None
    return child.value if isinstance(child, Scalar) and isinstance(child.value, str) else ""
