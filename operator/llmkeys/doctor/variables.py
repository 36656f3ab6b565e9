"""Where the variables of a pod come from: which credential won, and whose value stands in its way."""

from collections.abc import Iterator, Mapping

from llmkeys.api.credential import LLMCredential
from llmkeys.doctor.credential import is_delivered
from llmkeys.doctor.finding import Finding, State
from llmkeys.doctor.layout import (
    CONTAINER,
    credential_of,
    injected_credentials,
    named_credentials,
    restart_of,
    sealed_secrets,
    secret_of,
)
from llmkeys.doctor.objects import Container, Pod, Variable


def variables_of(pod: Pod, namespace: str, credentials: Mapping[str, LLMCredential]) -> Iterator[Finding]:
    """A finding for each variable that a credential of this pod carries, of each container.

    Args:
        pod: labelled.
        namespace: of it.
        credentials: of its namespace, by name.

    """
    carriers = _carriers(pod, credentials)
    for container in (*(one for one in pod.spec.init_containers if one.name != CONTAINER), *pod.spec.containers):
        for name, names in carriers.items():
            yield _variable(container, name, names, credentials, restart_of(pod, namespace))


def _carriers(pod: Pod, credentials: Mapping[str, LLMCredential]) -> dict[str, list[str]]:
    """Variable to the credentials that carry it, the winner first."""
    mounted = sealed_secrets(pod)
    # Without an annotation a pod has those of which something stands in it: others came later.
    names = named_credentials(pod) or sorted(injected_credentials(pod) or mounted)
    carriers: dict[str, list[str]] = {}
    for name in names:
        for variable in _carried(credentials[name]) if name in credentials else ():
            carriers.setdefault(variable, []).append(name)
    return carriers


def _carried(credential: LLMCredential) -> tuple[str, ...]:
    """The variables that it gives a pod; those that hold the path of a file are among them."""
    return (*credential.status.env, *(one.variable for one in credential.status.files if one.variable))


def _variable(
    container: Container, name: str, carriers: list[str], credentials: Mapping[str, LLMCredential], restart: str
) -> Finding:
    about = f"{container.name}: {name}"
    # Of several with one name the last counts (https://kubernetes.io/docs/reference/kubernetes-api/, EnvVar).
    given = next((one for one in reversed(container.env) if one.name == name), None)
    if given is None:
        text = f"It is not set, though credential {carriers[0]} carries it: the pod was made before that."
        return Finding(about, State.WRONG, text, restart)
    source = credential_of(given) or _giver(given, carriers, credentials)
    if not source:
        text = f"{_elsewhere(given)}, so what credential {carriers[0]} holds is not used. Take it out to use that."
        return Finding(about, State.NOTE, text)
    others = [one for one in carriers if one != source]
    beside = f", not of {', '.join(others)}" if others else ""
    if source in credentials and not is_delivered(credentials[source]):
        return Finding(about, State.WRONG, f"It is that of credential {source}{beside}, which delivers nothing now.")
    return Finding(about, State.OK, f"It is that of credential {source}{beside}.")


def _giver(given: Variable, carriers: list[str], credentials: Mapping[str, LLMCredential]) -> str:
    """The credential whose Secret a variable comes out of, or whose file it names; empty if there is none."""
    secret = secret_of(given)
    for name in carriers:
        status = credentials[name].status
        paths = tuple(f"/{name}/{one.name}" for one in status.files if one.variable == given.name)
        if (secret and secret == status.secret_name) or (paths and given.value.endswith(paths)):
            return name
    return ""


def _elsewhere(given: Variable) -> str:
    if given.value_from is None:
        return "The manifest gives it a value of its own"
    secret = secret_of(given)
    return f"The manifest takes it from Secret {secret}" if secret else "The manifest takes it from elsewhere"
