from typing import Any

import msgspec
import pytest

from llmkeys.doctor.cluster_seen import Trial
from llmkeys.doctor.credential import collisions, delivery_of, is_refused, opened_by
from llmkeys.doctor.finding import Hidden, State
from llmkeys.doctor.objects import Role, RoleBinding
from llmkeys.doctor.openers import EVERY, Roles, openers_of
from llmkeys.doctor.report import Report, cells_of, credential_cells_of, trial_finding, way_facts
from llmkeys.doctor.way import ways_of
from tests.unit.doctor.patients import (
    AWAITING,
    NAMESPACE,
    NO_ROLES,
    READY,
    STALLED,
    SYNCED,
    WITHDRAWN,
    cluster,
    condition,
    credential,
)

HIDDEN = Hidden("list roles")
ACCOUNTS = frozenset({"chat", "default"})
UNSEAL = {"apiGroups": ["llmkeys.dev"], "resources": ["llmcredentials/unseal"], "verbs": ["create"]}
REFUSED = condition("Ready", "False", "Rejected", "Create a new key.")


def delivery(one: Any, roles: Roles | Hidden = NO_ROLES, accounts: frozenset[str] | Hidden = ACCOUNTS) -> Any:
    return delivery_of(one, roles, accounts)


@pytest.mark.parametrize(
    ("conditions", "state", "delivered", "said"),
    [
        ((READY, SYNCED), State.OK, True, "It is delivered."),
        ((REFUSED, SYNCED, STALLED), State.WRONG, True, "It is delivered, but Rejected: Create a new key."),
        ((condition("Ready", "Unknown", "Throttled", "Wait."), SYNCED), State.NOTE, True, "Throttled: Wait."),
        (AWAITING, State.WRONG, False, "No key is proven: pods that name it wait"),
        ((*AWAITING, STALLED), State.WRONG, False, "No key is proven: pods that name it are refused"),
        (WITHDRAWN, State.WRONG, False, "It is withdrawn: pods that name it are refused"),
        (
            (READY, condition("SecretSynced", "False", "TargetConflict", "It is a stranger's.")),
            State.WRONG,
            False,
            "TargetConflict: It is a stranger's.",
        ),
    ],
)
def test_conditions_tell_whether_pods_get_it(conditions: Any, state: State, delivered: bool, said: str) -> None:
    found = delivery(credential("openai", *conditions))
    assert (found.state, found.delivered) == (state, delivered)
    assert said in found.message


def test_what_the_operator_has_not_looked_at_is_wrong() -> None:
    found = delivery(credential("openai", condition("Active", "Unknown", "Checking")))
    assert (found.state, "has not looked at it" in found.message) == (State.WRONG, True)


@pytest.mark.parametrize(
    ("conditions", "status", "refused"),
    [
        ((READY, SYNCED), {}, False),
        (AWAITING, {}, False),
        ((*AWAITING, STALLED), {}, True),
        (WITHDRAWN, {}, True),
        (AWAITING, {"env": []}, True),
        (AWAITING, {"env": [], "files": [{"name": "key.json"}]}, False),
        ((REFUSED, condition("SecretSynced", "False", "Contested"), STALLED), {}, False),
    ],
)
def test_a_pod_is_refused_where_waiting_would_not_help(conditions: Any, status: Any, refused: bool) -> None:
    assert is_refused(credential("openai", *conditions, **status)) is refused


def test_an_envelope_needs_an_unsealer_and_somebody_who_may_ask_it() -> None:
    assert "names no unsealer" in delivery(credential(unsealer=None)).message
    lonely = delivery(credential(target={"serviceAccounts": []}))
    assert (lonely.state, lonely.help.split(" | ")[0]) == (
        State.WRONG,
        f"llmkeys manifest rolebinding openai -n {NAMESPACE} --service-account ACCOUNT",
    )
    assert delivery(credential(target={"serviceAccounts": []}), HIDDEN).state is State.OK  # RBAC may allow somebody


def test_an_account_that_is_not_there_is_noted() -> None:
    found = delivery(credential(target={"serviceAccounts": ["chat", "chta"]}))
    assert (found.state, "chta, who are not there" in found.message) == (State.NOTE, True)
    assert delivery(credential(), accounts=HIDDEN).state is State.OK


def test_a_plain_secret_and_one_for_recipients_are_opened_by_others() -> None:
    plain = delivery(credential(target={"encryption": "None", "serviceAccounts": []}, unsealer=None))
    assert (plain.state, opened_by(plain)) == (State.OK, "whoever may read the Secret")
    end_to_end = delivery(credential(target={"recipients": ["llmkeys-recipient-1"]}))
    assert (end_to_end.state, opened_by(end_to_end)) == (State.NOTE, "the recipients")


def roles(subject: dict[str, str], kind: str = "Role", **rule: Any) -> Roles:
    role = msgspec.convert({"metadata": {"name": "unseal"}, "rules": [{**UNSEAL, **rule}]}, Role)
    binding = {"roleRef": {"kind": kind, "name": "unseal"}, "subjects": [subject]}
    return Roles(NAMESPACE, {f"{kind}/unseal": role}, (msgspec.convert(binding, RoleBinding),))


ACCOUNT = {"kind": "ServiceAccount", "name": "batch", "namespace": NAMESPACE}


@pytest.mark.parametrize(
    ("known", "allowed"),
    [
        (roles(ACCOUNT), {"batch"}),
        (roles({"kind": "ServiceAccount", "name": "batch"}), {"batch"}),
        (roles({**ACCOUNT, "namespace": "elsewhere"}), set()),
        (roles(ACCOUNT, "ClusterRole"), {"batch"}),
        (roles(ACCOUNT, resourceNames=["openai"]), {"batch"}),
        (roles(ACCOUNT, resourceNames=["other"]), set()),
        (roles(ACCOUNT, verbs=["*"], apiGroups=["*"], resources=["*"]), {"batch"}),
        (roles(ACCOUNT, resources=["*/unseal"]), {"batch"}),
        (roles(ACCOUNT, resources=["llmcredentials"]), set()),
        (roles(ACCOUNT, verbs=["get"]), set()),
        (roles(ACCOUNT, apiGroups=["apps"]), set()),
        (roles({"kind": "User", "name": f"system:serviceaccount:{NAMESPACE}:batch"}), {"batch"}),
        (roles({"kind": "User", "name": "system:serviceaccount:elsewhere:batch"}), set()),
        (roles({"kind": "User", "name": "jane"}), set()),
        (roles({"kind": "Group", "name": f"system:serviceaccounts:{NAMESPACE}"}), {EVERY}),
        (roles({"kind": "Group", "name": "system:serviceaccounts"}), {EVERY}),
        (roles({"kind": "Group", "name": "system:authenticated"}), {EVERY}),
        (roles({"kind": "Group", "name": "system:serviceaccounts:elsewhere"}), set()),
    ],
)
def test_rbac_may_let_an_account_have_it_opened(known: Roles, allowed: set[str]) -> None:
    found = openers_of(credential(), known)
    assert found.accounts == {"chat"} | allowed
    assert found.complete
    assert found.allows("batch") is bool(allowed)
    assert found.allows("chat")


def test_a_binding_to_a_role_that_is_not_there_allows_nobody() -> None:
    lost = Roles(NAMESPACE, {}, roles(ACCOUNT).bindings)
    assert openers_of(credential(), lost).accounts == {"chat"}


def test_variables_of_several_credentials_are_noted_with_the_winner() -> None:
    shared = credential("b", env=["OPENAI_API_KEY", "B"]), credential("a", env=["OPENAI_API_KEY", "A"])
    (found,) = collisions((*shared, credential("c", env=["C"])))
    assert (found.about, found.state) == ("OPENAI_API_KEY", State.NOTE)
    assert "Credentials a, b" in found.message
    assert "a wins" in found.message


TRIAL = Trial(accepted=True, words="", variables=("OPENAI_API_KEY",), opened=True)


@pytest.mark.parametrize(
    ("trial", "known", "state"),
    [
        (TRIAL, True, State.OK),
        (Trial(accepted=False, words="no LLMCredential", variables=(), opened=False), False, State.NOTE),
        (Trial(accepted=False, words="names are taken", variables=(), opened=False), True, State.WRONG),
        (Trial(accepted=True, words="", variables=(), opened=False), True, State.WRONG),
        (Trial(accepted=True, words="", variables=(), opened=False), False, State.NOTE),
        (HIDDEN, True, State.UNSEEN),
    ],
)
def test_the_trial_tells_what_a_labelled_pod_gets(trial: Trial | Hidden, known: bool, state: State) -> None:
    credentials = [delivery(credential())] if known else []
    (found,) = trial_finding(cluster(trial=trial), credentials)
    assert found.state is state


def test_without_a_trial_or_policies_nothing_is_said_of_one() -> None:
    nothing = Trial(accepted=True, words="", variables=(), opened=False)
    assert list(trial_finding(cluster(trial=None), [])) == []
    assert list(trial_finding(cluster(trial=nothing, mutating_policies=frozenset()), [])) == []


def test_a_report_is_well_while_nothing_is_wrong() -> None:
    ways = ways_of(cluster())
    well, broken = delivery(credential()), delivery(credential("openai", *WITHDRAWN))
    assert Report(ways, (), (), (well,)).all_well
    assert not Report(ways, (), (), (well, broken)).all_well
    wrong = (next(trial_finding(cluster(trial=Trial(False, "", (), False)), [well])),)
    assert not Report(ways, wrong).all_well
    assert not Report(ways, (), wrong).all_well
    assert not Report(ways, (), (), (), wrong).all_well


def test_a_command_stands_below_what_it_helps_with() -> None:
    rows = credential_cells_of([delivery(credential("openai", *AWAITING))])
    assert [row[1] for row in rows] == ["wrong", "try"]
    assert rows[1][-1] == f"llmkeys status {NAMESPACE}/openai"
    assert {len(row) for row in rows} == {5}
    assert cells_of([]) == []
    assert dict(way_facts(ways_of(cluster())))["also"] == "inject, inject --files, plain Secret"
