"""What is to be said about a cluster: each function looks at one thing."""

from collections.abc import Iterator
from typing import Final

from llmkeys import __version__
from llmkeys.api.names import API_VERSION, CREDENTIAL_PLURAL, LEASE, PROVIDER_PLURAL, PUBLIC_KEYS, UNSEALER_SERVICE
from llmkeys.doctor.cluster_seen import ClusterSeen, LeaseSeen, Policies, Release
from llmkeys.doctor.finding import Finding, Hidden, State, unseen
from llmkeys.doctor.way import FILE_KEY_REF_SINCE

OLDEST: Final = Release(1, 32)
"""The first release that the operator is made for."""
_SIDECARS_SINCE: Final = Release(1, 29)  # https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/

_APPLY: Final = "kubectl apply --server-side"
INSTALL_KINDS: Final = f"{_APPLY} -f crds/"
INSTALL_POLICIES: Final = f"{_APPLY} -k config/components/policy/ (with Helm: --set inject.enabled=true)"
INSTALL_UNSEALER: Final = f"{_APPLY} -k config/unsealer/ (with Helm: helm upgrade --install llmkeys charts/llmkeys)"


def findings_of(seen: ClusterSeen) -> tuple[Finding, ...]:
    """Everything about a cluster, in the order in which one thing needs the other."""
    return (
        _server(seen),
        *_kubelets(seen),
        *_kinds(seen),
        _controller(seen),
        _public_keys(seen),
        _unsealer(seen),
        *_policies(seen),
        _file_key_ref(seen),
        _sidecars(seen),
    )


def _server(seen: ClusterSeen) -> Finding:
    about, release = "Kubernetes", seen.release
    if release is None:
        return Finding(about, State.NOTE, f"The API server's version, {seen.version or 'none'}, is of an unknown form.")
    if release < OLDEST:
        return Finding(about, State.WRONG, f"{seen.version}; llmkeys is made for {OLDEST} and later.")
    return Finding(about, State.OK, seen.version)


def _kubelets(seen: ClusterSeen) -> Iterator[Finding]:
    """Nodes that do not know yet what the API server takes."""
    if isinstance(seen.kubelets, Hidden) or not seen.file_key_ref or seen.release is None:
        return
    known = {one for one in map(Release.parse, seen.kubelets) if one is not None}
    old = sorted(one for one in known if one < min(seen.release, FILE_KEY_REF_SINCE))
    if old:
        yield Finding(
            "nodes",
            State.WRONG,
            f"Some run Kubernetes {', '.join(map(str, old))}, where pods get no variables out of files (fileKeyRef). "
            "Upgrade them, or let pods read files there.",
            "kubectl get nodes",
        )


def _kinds(seen: ClusterSeen) -> Iterator[Finding]:
    about, kinds = "kinds", seen.kinds
    if isinstance(kinds, Hidden):
        yield unseen(about, kinds)
        return
    lacking = sorted({PROVIDER_PLURAL, CREDENTIAL_PLURAL} - kinds.served)
    if lacking:
        yield Finding(
            about, State.WRONG, f"The API server does not serve {' and '.join(lacking)} ({API_VERSION}).", INSTALL_KINDS
        )
    elif kinds.missing is None:
        yield Finding(about, State.NOTE, "They are served; whether they are of this version could not be seen.")
    else:
        older = "; ".join(f"{kind} lacks {', '.join(names)}" for kind, names in kinds.missing.items() if names)
        yield (
            Finding(about, State.WRONG, f"They are of an older version: {older}.", INSTALL_KINDS)
            if older
            else Finding(about, State.OK, f"They have all that version {__version__} needs.")
        )


def _controller(seen: ClusterSeen) -> Finding:
    about, name = "controller", f"{seen.namespace}/{LEASE}"
    pods = f"kubectl get pods -n {seen.namespace} -l app.kubernetes.io/component=controller"
    match seen.lease:
        case Hidden() as hidden:
            return unseen(about, hidden)
        case None if seen.public_keys:
            return Finding(
                about, State.NOTE, f"There is no Lease {name}, so nobody can tell whether it runs, unless it is alone."
            )
        case None:
            return Finding(
                about,
                State.WRONG,
                f"No controller has been in namespace {seen.namespace}: there is no Lease {name}. Is the operator's "
                "namespace another one (--operator-namespace)?",
                pods,
            )
        case LeaseSeen(holder="") | LeaseSeen(renewed=False):
            whose = f"its last holder was {seen.lease.holder}" if seen.lease.holder else "nobody holds it"
            return Finding(about, State.WRONG, f"None leads: Lease {name} is not renewed; {whose}.", pods)
        case LeaseSeen(holder=holder):
            return Finding(about, State.OK, f"{holder} leads.")


def _public_keys(seen: ClusterSeen) -> Finding:
    about, name = "public keys", f"ConfigMap {seen.namespace}/{PUBLIC_KEYS}"
    match seen.public_keys:
        case Hidden() as hidden:
            return unseen(about, hidden)
        case None:
            return Finding(
                about,
                State.WRONG,
                f"There is no {name}: the controller has not run there yet.",
                f"kubectl get pods -n {seen.namespace}",
            )
        case str(fault):
            return Finding(about, State.WRONG, f"{name}: {fault}", "llmkeys keys list")
        case keys:
            return Finding(about, State.OK, f"Values are sealed to {keys.active.key_id}.")


def _unsealer(seen: ClusterSeen) -> Finding:
    about, name = "unsealer", f"Service {seen.namespace}/{UNSEALER_SERVICE}"
    match seen.unsealer:
        case Hidden() as hidden:
            return unseen(about, hidden)
        case None:
            return Finding(
                about, State.WRONG, f"There is no {name}, so no pod can have an envelope opened.", INSTALL_UNSEALER
            )
    if isinstance(seen.unsealer.ready, Hidden):
        return unseen(about, seen.unsealer.ready)
    if not seen.unsealer.ready:
        return Finding(
            about,
            State.WRONG,
            f"{name} has no replica that is ready: pods wait for it, and those that run get nothing new.",
            f"kubectl get pods -n {seen.namespace} -l app.kubernetes.io/component=unsealer",
        )
    plural = "replica is" if seen.unsealer.ready == 1 else "replicas are"
    return Finding(about, State.OK, f"{seen.unsealer.ready} {plural} ready.")


def _policies(seen: ClusterSeen) -> Iterator[Finding]:
    about = "injection"
    if not seen.serves_policies:
        older = f", only {', '.join(sorted(seen.mutating_policies))}" if seen.mutating_policies else ""
        yield Finding(about, State.NOTE, f"This API server does not serve MutatingAdmissionPolicy v1{older}.")
    elif isinstance(seen.policies, Hidden):
        yield unseen(about, seen.policies)
    elif faults := list(_faults(seen.policies)):
        yield Finding(about, State.WRONG, " ".join(faults), INSTALL_POLICIES)
    else:
        yield Finding(about, State.OK, "The policies for labelled pods are in force.")


def _faults(policies: Policies) -> Iterator[str]:
    if not policies.mutating:
        yield "No policy adds anything to labelled pods: they start without their keys."
        return
    if not policies.validating:
        yield "No policy refuses a labelled pod whose credential is missing: it starts without its key."
    for one in (*policies.mutating, *policies.validating):
        if not one.bound:
            yield f"Policy {one.name} has no binding, so it does nothing."
        if one.version not in ("", __version__):
            yield f"Policy {one.name} is of version {one.version}, not {__version__}."


def _file_key_ref(seen: ClusterSeen) -> Finding:
    about = "fileKeyRef"
    match seen.file_key_ref:
        case True:
            return Finding(about, State.OK, "Variables may come out of files.")
        case False:
            return Finding(about, State.NOTE, "The API server refuses variables out of files (feature gate EnvFiles).")
    default = "takes" if seen.release and seen.release >= FILE_KEY_REF_SINCE else "does not take"
    return Finding(
        about,
        State.UNSEEN,
        f"It could not be tried whether variables may come out of files; by its version the API server {default} them.",
    )


def _sidecars(seen: ClusterSeen) -> Finding:
    about = "sidecars"
    if seen.release is None:
        return Finding(about, State.UNSEEN, "Whether there are native sidecars follows from a version that is unknown.")
    if seen.release < _SIDECARS_SINCE:
        return Finding(about, State.NOTE, "There are no native sidecars, so files do not follow a rotation.")
    return Finding(about, State.OK, 'llmkeys.dev/follow: "true" keeps files up to date in running pods.')
