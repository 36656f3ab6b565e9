from dataclasses import replace

import pytest
import yaml

from llmkeys import __version__
from llmkeys.api.credential import LLMCredential
from llmkeys.api.provider import LLMProvider
from llmkeys.doctor.cluster import findings_of
from llmkeys.doctor.cluster_seen import ClusterSeen, Kinds, LeaseSeen, Policies, Release, Trial, UnsealerSeen
from llmkeys.doctor.finding import Finding, Hidden, State
from llmkeys.doctor.kinds import missing_fields
from llmkeys.doctor.way import Way, ways_of
from tests.support.cluster_install import ROOT
from tests.unit.doctor.patients import KEYS, cluster, policy

HIDDEN = Hidden("list everything")


def about(seen: ClusterSeen, what: str) -> Finding:
    (found,) = (one for one in findings_of(seen) if one.about == what)
    return found


def ways(seen: ClusterSeen) -> list[Way]:
    return [one.way for one in ways_of(seen)]


def older(version: str, *, served: tuple[str, ...] = (), file_key_ref: bool | None) -> ClusterSeen:
    """A cluster of an earlier release, with none of our policies."""
    return cluster(
        version=version,
        kubelets=(version,),
        mutating_policies=frozenset(served),
        policies=Policies((), ()),
        file_key_ref=file_key_ref,
    )


def test_where_all_is_well_everything_is_ok() -> None:
    assert {one.state for one in findings_of(cluster())} == {State.OK}
    assert ways(cluster()) == [Way.POLICY, Way.VARIABLES, Way.FILES, Way.PLAIN]


@pytest.mark.parametrize(
    ("version", "served", "file_key_ref", "expected"),
    [
        # The gates as they are by default: MutatingAdmissionPolicy is v1 from 1.36, EnvFiles is on from 1.35.
        ("v1.35.2", ("v1beta1",), True, [Way.VARIABLES, Way.FILES, Way.PLAIN]),
        ("v1.35.2", (), None, [Way.VARIABLES, Way.FILES, Way.PLAIN]),
        ("v1.34.9-gke.100", ("v1beta1",), False, [Way.FILES, Way.PLAIN]),
        ("v1.34.9", (), None, [Way.FILES, Way.PLAIN]),
        ("v1.32.0", ("v1alpha1",), False, [Way.FILES, Way.PLAIN]),
        ("v1.36.0", ("v1",), False, [Way.FILES, Way.PLAIN]),  # the gate is off by hand
    ],
)
def test_an_older_cluster_offers_fewer_ways_and_is_not_wrong_for_that(
    version: str, served: tuple[str, ...], file_key_ref: bool | None, expected: list[Way]
) -> None:
    seen = older(version, served=served, file_key_ref=file_key_ref)
    assert ways(seen) == expected
    wrong = {one.about for one in findings_of(seen) if one.state is State.WRONG}
    assert wrong == ({"injection"} if "v1" in served else set())


def test_a_policy_of_a_version_before_v1_is_named() -> None:
    found = about(older("v1.35.2", served=("v1beta1",), file_key_ref=True), "injection")
    assert (found.state, "only v1beta1" in found.message) == (State.NOTE, True)


@pytest.mark.parametrize(("version", "state"), [("v1.31.9", State.WRONG), ("v1.32.0", State.OK), ("?", State.NOTE)])
def test_releases_that_are_too_old_are_wrong(version: str, state: State) -> None:
    assert about(cluster(version=version), "Kubernetes").state is state


def test_before_native_sidecars_files_do_not_follow() -> None:
    assert about(cluster(version="v1.28.1"), "sidecars").state is State.NOTE


def test_nodes_that_are_behind_the_api_server_are_found() -> None:
    found = about(cluster(kubelets=("v1.36.3", "v1.34.1", "v1.33.2")), "nodes")
    assert (found.state, "1.33, 1.34" in found.message) == (State.WRONG, True)
    with_the_gate = cluster(version="v1.34.1", kubelets=("v1.34.0",))
    assert "nodes" not in {one.about for one in findings_of(with_the_gate)}
    assert "nodes" not in {one.about for one in findings_of(cluster(kubelets=HIDDEN))}


def test_missing_and_old_kinds_are_told_apart() -> None:
    served = frozenset({"llmproviders", "llmcredentials"})
    missing = about(cluster(kinds=Kinds(frozenset({"llmproviders"}), {})), "kinds")
    assert "does not serve llmcredentials" in missing.message
    old = about(cluster(kinds=Kinds(served, {"LLMProvider": (), "LLMCredential": ("status.files",)})), "kinds")
    assert "LLMCredential lacks status.files" in old.message
    assert missing.help == old.help == "kubectl apply --server-side -f crds/"
    assert about(cluster(kinds=Kinds(served, None)), "kinds").state is State.NOTE
    assert about(cluster(kinds=HIDDEN), "kinds").state is State.UNSEEN


@pytest.mark.parametrize(
    ("name", "kind"), [("llmcredentials", LLMCredential), ("llmproviders", LLMProvider)], ids=["credential", "provider"]
)
def test_the_shipped_kinds_have_every_field_that_is_read(name: str, kind: type[LLMCredential | LLMProvider]) -> None:
    crd = yaml.safe_load((ROOT / "crds" / f"{name}.yaml").read_text(encoding="utf-8"))
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert missing_fields(kind, schema) == ()
    del schema["properties"]["status"]["properties"]["conditions"]["items"]["properties"]["reason"]
    assert missing_fields(kind, schema) == ("status.conditions.reason",)
    del schema["properties"]["spec"]
    assert missing_fields(kind, schema) == ("spec", "status.conditions.reason")


@pytest.mark.parametrize(
    ("lease", "public_keys", "state", "said"),
    [
        (LeaseSeen("pod-a", renewed=False), KEYS, State.WRONG, "its last holder was pod-a"),
        (LeaseSeen("", renewed=False), KEYS, State.WRONG, "nobody holds it"),
        (None, None, State.WRONG, "--operator-namespace"),
        (None, KEYS, State.NOTE, "unless it is alone"),
        (HIDDEN, KEYS, State.UNSEEN, "list everything"),
    ],
)
def test_a_controller_is_there_while_its_lease_is_renewed(
    lease: LeaseSeen | Hidden | None, public_keys: object, state: State, said: str
) -> None:
    found = about(cluster(lease=lease, public_keys=public_keys), "controller")
    assert (found.state, said in found.message) == (state, True)


@pytest.mark.parametrize(
    ("unsealer", "state"),
    [
        (None, State.WRONG),
        (UnsealerSeen(0), State.WRONG),
        (UnsealerSeen(1), State.OK),
        (UnsealerSeen(HIDDEN), State.UNSEEN),
        (HIDDEN, State.UNSEEN),
    ],
)
def test_an_unsealer_is_there_with_a_ready_replica(unsealer: UnsealerSeen | Hidden | None, state: State) -> None:
    assert about(cluster(unsealer=unsealer), "unsealer").state is state


@pytest.mark.parametrize(
    ("keys", "state"),
    [(None, State.WRONG), ("The ConfigMap has no entry sealing.", State.WRONG), (HIDDEN, State.UNSEEN)],
)
def test_public_keys_are_there_and_readable(keys: object, state: State) -> None:
    assert about(cluster(public_keys=keys), "public keys").state is state


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        (Policies((), ()), "No policy adds anything"),
        (Policies((policy(),), ()), "No policy refuses"),
        (Policies((policy(bound=False),), (policy(),)), "llmkeys-inject has no binding"),
        (Policies((policy(),), (policy("refuse", bound=False),)), "refuse has no binding"),
        (Policies((policy(version="0.0.1"),), (policy(),)), f"of version 0.0.1, not {__version__}"),
    ],
)
def test_a_policy_that_is_missing_unbound_or_old_is_wrong(policies: Policies, said: str) -> None:
    found = about(cluster(policies=policies), "injection")
    assert (found.state, said in found.message) == (State.WRONG, True)
    assert "config/components/policy" in found.help


def test_a_policy_of_this_version_is_well() -> None:
    current = policy(version=__version__)
    assert about(cluster(policies=Policies((current,), (current,))), "injection").state is State.OK


def test_policies_that_may_not_be_seen_are_taken_to_be_there_unless_the_trial_says_otherwise() -> None:
    hidden = cluster(policies=HIDDEN)
    given = Trial(accepted=True, words="", variables=("A",), opened=True)
    assert ways(hidden)[0] is Way.POLICY
    assert ways(replace(hidden, trial=given))[0] is Way.POLICY
    assert ways(replace(hidden, trial=replace(given, variables=(), opened=False)))[0] is Way.VARIABLES
    assert ways(replace(hidden, trial=HIDDEN))[0] is Way.POLICY
    assert ways(cluster(policies=Policies((policy(bound=False),), ())))[0] is Way.VARIABLES


@pytest.mark.parametrize(
    ("text", "release"),
    [("v1.36.3", Release(1, 36)), ("1.9+", Release(1, 9)), ("v1.30.1-eks-1a2b3c", Release(1, 30)), ("new", None)],
)
def test_releases_are_read_off_versions(text: str, release: Release | None) -> None:
    assert Release.parse(text) == release
