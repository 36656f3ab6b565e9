"""What the injection adds to a pod, by its names: the one place that knows them here."""

from typing import Final

from llmkeys.doctor.objects import Container, Pod, Variable

INJECT_LABEL: Final = "llmkeys.dev/inject"
CREDENTIALS_ANNOTATION: Final = "llmkeys.dev/credentials"
INJECTED_ANNOTATION: Final = "llmkeys.dev/injected"
CONTAINER: Final = "llmkeys"
VOLUME: Final = "llmkeys"
SEALED_VOLUME: Final = "llmkeys-sealed"
ADDRESS_VARIABLE: Final = "LLMKEYS_UNSEALER"
AUTHORITIES_VARIABLE: Final = "LLMKEYS_CA"
_TEMPLATE_HASH: Final = "pod-template-hash"
_ENVELOPES: Final = "envelopes/"
_ENV_FILE: Final = ".env"


def is_labelled(pod: Pod) -> bool:
    """Whether the pod asks for its credentials."""
    return pod.metadata.labels.get(INJECT_LABEL) == "true"


def named_credentials(pod: Pod) -> tuple[str, ...]:
    """Those that the pod asks for by name, in its order; none for all of the namespace."""
    names = pod.metadata.annotations.get(CREDENTIALS_ANNOTATION, "").split(",")
    return tuple(one.strip() for one in names if one.strip())


def injected_credentials(pod: Pod) -> tuple[str, ...]:
    """Those that the policy notes to have added: `NAME`, or `NAME=SECRET` of one in clear; none if it did not run."""
    names = pod.metadata.annotations.get(INJECTED_ANNOTATION, "").split(",")
    return tuple(one.partition("=")[0].strip() for one in names if one.strip())


def workload_of(pod: Pod) -> str:
    """What its template belongs to, as kubectl takes it, such as `deployment/chat`; `KIND/NAME` if it is nobody's."""
    for owner in pod.metadata.owner_references:
        hash_ = pod.metadata.labels.get(_TEMPLATE_HASH, "")
        if owner.kind == "ReplicaSet" and hash_ and owner.name.endswith(f"-{hash_}"):
            return f"deployment/{owner.name.removesuffix(f'-{hash_}')}"
        return f"{owner.kind.lower()}/{owner.name}"
    return "KIND/NAME"


def restart_of(pod: Pod, namespace: str) -> str:
    """The command that makes a pod anew."""
    return f"kubectl rollout restart {workload_of(pod)} -n {namespace}"


def init_container(pod: Pod) -> Container | None:
    """The container that has the envelopes opened."""
    return next((one for one in pod.spec.init_containers if one.name == CONTAINER), None)


def sealed_secrets(pod: Pod) -> dict[str, str]:
    """Credential to the Secret that is mounted for it."""
    volumes = [one.projected for one in pod.spec.volumes if one.name == SEALED_VOLUME and one.projected]
    return {
        item.path.removeprefix(_ENVELOPES): source.secret.name
        for volume in volumes
        for source in volume.sources or ()
        if source.secret
        for item in source.secret.items
    }


def credential_of(variable: Variable) -> str:
    """The credential whose file a variable comes out of; empty if it comes from elsewhere."""
    reference = variable.value_from.file_key_ref if variable.value_from else None
    if reference is None or reference.volume_name != VOLUME:
        return ""
    return reference.path.removesuffix(_ENV_FILE)


def secret_of(variable: Variable) -> str:
    """The Secret that a variable comes out of; empty if it comes from elsewhere."""
    reference = variable.value_from.secret_key_ref if variable.value_from else None
    return reference.name if reference else ""


def value_of(container: Container, name: str) -> str:
    """The plain value of one of our own settings; empty if there is none."""
    return next((one.value for one in container.env if one.name == name), "")
