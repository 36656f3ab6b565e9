"""People and service accounts whom a cluster's admin plays, and the rights that a test gives them."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from tests.support.cluster import ControlPlane
from tests.support.wait import eventually

Change = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the cluster's admin impersonates."""

    plane: ControlPlane
    name: str
    namespace: str

    def kubectl(self, *args: str, content: object = None) -> subprocess.CompletedProcess[str]:
        body = None if content is None else json.dumps(content)
        return self.plane.kubectl(f"--as={self.name}", f"--namespace={self.namespace}", *args, input=body, check=False)

    def create(self, body: object) -> str:
        """Create an object (dry run); empty if it may, else why not."""
        return why_not(self.kubectl("create", "--dry-run=server", "-f", "-", content=body))

    def patch(self, what: str, change: Change, *args: str) -> str:
        """Change an object (dry run) by a merge patch."""
        return why_not(self.kubectl("patch", what, "--dry-run=server", "--type=merge", "-p", json.dumps(change), *args))

    def replace(self, body: object) -> str:
        """Put an object in place of the one of its name (dry run)."""
        return why_not(self.kubectl("replace", "--dry-run=server", "-f", "-", content=body))

    def delete(self, what: str) -> str:
        return why_not(self.kubectl("delete", what, "--dry-run=server"))

    def wait_for(self, right: dict[str, Any]) -> None:
        """Wait until a right that was given to it is known to the API server."""
        resource, _, sub = right["resources"][-1].partition("/")
        kind = "llmcredentials" if resource == "*" else resource
        what = f"{kind}.{right['apiGroups'][0]}".removesuffix(".")
        ask = ("auth", "can-i", right["verbs"][-1], what, *([f"--subresource={sub}"] if sub else []))
        eventually(lambda: self.kubectl(*ask).stdout.strip() == "yes", message=f"the right to {ask} of {self.name}")


def why_not(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr if done.returncode else ""


def rule(groups: str, resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [groups], "resources": resources, "verbs": verbs}


class Rights:
    """Gives rights of the tests' own, and takes those in the whole cluster back."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self._plane = plane
        self._namespace = namespace
        self._made = 0
        self._in_cluster: list[str] = []

    def person(self, role: str = "", *rules: dict[str, Any], name: str = "") -> Person:
        """Somebody with one of the cluster's roles in this namespace, or with a role of these rules there."""
        self._made += 1
        name = name or f"{self._namespace}-{self._made}"
        made = f"policies-{self._made}"
        if rules:
            self._create({"kind": "Role", "metadata": {"name": made}, "rules": list(rules)})
        reference = {"kind": "Role", "name": made} if rules else {"kind": "ClusterRole", "name": role}
        self._bind("RoleBinding", made, reference, name)
        person = Person(self._plane, name, self._namespace)
        for right in rules:
            person.wait_for(right)
        return person

    def in_cluster(self, person: Person, *rules: dict[str, Any]) -> Person:
        """Give rights in the whole cluster."""
        self._made += 1
        name = f"{self._namespace}-{self._made}"
        self._create({"kind": "ClusterRole", "metadata": {"name": name}, "rules": list(rules)})
        self._bind("ClusterRoleBinding", name, {"kind": "ClusterRole", "name": name}, person.name)
        self._in_cluster += [f"clusterrole/{name}", f"clusterrolebinding/{name}"]
        for right in rules:
            person.wait_for(right)
        return person

    def take_back(self) -> None:
        if self._in_cluster:
            self._plane.kubectl("delete", *self._in_cluster)

    def _bind(self, kind: str, name: str, role: dict[str, str], user: str) -> None:
        group = "rbac.authorization.k8s.io"
        subject = {"kind": "User", "name": user, "apiGroup": group}
        self._create(
            {"kind": kind, "metadata": {"name": name}, "roleRef": {**role, "apiGroup": group}, "subjects": [subject]}
        )

    def _create(self, body: dict[str, Any]) -> None:
        body = {"apiVersion": "rbac.authorization.k8s.io/v1", **body}
        self._plane.kubectl("create", f"--namespace={self._namespace}", "-f", "-", input=json.dumps(body))


def refused(person: Person, body: object, words: str) -> bool:
    """Whether somebody cannot create an object, for a reason with these words."""
    assert words in (why := person.create(body)), why
    return True
