"""What the roles in config/ grant our two accounts, and which of it a set of uses needs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from llmkeys.api.names import DEFAULT_NAMESPACE
from tests.support.audit_trail import ACCOUNTS, Use
from tests.support.cluster_install import ROOT

SERVED: Final = "each served namespace"
WHOLE_CLUSTER: Final = ""
_CLUSTER_SCOPED: Final = frozenset(
    {"namespaces", "llmproviders", "customresourcedefinitions", "tokenreviews", "subjectaccessreviews"}
)
Object = dict[str, Any]


@dataclass(frozen=True, order=True)
class Grant:
    """One verb on one resource.

    Args:
        account: who has it.
        namespace: where; `WHOLE_CLUSTER`, or `SERVED` for a binding that is made in each.
        group: empty for the core.
        resource: with its subresource.
        verb: of RBAC.
        name: the one object that it is about; empty for all.
        role: that holds it.

    """

    account: str
    namespace: str
    group: str
    resource: str
    verb: str
    name: str = ""
    role: str = ""

    def covers(self, use: Use) -> bool:
        """Whether RBAC would allow that by this grant alone."""
        same = (self.account, self.group, self.resource, self.verb) == (use.account, use.group, use.resource, use.verb)
        return same and self.name in ("", use.name) and self._reaches(use.namespace)

    def is_needed_for(self, use: Use, names: frozenset[str]) -> bool:
        """Whether nothing narrower would do for that.

        Args:
            use: what was asked.
            names: that roles speak of: who asks for these only needs a right on these only.

        """
        if not self.covers(use):
            return False
        everywhere = self.namespace == WHOLE_CLUSTER and self.resource.partition("/")[0] not in _CLUSTER_SCOPED
        if everywhere and use.namespace == DEFAULT_NAMESPACE:
            return False
        # RBAC knows no create by name.
        return bool(self.name) or self.verb == "create" or use.name not in names

    def _reaches(self, namespace: str) -> bool:
        if self.namespace == SERVED:
            return namespace not in (WHOLE_CLUSTER, DEFAULT_NAMESPACE)
        return self.namespace in (WHOLE_CLUSTER, namespace)

    def __str__(self) -> str:
        where = {WHOLE_CLUSTER: "in the whole cluster", SERVED: f"in {SERVED}"}.get(
            self.namespace, f"in {self.namespace}"
        )
        of = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.account}: {self.verb} {of}{f' {self.name}' if self.name else ''} {where} (role {self.role})"


def grants_of(files: Iterable[Path]) -> list[Grant]:
    """All grants to our accounts that manifests hold, roles and bindings taken together."""
    objects = [one for file in files for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]
    return grants_in(objects)


def grants_in(objects: Sequence[Object]) -> list[Grant]:
    """The same from objects."""
    roles = {_place(one): one for one in objects if one["kind"] in {"Role", "ClusterRole"}}
    found: set[Grant] = set()
    for binding in objects:
        if binding["kind"] not in {"RoleBinding", "ClusterRoleBinding"}:
            continue
        for account in _ours(binding):
            found |= set(_bound(binding, roles, account))
    return sorted(found)


def names_in(grants: Iterable[Grant]) -> frozenset[str]:
    """The names that roles speak of."""
    return frozenset(one.name for one in grants if one.name)


def beyond(grants: Sequence[Grant], uses: Iterable[Use]) -> list[Grant]:
    """The grants that none of the uses needs."""
    asked, names = list(uses), names_in(grants)
    return [one for one in grants if not any(one.is_needed_for(use, names) for use in asked)]


def ungranted(grants: Sequence[Grant], uses: Iterable[Use]) -> list[Use]:
    """The uses that no grant covers."""
    return sorted(use for use in uses if not any(one.covers(use) for one in grants))


def _place(role: Object) -> tuple[str, str, str]:
    metadata = role["metadata"]
    return role["kind"], metadata.get("namespace", "") if role["kind"] == "Role" else "", metadata["name"]


def _ours(binding: Object) -> Iterator[str]:
    for one in binding.get("subjects", []):
        ours = one["name"] in ACCOUNTS and one.get("namespace") == DEFAULT_NAMESPACE
        if one["kind"] == "ServiceAccount" and ours:
            yield one["name"]


def _bound(binding: Object, roles: Mapping[tuple[str, str, str], Object], account: str) -> Iterator[Grant]:
    reference = binding["roleRef"]
    namespaced = binding["kind"] == "RoleBinding"
    here = binding["metadata"].get("namespace", SERVED) if namespaced else WHOLE_CLUSTER
    role = roles[reference["kind"], here if reference["kind"] == "Role" else "", reference["name"]]
    for rule in role["rules"]:
        for group in rule.get("apiGroups", []):
            for resource in rule.get("resources", []):
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames", [""]):
                        yield Grant(account, here, group, resource, verb, name, reference["name"])


_CONFIG: Final = ROOT / "config"
_RBAC: Final = sorted((_CONFIG / "rbac").glob("*.yaml"))
_ALL_NAMESPACES: Final = _CONFIG / "rbac" / "all-namespaces.yaml"
_LISTED: Final = sorted((_CONFIG / "rbac" / "watch-namespaces").glob("*.yaml"))
_COMPONENTS: Final = _CONFIG / "components"
_OPT_IN: Final = [_COMPONENTS / name / "roles.yaml" for name in ("bootstrap", "rollouts", "nudge")]
_OPT_IN_EVERYWHERE: Final = [_COMPONENTS / name / "all-namespaces.yaml" for name in ("rollouts", "nudge")]
_OPT_IN_LISTED: Final = [_COMPONENTS / name / "watched-namespace.yaml" for name in ("rollouts", "nudge")]

EVERYWHERE: Final = grants_of([*_RBAC, *_OPT_IN, *_OPT_IN_EVERYWHERE])
"""Of an installation that serves all namespaces, with all that is opt-in: bootstrap, rollouts and nudges."""
WHERE_LISTED: Final = grants_of(
    [*(file for file in _RBAC if file != _ALL_NAMESPACES), *_LISTED, *_OPT_IN, *_OPT_IN_LISTED]
)
"""Of one that serves a few."""
