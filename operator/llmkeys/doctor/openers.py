"""Which service accounts of a namespace may have an envelope opened: those that the spec names, and those of RBAC."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from llmkeys.api.credential import LLMCredential
from llmkeys.api.names import CREDENTIAL_PLURAL, GROUP
from llmkeys.doctor.finding import Hidden
from llmkeys.doctor.objects import Role, RoleBinding, RoleSubject, Rule

_RESOURCE: Final = frozenset({f"{CREDENTIAL_PLURAL}/unseal", "*/unseal", "*"})
_ALL: Final = "*"
_USER_PREFIX: Final = "system:serviceaccount:"
# https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
_EVERY_ACCOUNT: Final = ("system:serviceaccounts", "system:authenticated")

EVERY: Final = "*"
"""Stands for all accounts of the namespace."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What RBAC says in one namespace: its own bindings and those of the whole cluster.

    Args:
        namespace: the one.
        roles: by `Role/NAME` and `ClusterRole/NAME`.
        bindings: of the namespace and of the cluster.

    """

    namespace: str
    roles: dict[str, Role]
    bindings: tuple[RoleBinding, ...]


@dataclass(frozen=True, slots=True)
class Openers:
    """Who may have an envelope opened.

    Args:
        accounts: names of service accounts; `EVERY` for all.
        complete: whether RBAC could be seen, too.

    """

    accounts: frozenset[str]
    complete: bool

    def allows(self, account: str) -> bool:
        return bool({account, EVERY} & self.accounts)


def openers_of(credential: LLMCredential, roles: Roles | Hidden) -> Openers:
    """Those who may have the envelope of a credential opened.

    Args:
        credential: whose.
        roles: of its namespace.

    """
    named = frozenset(credential.spec.target.service_accounts)
    if isinstance(roles, Hidden):
        return Openers(named, complete=False)
    return Openers(named | frozenset(_granted(credential.metadata.name, roles)), complete=True)


def _granted(credential: str, roles: Roles) -> Iterator[str]:
    for binding in roles.bindings:
        role = roles.roles.get(f"{binding.role_ref.kind}/{binding.role_ref.name}")
        if role is not None and any(_allows(one, credential) for one in role.rules or ()):
            for subject in binding.subjects or ():
                yield from _accounts(subject, roles.namespace)


def _allows(rule: Rule, credential: str) -> bool:
    return (
        bool({"create", _ALL} & set(rule.verbs))
        and bool({GROUP, _ALL} & set(rule.api_groups))
        and bool(_RESOURCE & set(rule.resources))
        and (not rule.resource_names or credential in rule.resource_names)
    )


def _accounts(subject: RoleSubject, namespace: str) -> Iterator[str]:
    """The accounts of the namespace that a subject is or includes; a token is good for its own namespace only."""
    match subject:
        case RoleSubject(kind="ServiceAccount", name=name) if subject.namespace in ("", namespace):
            yield name
        case RoleSubject(kind="User", name=name) if name.startswith(f"{_USER_PREFIX}{namespace}:"):
            yield name.removeprefix(f"{_USER_PREFIX}{namespace}:")
        case RoleSubject(kind="Group", name=name) if name in (*_EVERY_ACCOUNT, f"system:serviceaccounts:{namespace}"):
            yield EVERY
