"""The text of a manifest with the lines that its labelled pods get; the result is read again before it is believed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from llmkeys.inject.additions import Additions
from llmkeys.inject.errors import CredentialRefusedError, ManifestRefusedError, PodRefusedError
from llmkeys.inject.patch import Change, patched
from llmkeys.inject.pod import INJECTED, Pod, injected
from llmkeys.inject.tree import Node, documents_of, plain
from llmkeys.inject.workloads import Workload, workloads_in


@dataclass(frozen=True, slots=True)
class Changed:
    """A workload whose lines are not as they should be.

    Args:
        workload: in words.
        line: where it begins, counted from 1.
        parts: that change, in words.

    """

    workload: str
    line: int
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Injected:
    """A text in which every labelled pod has its lines.

    Args:
        text: the whole of it.
        labelled: how many workloads there are.
        changes: of those that did not have all their lines.

    """

    text: str
    labelled: int
    changes: tuple[Changed, ...]


def injected_text(
    text: str, additions_for: Callable[[Workload], Additions], given: frozenset[str] = frozenset()
) -> Injected:
    """Give every labelled pod of a text its lines; every other byte stays.

    Args:
        text: manifests, of any number of documents.
        additions_for: what the pods of a workload get; raises CredentialRefusedError where that cannot be said.
        given: parts of our init container that change although they stand there (`injected`).

    Raises:
        ManifestRefusedError: the text cannot be read or changed, or a pod cannot take the lines; the text says where.

    """
    documents = documents_of(text)
    changes: list[Change] = []
    told: list[Changed] = []
    workloads = list(workloads_in(documents))
    for workload in workloads:
        old = Pod(plain(workload.metadata.value), plain(workload.spec.value))
        new = _new(workload, old, additions_for, given)
        if new != old:
            changes += (Change(workload.metadata, new.metadata), Change(workload.spec, new.spec))
            told.append(Changed(str(workload), workload.line, tuple(_parts(old, new))))
    result = patched(text, changes) if changes else text
    if changes:
        _require_only(changes, documents, result, told[0].line)
    return Injected(result, len(workloads), tuple(told))


def _new(workload: Workload, old: Pod, additions_for: Callable[[Workload], Additions], given: frozenset[str]) -> Pod:
    try:
        return injected(old, additions_for(workload), given)
    except CredentialRefusedError as error:
        raise ManifestRefusedError(workload.request.line or workload.line, f"{workload}: {error}") from None
    except PodRefusedError as error:
        raise ManifestRefusedError(workload.line_of(error.place), f"{workload}: {error.problem}") from None


def _require_only(changes: list[Change], before: list[Node], text: str, line: int) -> None:
    """Make sure that the new text means what was meant, and that no alias carried a change elsewhere."""
    new = {id(change.pair.value): change.value for change in changes}
    problem = (
        "The lines cannot be written without changing something else: anchors and aliases lead out of the pod, or the "
        "text ends within a block of text. Write aliases out, and end the file with a line break."
    )
    try:
        after = documents_of(text)
        same = [plain(one, new) for one in before] == [plain(one) for one in after]
    except ManifestRefusedError:
        same = False
    if not same:
        raise ManifestRefusedError(line, problem)


def _parts(old: Pod, new: Pod) -> Iterator[str]:
    if old.metadata != new.metadata:
        yield f"annotation {INJECTED}"
    for name in ("volumes", "initContainers", "containers"):
        before, after = _named(old.spec.get(name)), _named(new.spec.get(name))
        for key in sorted(before.keys() | after.keys()):
            if key not in before or key not in after:
                yield f"{name} {'+' if key in after else '-'}{key}"
            elif before[key] != after[key]:
                yield f"{name} {key}{_fields(before[key], after[key])}"


def _fields(before: Any, after: Any) -> str:
    changed = [name for name in after if before.get(name) != after[name]] + [one for one in before if one not in after]
    return f" ({', '.join(changed)})"


def _named(values: Any) -> dict[str, Any]:
    listed = values if isinstance(values, list) else []
    return {str(one.get("name")): one for one in listed if isinstance(one, dict)}
