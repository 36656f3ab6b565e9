"""A namespace under the policies for injection, where the test writes the status of credentials and creates pods."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from llmkeys.api.names import CREDENTIAL_PLURAL, GROUP, VERSION
from tests.support.admin_api import AdminApi, ApiStatusError
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.inject_objects import Object, Pod, credential, pod, status
from tests.support.people import why_not
from tests.support.wait import eventually

COMPONENT: Final = ROOT / "config" / "components" / "policy"
NOT_THERE: Final = "there is no LLMCredential"


class Injection:
    """A namespace of a test's own; what is written there is known to the policies when a call returns."""

    def __init__(self, plane: ControlPlane, namespace: str, watched: str) -> None:
        """Take what `injection` has made.

        Args:
            plane: with the policies in force.
            namespace: of the test.
            watched: another namespace, by which it is seen how far the policies' view of credentials has come.

        """
        self.plane = plane
        self.namespace = namespace
        self._watched = watched
        self._api = AdminApi(plane)

    def elsewhere(self, namespace: str) -> "Injection":
        """The same in another namespace."""
        return Injection(self.plane, namespace, self._watched)

    def credential(self, name: str, *env: str, spec: Object | None = None, **more: Any) -> None:
        """Create a credential with a status; see `inject_objects.status`."""
        self.unseen(self.namespace, name, status(name, *env, **more), spec)
        self.seen()

    def unseen(self, namespace: str, name: str, wanted: Object | None, spec: Object | None = None) -> None:
        """Create one, and return before the policies know of it; without a status if there is none."""
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{CREDENTIAL_PLURAL}"
        self._api.create(path, credential(name, **(spec or {})))
        if wanted is not None:
            self._api.merge(f"{path}/{name}/status", {"status": wanted})

    def publish(self, name: str, **changed: Any) -> None:
        """Change a credential's status."""
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{self.namespace}/{CREDENTIAL_PLURAL}/{name}/status"
        self._api.merge(path, {"status": changed})
        self.seen()

    def seen(self) -> None:
        """Wait until the policies know of all that is written; they are told of it in the order of writing."""
        last = f"last-{secrets.token_hex(4)}"
        self.unseen(self._watched, last, status(last, "LAST"))
        there = self.elsewhere(self._watched)
        eventually(lambda: there.try_to(pod(last)) == "", timeout=30, message="the policies' view of the credentials")

    def create(self, body: Object) -> Pod:
        """Create a pod (dry run)."""
        return Pod(self._api.create(f"/api/v1/namespaces/{self.namespace}/pods?dryRun=All", body))

    def try_to(self, body: Object) -> str:
        """Create a pod (dry run); empty if it may, else the whole of why not."""
        try:
            self.create(body)
        except ApiStatusError:
            create = ("create", "--dry-run=server", f"--namespace={self.namespace}", "-f", "-")
            return why_not(self.plane.kubectl(*create, input=json.dumps(body), check=False))
        return ""

    def refusal(self, body: Object) -> str:
        """Our words about a pod that must be refused."""
        said = self.try_to(body)
        assert "ValidatingAdmissionPolicy 'llmkeys-inject'" in said, said or "it was created"
        return said.partition("denied request: ")[2].strip()

    def apply(self, body: Object) -> None:
        """Create any object."""
        self.plane.kubectl("create", f"--namespace={self.namespace}", "-f", "-", input=json.dumps(body))


@contextmanager
def policies_applied(plane: ControlPlane) -> Iterator[None]:
    """Have the component in force, as a person applies it; other tests want pods left alone."""
    plane.kubectl("apply", "--server-side", "-k", COMPONENT)
    try:
        yield
    finally:
        plane.kubectl("delete", "--ignore-not-found", "-k", COMPONENT)


@contextmanager
def injection(plane: ControlPlane, namespace: str) -> Iterator[Injection]:
    """Apply the policies, and wait until they are in force."""
    watched = plane.new_namespace("inject-seen")
    with policies_applied(plane):
        made = Injection(plane, namespace, watched)
        eventually(lambda: NOT_THERE in made.try_to(pod("nobody")), timeout=60, message="the refusing policy")
        made.seen()
        yield made
    plane.delete_namespace(watched)
