"""Switch the bootstrap on as a person does, and off again: other tests want the controller without its rights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from llmkeys.api.names import BOOTSTRAP_LABEL, BOOTSTRAP_SECRET, CREDENTIAL_PLURAL, DEFAULT_NAMESPACE, PROVIDER_PLURAL
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT

COMPONENT: Final = ROOT / "config" / "components" / "bootstrap"


@contextmanager
def bootstrap_switched_on(plane: ControlPlane) -> Iterator[None]:
    plane.kubectl("apply", "--server-side", "-k", COMPONENT)
    try:
        yield
    finally:
        plane.kubectl("delete", "--ignore-not-found", "-k", COMPONENT)


def clear_bootstraps(plane: ControlPlane) -> None:
    """Leave nothing of earlier bootstraps: neither input, records nor what they made, but for namespaces."""
    here = f"--namespace={DEFAULT_NAMESPACE}"
    plane.kubectl("delete", "secret", BOOTSTRAP_SECRET, "--ignore-not-found", here)
    names = plane.kubectl("get", "configmaps", "-o", "name", here).stdout.split()
    if records := [name for name in names if name.startswith(f"configmap/{BOOTSTRAP_SECRET}")]:
        plane.kubectl("delete", *records, here)
    plane.kubectl("delete", CREDENTIAL_PLURAL, "--all-namespaces", "-l", BOOTSTRAP_LABEL)
    plane.kubectl("delete", PROVIDER_PLURAL, "-l", BOOTSTRAP_LABEL)
