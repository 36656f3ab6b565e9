"""What is the matter with one pod, from its symptoms to the cause: a list of checks, in the order of its life."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from llmkeys.api.credential import ENVELOPE_TARGET, LLMCredential
from llmkeys.doctor.credential import grant, is_delivered
from llmkeys.doctor.exit_codes import meaning_of
from llmkeys.doctor.finding import Finding, Hidden, State, unseen
from llmkeys.doctor.layout import (
    ADDRESS_VARIABLE,
    AUTHORITIES_VARIABLE,
    CONTAINER,
    INJECT_LABEL,
    init_container,
    injected_credentials,
    is_labelled,
    named_credentials,
    restart_of,
    sealed_secrets,
    value_of,
    workload_of,
)
from llmkeys.doctor.objects import ContainerStatus, Event, Pod, Terminated
from llmkeys.doctor.openers import Roles, openers_of
from llmkeys.doctor.refusals import mounts_of, printable, refusals_of
from llmkeys.doctor.variables import variables_of

_TRUE: Final = "True"
_PENDING: Final = "Pending"
_KILLED_FOR_MEMORY: Final = "OOMKilled"


@dataclass(frozen=True, slots=True)
class PodSeen:
    """What was seen of a pod.

    Args:
        namespace: of it.
        name: that was asked for; where there is no such pod, perhaps a workload's.
        pod: None if there is none.
        events: of the namespace.
        credentials: of the namespace, by name.
        roles: of the namespace.
        policy_since: RFC 3339, when the policy for labelled pods was made; empty if there is none, or it is not known.

    """

    namespace: str
    name: str
    pod: Pod | None
    events: tuple[Event, ...] | Hidden
    credentials: Mapping[str, LLMCredential]
    roles: Roles | Hidden
    policy_since: str

    @property
    def restart(self) -> str:
        """The command that makes the pod anew."""
        return restart_of(self.pod, self.namespace) if self.pod else ""


def findings_of(seen: PodSeen) -> tuple[Finding, ...]:
    """What is to be said about a pod; where it was never created, why."""
    if seen.pod is None:
        return tuple(_refused(seen))
    if not is_labelled(seen.pod):
        return (_unlabelled(seen, seen.pod),)
    hidden = (unseen("events", seen.events),) if isinstance(seen.events, Hidden) else ()
    found = (one for check in _CHECKS for one in check(seen, seen.pod))
    return (*hidden, *found)


def _refused(seen: PodSeen) -> Iterator[Finding]:
    about = f"pod {seen.name}"
    if isinstance(seen.events, Hidden):
        yield Finding(about, State.WRONG, f"There is none of that name in namespace {seen.namespace}.")
        yield unseen("events", seen.events)
        return
    refusals = list(refusals_of(seen.name, seen.namespace, seen.events))
    yield from refusals
    if not refusals:
        text = f"There is none of that name in namespace {seen.namespace}, and no event that one was refused."
        yield Finding(about, State.WRONG, text, f"kubectl get pods -n {seen.namespace}")


def _unlabelled(seen: PodSeen, pod: Pod) -> Finding:
    text = f'It does not carry the label {INJECT_LABEL}: "true", so nothing is added to it. The label belongs into the '
    return Finding(
        "label",
        State.WRONG,
        f"{text}pod template.",
        f"kubectl patch {workload_of(pod)} -n {seen.namespace} -p "
        f"""'{{"spec":{{"template":{{"metadata":{{"labels":{{"{INJECT_LABEL}":"true"}}}}}}}}}}'""",
    )


def _named(seen: PodSeen, pod: Pod) -> Iterator[Finding]:
    """Credentials that the pod names, and that are not there or deliver nothing."""
    for name in named_credentials(pod):
        about, credential = f"credential {name}", seen.credentials.get(name)
        if credential is None:
            text = f"There is no LLMCredential {name} in namespace {seen.namespace}."
            yield Finding(about, State.WRONG, text, f"llmkeys status -n {seen.namespace}")
        elif not is_delivered(credential):
            help_ = f"llmkeys status {seen.namespace}/{name}"
            yield Finding(about, State.WRONG, "It delivers nothing now, and the pod needs it.", help_)


def _injected(seen: PodSeen, pod: Pod) -> Iterator[Finding]:
    """Whether anything was added at all."""
    needed = [name for name in _included(seen, pod) if seen.credentials[name].spec.target.sealed_by_ring]
    if init_container(pod) is not None:
        yield Finding("injection", State.OK, "It has the init container that opens the envelopes.")
    elif not needed:
        yield Finding("injection", State.NOTE, "No credential of this pod has to be opened.")
    elif seen.policy_since and pod.metadata.creation_timestamp <= seen.policy_since:
        text = f"The pod is older than the policy, which is there since {seen.policy_since}: make it anew."
        yield Finding("injection", State.WRONG, text, seen.restart)
    else:
        text = "Nothing was added to it, though it is labelled: no policy was in force when it was created."
        yield Finding("injection", State.WRONG, text, "llmkeys doctor")


def _included(seen: PodSeen, pod: Pod) -> tuple[str, ...]:
    """The credentials that the pod is to have."""
    added = injected_credentials(pod) or tuple(sealed_secrets(pod))
    if not added:
        added = tuple(name for name, one in seen.credentials.items() if is_delivered(one))
    return tuple(name for name in named_credentials(pod) or sorted(added) if name in seen.credentials)


def _mounts(seen: PodSeen, pod: Pod) -> Iterator[Finding]:
    """What keeps the volumes away, as long as nothing of the pod has run."""
    begun = any(_has_run(one) for one in _statuses(pod))
    if isinstance(seen.events, Hidden) or pod.status.phase != _PENDING or begun:
        return
    known = {one.status.secret_name: one for one in seen.credentials.values() if one.status.secret_name}
    yield from mounts_of(pod.metadata.name, seen.namespace, seen.events, known)


def _scheduled(seen: PodSeen, pod: Pod) -> Iterator[Finding]:
    for one in pod.status.conditions:
        if one.type == "PodScheduled" and one.status != _TRUE:
            text = f"It has no node yet, which has nothing to do with credentials: {printable(one.message)}"
            yield Finding("node", State.WRONG, text, f"kubectl describe pod {pod.metadata.name} -n {seen.namespace}")


def _opening(seen: PodSeen, pod: Pod) -> Iterator[Finding]:
    """How the init container fared."""
    status = next((one for one in pod.status.init_container_statuses if one.name == CONTAINER), None)
    if status is None:
        return
    about, ended = f"container {CONTAINER}", status.state.terminated or status.last_state.terminated
    if status.state.terminated and status.state.terminated.exit_code == 0:
        yield Finding(about, State.OK, "It opened what the pod is to have.")
    elif ended and ended.exit_code and not status.ready:
        yield _ended(about, ended, seen, pod)
    elif status.state.running is not None:
        text = "It follows the mounted envelopes." if status.ready else "It waits, or opens; its log says for what."
        logs = f"kubectl logs {pod.metadata.name} -n {seen.namespace} -c {CONTAINER}"
        yield Finding(about, State.OK if status.ready else State.NOTE, text, "" if status.ready else logs)
    elif status.state.waiting and status.state.waiting.reason not in ("PodInitializing", ""):
        yield _waiting(about, status, seen, pod)


def _ended(about: str, ended: Terminated, seen: PodSeen, pod: Pod) -> Finding:
    meaning = meaning_of(137 if ended.reason == _KILLED_FOR_MEMORY else ended.exit_code)
    said = f" It said: {printable(ended.message)}" if ended.message else ""
    help_ = meaning.help.format(
        namespace=seen.namespace,
        credential=_spoken_of(ended.message, seen, pod),
        account=_account(pod),
        workload=workload_of(pod),
    )
    return Finding(about, State.WRONG, f"It ended with {ended.exit_code}: {meaning.words}{said}", help_)


def _spoken_of(message: str, seen: PodSeen, pod: Pod) -> str:
    """The credential that a message names; else the only one that the pod has."""
    names = [*sealed_secrets(pod), *_included(seen, pod)]
    spoken = [one for one in names if f'"{one}"' in message]
    return next(iter(spoken or (names[:1] if len(set(names)) == 1 else ())), "CREDENTIAL")


def _started(seen: PodSeen, pod: Pod) -> Iterator[Finding]:
    """Containers of the user's that cannot be made."""
    for one in _statuses(pod):
        waiting = one.state.waiting
        if one.name != CONTAINER and waiting and waiting.reason.startswith("CreateContainer"):
            yield _waiting(f"container {one.name}", one, seen, pod)


def _waiting(about: str, status: ContainerStatus, seen: PodSeen, pod: Pod) -> Finding:
    waiting = status.state.waiting
    words = f"{waiting.reason}: {printable(waiting.message)}" if waiting else ""
    return Finding(about, State.WRONG, words, f"kubectl describe pod {pod.metadata.name} -n {seen.namespace}")


def _outdated(seen: PodSeen, pod: Pod) -> Iterator[Finding]:
    """What was written into the pod when it was created, and is another now."""
    container, mounted = init_container(pod), sealed_secrets(pod)
    for name, secret in mounted.items():
        credential = seen.credentials.get(name)
        if credential is not None and credential.status.secret_name not in ("", secret):
            text = f"The pod mounts Secret {secret}; it is {credential.status.secret_name} now."
            yield Finding(f"credential {name}", State.WRONG, text, seen.restart)
    services = [
        one.status.unsealer for name, one in seen.credentials.items() if name in mounted and one.status.unsealer
    ]
    if container is None or not services:
        return
    if value_of(container, ADDRESS_VARIABLE) not in {one.address for one in services}:
        yield Finding("unsealer", State.WRONG, "It has another address now than the pod was made with.", seen.restart)
    if value_of(container, AUTHORITIES_VARIABLE) not in {one.ca_bundle for one in services}:
        text = "It has another CA now than the pod was made with; that of then counts until its certificate is renewed."
        yield Finding("unsealer", State.NOTE, text, seen.restart)


def _allowed(seen: PodSeen, pod: Pod) -> Iterator[Finding]:
    """Whether the pod's account may have its envelopes opened."""
    account = _account(pod)
    for name in _included(seen, pod):
        credential = seen.credentials[name]
        if credential.status.encryption != ENVELOPE_TARGET or not credential.spec.target.sealed_by_ring:
            continue
        openers = openers_of(credential, seen.roles)
        if openers.allows(account):
            yield Finding(f"credential {name}", State.OK, f"Service account {account} may have it opened.")
        elif openers.complete:
            text = f"Service account {account} may not have it opened."
            yield Finding(f"credential {name}", State.WRONG, text, grant(credential, account))
        else:
            text = f"spec.target.serviceAccounts does not name {account}; whether RBAC allows it could not be seen."
            yield Finding(f"credential {name}", State.UNSEEN, text, grant(credential, account))


def _variables(seen: PodSeen, pod: Pod) -> Iterator[Finding]:
    return variables_of(pod, seen.namespace, seen.credentials)


def _account(pod: Pod) -> str:
    return pod.spec.service_account_name or "default"


def _statuses(pod: Pod) -> tuple[ContainerStatus, ...]:
    return (*pod.status.init_container_statuses, *pod.status.container_statuses)


def _has_run(one: ContainerStatus) -> bool:
    return one.state.running is not None or one.state.terminated is not None or one.restart_count > 0


_CHECKS: Final[tuple[Callable[[PodSeen, Pod], Iterator[Finding]], ...]] = (
    _scheduled,
    _named,
    _injected,
    _outdated,
    _allowed,
    _mounts,
    _opening,
    _started,
    _variables,
)
