"""What tests of the chart and of plain manifests ask of the objects that these hold."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.support.cluster import kubectl_program
from tests.support.helm_program import Object


def of_kind(kind: str, objects: list[Object]) -> dict[str, Object]:
    """Those of one kind, by name."""
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def documents(file: Path) -> list[Object]:
    """The objects of a manifest."""
    return list(yaml.safe_load_all(file.read_text(encoding="utf-8")))


def holds(more: Any, less: Any) -> bool:
    """Whether everything in `less` is in `more`, which may say more."""
    if isinstance(less, dict):
        return isinstance(more, dict) and all(name in more and holds(more[name], less[name]) for name in less)
    if isinstance(less, list):
        return len(more) == len(less) and all(map(holds, more, less))
    return bool(more == less)


def pod_specs(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """The name of each Deployment and Pod, and the spec of its pods."""
    for one in objects:
        if one["kind"] == "Deployment":
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]
        if one["kind"] == "Pod":
            yield one["metadata"]["name"], one["spec"]


def kustomized(folder: Path) -> list[Object]:
    """What kubectl makes of a folder with a kustomization; it needs no cluster for that."""
    done = subprocess.run([kubectl_program(), "kustomize", folder], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))
