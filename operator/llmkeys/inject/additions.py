"""What a pod gets besides what it has, as the admission policy adds it too (config/components/policy)."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmkeys.api.names import ENVELOPE, TOKEN_AUDIENCE
from llmkeys.inject.offers import Offer, unsealer_of

Object = dict[str, Any]

OPENER: Final = "llmkeys"
"""The init container."""
MEMORY: Final = "llmkeys"
"""The volume that it writes into."""
SEALED: Final = "llmkeys-sealed"
"""The volume with the envelopes and the token."""
ADDRESS_VARIABLE: Final = "LLMKEYS_UNSEALER"
"""That tells the init container where the unsealer is."""
FOLDER: Final = "/var/run/llmkeys/files"
"""Where containers find files, unless the pod says otherwise."""

_OUT: Final = "/llmkeys"
_MOUNTED_AT: Final = "/var/run/llmkeys/sealed"
_READABLE: Final = 0o444
_TOKEN_SECONDS: Final = 600
_PROBE: Final = {"periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 330}
_RESOURCES: Final = {"requests": {"cpu": "10m", "memory": "48Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}}


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a pod is to be given its credentials.

    Args:
        folder: where its containers are to find files; None where they need none.
        variables: whether variables may be read from files (`fileKeyRef`), which Kubernetes does from 1.35 on.
        follow: whether a sidecar keeps all up to date.
        image: of the init container.
        pull_policy: of that image.

    """

    folder: str | None
    variables: bool
    follow: bool
    image: str
    pull_policy: str


@dataclass(frozen=True, slots=True)
class Additions:
    """What a pod gets.

    Args:
        injected: the credentials, in the words of the annotation that tells which lines are ours.
        volumes: none where nothing is to be opened.
        opener: the init container, likewise; its security context is for a pod that is not root.
        env: for every container.
        folder: where every container finds files; None where it needs none.

    """

    injected: str
    volumes: tuple[Object, ...]
    opener: Object | None
    env: tuple[Object, ...]
    folder: str | None


def additions_of(offers: Sequence[Offer], wishes: Wishes) -> Additions:
    """What a pod gets of these credentials, the strongest first: of two with one variable the first gives it."""
    envelopes = [one for one in offers if not one.in_clear]
    unsealer = unsealer_of(offers)
    has_files = any(one.credential.status.files for one in envelopes)
    folder = wishes.folder or (FOLDER if has_files else None)
    variables: dict[str, Object] = {}
    for variable in _variables(offers, wishes, folder or FOLDER):
        variables.setdefault(variable["name"], variable)
    # Those whose source nobody else can have written come first: pod.py puts them there again.
    env = sorted(variables.values(), key=lambda one: not is_from_file(one))
    return Additions(
        injected=", ".join(sorted(f"{one.name}={one.secret}" if one.in_clear else one.name for one in offers)),
        volumes=_volumes(envelopes) if envelopes else (),
        opener=_opener(envelopes, wishes, unsealer.address, unsealer.ca_bundle) if unsealer else None,
        env=tuple(env),
        folder=folder if envelopes else None,
    )


def is_from_file(variable: Object) -> bool:
    """Whether a variable is one of ours, out of the volume in memory; one of another name there is a user's."""
    source = variable.get("valueFrom")
    reference = source.get("fileKeyRef") if isinstance(source, dict) else None
    if not isinstance(reference, dict) or reference.get("volumeName") != MEMORY:
        return False
    return reference.get("key") == variable.get("name") and str(reference.get("path")).endswith(".env")


def _variables(offers: Iterable[Offer], wishes: Wishes, folder: str) -> Iterator[Object]:
    for offer in offers:
        status = offer.credential.status
        if offer.in_clear:
            for name in status.env:
                yield _variable(name, "secretKeyRef", {"name": offer.secret, "key": name} | _optional(offer, name))
            continue
        if wishes.variables:
            for name in status.env:
                source = {"volumeName": MEMORY, "path": f"{offer.name}.env", "key": name} | _optional(offer, name)
                yield _variable(name, "fileKeyRef", source)
        for file in status.files:
            if file.variable:
                yield {"name": file.variable, "value": f"{folder}/{offer.name}/{file.name}"}


def _variable(name: str, kind: str, source: Object) -> Object:
    return {"name": name, "valueFrom": {kind: source}}


def _optional(offer: Offer, variable: str = "") -> Object:
    may_lack = variable in offer.credential.status.optional_env
    return {"optional": True} if may_lack or not offer.required else {}


def _volumes(envelopes: Iterable[Offer]) -> tuple[Object, ...]:
    token = {"audience": TOKEN_AUDIENCE, "path": "token", "expirationSeconds": _TOKEN_SECONDS}
    sources = [
        {
            "secret": {
                "name": one.secret,
                "items": [{"key": ENVELOPE, "path": f"envelopes/{one.name}"}],
                **_optional(one),
            }
        }
        for one in envelopes
    ]
    return (
        {"name": MEMORY, "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        {
            "name": SEALED,
            "projected": {"defaultMode": _READABLE, "sources": [{"serviceAccountToken": token}, *sources]},
        },
    )


def _opener(envelopes: Collection[Offer], wishes: Wishes, address: str, ca_bundle: str) -> Object:
    # Of what is not required it is told the names, since a container whose file is not there does not start.
    opened = {
        "--require": [one.name for one in envelopes if one.required],
        "--optional": sorted(one.name for one in envelopes if not one.required),
    }
    opening = [word for option, names in opened.items() if names for word in (option, ",".join(names))]
    follow: Object = {}
    if wishes.follow:
        command = ["llmkeys", "unseal", "--all", "--ready", "--out", _OUT, *opening]
        follow = {"restartPolicy": "Always", "startupProbe": {"exec": {"command": command}, **_PROBE}}
    return {
        "name": OPENER,
        "image": wishes.image,
        "imagePullPolicy": wishes.pull_policy,
        "args": [
            *("unseal", "--all", "--out", _OUT, "--deadline", "5m"),
            *opening,
            *(["--follow"] if wishes.follow else []),
        ],
        "env": [{"name": ADDRESS_VARIABLE, "value": address}, {"name": "LLMKEYS_CA", "value": ca_bundle}],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **follow,
        "resources": _RESOURCES,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [
            {"name": MEMORY, "mountPath": _OUT},
            {"name": SEALED, "mountPath": _MOUNTED_AT, "readOnly": True},
        ],
    }
