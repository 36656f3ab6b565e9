"""Why a pod was not created, and why its volumes are not there: from the words of events to what helps."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from llmkeys.api.credential import LLMCredential
from llmkeys.doctor.credential import is_delivered, is_refused
from llmkeys.doctor.finding import Finding, State
from llmkeys.doctor.objects import Event

FAILED_CREATE: Final = "FailedCreate"
FAILED_MOUNT: Final = "FailedMount"

_LONGEST: Final = 600
_SECRET_MISSING: Final = re.compile(r'secret "([^"]+)" not found')
_KEY_MISSING: Final = "non-existent secret key"
_BY_OUR_POLICY: Final = re.compile(
    r".*?AdmissionPolicy 'llmkeys[^']*' with binding '[^']*' denied request: ", re.DOTALL
)
# What Kubernetes adds to the names of ReplicaSets and pods has no vowels, so that no word comes out of it
# (k8s.io/apimachinery/pkg/util/rand); what it adds to those of a CronJob's Jobs is a number of minutes.
_GENERATED: Final = re.compile(r"(-[bcdfghjklmnpqrstvwxz2456789]{1,10}|-\d{8,}){1,2}")


@dataclass(frozen=True, slots=True)
class Cause:
    """Words of a refusal, and what they come from.

    Args:
        pattern: of the words.
        help: a command with the place `{namespace}`.

    """

    pattern: str
    help: str


# The words are those of Kubernetes' own admission plugins.
_CAUSES: Final = (
    Cause("exceeded quota", "kubectl describe resourcequota -n {namespace}"),
    Cause("must specify", "kubectl describe resourcequota -n {namespace}"),  # "… limits.cpu for: llmkeys"
    Cause("per Container is", "kubectl describe limitrange -n {namespace}"),  # "maximum memory usage per Container is"
    Cause("violates PodSecurity", "kubectl get namespace {namespace} --show-labels"),
    Cause("error looking up service account", "kubectl get serviceaccounts -n {namespace}"),
)


def refusals_of(name: str, namespace: str, events: tuple[Event, ...]) -> Iterator[Finding]:
    """What kept a pod from being created, one finding a workload.

    Args:
        name: of the pod, or of the workload that was to create it.
        namespace: of it.
        events: of the namespace.

    """
    latest: dict[str, Event] = {}
    for one in sorted(events, key=lambda one: one.time):
        if one.reason == FAILED_CREATE and _belongs(one.involved_object.name, name):
            latest[f"{one.involved_object.kind} {one.involved_object.name}"] = one
    for about, event in latest.items():
        words = refusal(event.message)
        yield Finding(about, State.WRONG, f"Its pods are refused: {words}", _help(words, namespace))


def _belongs(owner: str, name: str) -> bool:
    """Whether a workload is the one that was named, was made by it, or was to make the pod of this name."""
    return owner == name or any(
        long.startswith(short) and _GENERATED.fullmatch(long[len(short) :]) is not None
        for long, short in ((owner, name), (name, owner))
    )


def refusal(message: str) -> str:
    """The words of a refusal, fit for a terminal; of one by a policy of ours they alone, since they say what to do."""
    return printable(_BY_OUR_POLICY.sub("", message))


def _help(words: str, namespace: str) -> str:
    fitting = (one.help for one in _CAUSES if one.pattern in words)
    return next(fitting, "").format(namespace=namespace)


def mounts_of(pod: str, namespace: str, events: tuple[Event, ...], known: Mapping[str, LLMCredential]) -> list[Finding]:
    """What the kubelet said last about volumes that it cannot mount.

    Args:
        pod: its name.
        namespace: of it.
        events: of the namespace.
        known: credentials by the Secret that they write.

    """
    ours = [one for one in events if one.reason == FAILED_MOUNT and one.involved_object.name == pod]
    if not ours:
        return []
    words = printable(max(ours, key=lambda one: one.time).message)
    missing = _SECRET_MISSING.search(words)
    credential = known.get(missing[1]) if missing else None
    if credential is not None:
        name = credential.metadata.name
        there = is_delivered(credential)
        clause = "which has written it by now: the kubelet tries again" if there else _absent(credential)
        text = f"Secret {credential.status.secret_name} was not there; it comes from LLMCredential {name}, {clause}."
        return [Finding("volumes", State.NOTE if there else State.WRONG, text, f"llmkeys status {namespace}/{name}")]
    if missing:
        text = f"Secret {printable(missing[1])} is not there, and no LLMCredential of the namespace writes it."
        return [Finding("volumes", State.WRONG, text, f"llmkeys status -n {namespace}")]
    if _KEY_MISSING in words:
        text = f"A Secret holds nothing: its credential is withdrawn or disabled. The kubelet says: {words}"
        return [Finding("volumes", State.WRONG, text, f"llmkeys doctor -n {namespace}")]
    return [Finding("volumes", State.WRONG, f"The kubelet says: {words}", f"kubectl describe pod {pod} -n {namespace}")]


def _absent(credential: LLMCredential) -> str:
    return "which delivers nothing now" if is_refused(credential) else "whose key is not proven yet; the pod waits"


def printable(text: str) -> str:
    """Words of a cluster or a container, in one line, without characters that a terminal obeys, cut to a length."""
    line = " ".join(text.split())
    cut = line if len(line) <= _LONGEST else f"…{line[-_LONGEST:]}"
    return "".join(letter if letter.isprintable() else "?" for letter in cut)
