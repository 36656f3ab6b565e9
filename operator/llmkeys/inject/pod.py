"""A pod with what it gets: the user's parts as they were, ours as they are to be now."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmkeys.api.names import TOKEN_AUDIENCE
from llmkeys.inject.additions import ADDRESS_VARIABLE, MEMORY, OPENER, SEALED, Additions, Object, is_from_file
from llmkeys.inject.errors import PodRefusedError
from llmkeys.inject.request import MOUNT

INJECTED: Final = "llmkeys.dev/injected"
"""On a pod: the credentials that it was given, as NAME, or NAME=SECRET of one that is delivered in clear."""

_SERVICE: Final = re.compile(r"\.svc(?:[.:/]|$)")
_STAYS: Final = ("image", "imagePullPolicy", "resources")
_OURS_ALONE: Final = ("restartPolicy", "startupProbe")
_ROOT: Final = 0
_NOBODY: Final = 65532


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod or a template of one, as plain values."""

    metadata: Object
    spec: Object


@dataclass(frozen=True, slots=True)
class _Before:
    """What was injected before: its credentials, and of those in clear the Secrets."""

    credentials: frozenset[str]
    secrets: frozenset[str]


def injected(pod: Pod, additions: Additions, given: frozenset[str] = frozenset()) -> Pod:
    """The pod with what it gets. Doing it again changes nothing.

    Args:
        pod: as its author wrote it, or as this made it before; it is not changed.
        additions: what it gets.
        given: parts of the init container that the author sets now; `image`, `imagePullPolicy` and `resources` stay
            as they stand there otherwise.

    Raises:
        PodRefusedError: names or places are taken, or the pod cannot reach the unsealer.

    """
    _require_room(pod.spec, additions)
    before = _before(pod.metadata)
    spec = dict(pod.spec)
    _put(spec, "initContainers", _init_containers(pod.spec, additions, before, given), "containers")
    spec["containers"] = [
        _container(one, additions, before, ("containers", number))
        for number, one in enumerate(_objects(pod.spec, "containers"))
    ]
    _put(spec, "volumes", _volumes(_objects(pod.spec, "volumes"), additions.volumes))
    notes = {**_object(pod.metadata, "annotations"), INJECTED: additions.injected}
    return Pod({**pod.metadata, "annotations": notes}, spec)


def _require_room(spec: Object, additions: Additions) -> None:
    if not _objects(spec, "containers"):
        raise PodRefusedError((), "The pod has no containers.")
    for number, one in enumerate(_objects(spec, "containers")):
        if one.get("name") == OPENER:
            raise PodRefusedError(("containers", number), _taken("an init container", OPENER))
    for number, one in enumerate(_objects(spec, "initContainers")):
        if one.get("name") == OPENER and not _is_opener(one):
            raise PodRefusedError(("initContainers", number), _taken("an init container", OPENER))
    for number, one in enumerate(_objects(spec, "volumes")):
        if one.get("name") in {MEMORY, SEALED} and not _is_our_volume(one):
            raise PodRefusedError(("volumes", number), _taken("a volume", str(one["name"])))
    if _is_in_cluster(additions) and (spec.get("dnsPolicy") == "Default" or _asks_the_node(spec)):
        wanted = "ClusterFirstWithHostNet" if spec.get("hostNetwork") is True else "ClusterFirst"
        place = "dnsPolicy" if "dnsPolicy" in spec else "hostNetwork"
        raise PodRefusedError(
            (place,), f"This pod asks the DNS of its node, which does not know the unsealer: set dnsPolicy: {wanted}"
        )


def _is_in_cluster(additions: Additions) -> bool:
    """Whether the unsealer's name is one that the cluster's DNS alone knows."""
    env = [] if additions.opener is None else additions.opener["env"]
    return any(one["name"] == ADDRESS_VARIABLE and _SERVICE.search(one["value"]) for one in env)


def _asks_the_node(spec: Object) -> bool:
    return spec.get("hostNetwork") is True and spec.get("dnsPolicy", "ClusterFirst") == "ClusterFirst"


def _taken(what: str, name: str) -> str:
    return f"llmkeys adds {what} named {name}, and this pod has one of that name: give yours another name."


def _before(metadata: Object) -> _Before:
    text = _object(metadata, "annotations").get(INJECTED)
    parts = [part.strip().partition("=") for part in text.split(",")] if isinstance(text, str) else []
    return _Before(frozenset(name for name, _, _ in parts), frozenset(secret for _, _, secret in parts if secret))


def _init_containers(spec: Object, additions: Additions, before: _Before, given: frozenset[str]) -> list[Object]:
    there = _objects(spec, "initContainers")
    others = [
        _container(one, additions, before, ("initContainers", number))
        for number, one in enumerate(there)
        if one.get("name") != OPENER
    ]
    if additions.opener is None:
        return others
    old = next((one for one in there if one.get("name") == OPENER), {})
    return [_opener(old, additions.opener, given, root=_is_root(spec)), *others]


def _opener(old: Object, new: Object, given: frozenset[str], *, root: bool) -> Object:
    user = {"runAsUser": _NOBODY} if root else {}
    stays: Object = {name: old[name] for name in _STAYS if name in old and name not in given}
    kept = {name: value for name, value in old.items() if name not in _OURS_ALONE or name in new}
    return {**kept, **new, "securityContext": {**new["securityContext"], **user}, **stays}


def _container(one: Object, additions: Additions, before: _Before, place: tuple[str | int, ...]) -> Object:
    container = dict(one)
    mounts = _objects(one, "volumeMounts")
    for number, mount in enumerate(mounts):
        if mount.get("mountPath") == additions.folder and mount.get("name") != MEMORY:
            raise PodRefusedError(
                (*place, "volumeMounts", number),
                f"llmkeys mounts files at {additions.folder}, where this is mounted: choose another folder ({MOUNT}).",
            )
    _put(container, "env", _env(_objects(one, "env"), additions.env, before, _folders(mounts)))
    _put(container, "volumeMounts", _mounts(mounts, additions.folder))
    return container


def _env(there: list[Object], ours: Sequence[Object], before: _Before, folders: frozenset[str]) -> list[Object]:
    """Ours first, so that `$(NAME)` in the user's expands; what the user set stays, and what is ours and right too."""
    wanted = {one["name"]: one for one in ours}
    stay = [
        one
        for one in there
        if not is_from_file(one) and (not _is_old(one, before, folders) or _is_same(one, wanted.get(one.get("name"))))
    ]
    names = {one.get("name") for one in stay}
    return [*(one for one in ours if one["name"] not in names), *stay]


def _is_old(variable: Object, before: _Before, folders: frozenset[str]) -> bool:
    """Whether it was injected before; one from a Secret or a path could be a user's, had it not been told of."""
    value, secret = variable.get("value"), _object(_object(variable, "valueFrom"), "secretKeyRef")
    if isinstance(value, str):
        return any(value.startswith(f"{folder}/{name}/") for folder in folders for name in before.credentials)
    return secret.get("name") in before.secrets and secret.get("key") == variable.get("name")


def _is_same(variable: Object, wanted: Object | None) -> bool:
    if wanted is None:
        return False
    one, other = (_object(_object(each, "valueFrom"), "secretKeyRef") for each in (variable, wanted))
    return variable == wanted or (bool(other) and one.get("name") == other["name"])


def _folders(mounts: Iterable[Object]) -> frozenset[str]:
    return frozenset(str(one["mountPath"]) for one in mounts if _is_our_mount(one))


def _mounts(there: list[Object], folder: str | None) -> list[Object]:
    wanted = [{"name": MEMORY, "mountPath": folder, "readOnly": True}] if folder else []
    stay = [one for one in there if not _is_our_mount(one) or one in wanted]
    if any(one.get("mountPath") == folder for one in stay):
        return stay
    return [*stay, *wanted]


def _is_our_mount(mount: Object) -> bool:
    return mount.get("name") == MEMORY and set(mount) == {"name", "mountPath", "readOnly"} and mount["readOnly"] is True


def _volumes(there: list[Object], ours: Sequence[Object]) -> list[Object]:
    new = {one["name"]: one for one in ours}
    stay = [new.pop(one["name"], one) for one in there if one.get("name") not in {MEMORY, SEALED} or one["name"] in new]
    return [*stay, *new.values()]


def _is_opener(container: Object) -> bool:
    return any(one.get("name") == SEALED for one in _objects(container, "volumeMounts"))


def _is_our_volume(volume: Object) -> bool:
    if volume["name"] == MEMORY:
        return _object(volume, "emptyDir").get("medium") == "Memory"
    sources = _objects(_object(volume, "projected"), "sources")
    return any(_object(one, "serviceAccountToken").get("audience") == TOKEN_AUDIENCE for one in sources)


def _is_root(spec: Object) -> bool:
    user = _object(spec, "securityContext").get("runAsUser")
    return user is not None and not isinstance(user, bool) and user == _ROOT


def _put(parent: Object, name: str, values: list[Object], before: str = "") -> None:
    """Set a list where it stands, or, if it is new, before another name; an empty one is not there."""
    if not values:
        if parent.get(name):
            del parent[name]
    elif name in parent or not before:
        parent[name] = values
    else:
        behind = {one: parent.pop(one) for one in list(parent)[list(parent).index(before) :]}
        parent |= {name: values, **behind}


def _objects(parent: Mapping[str, Any], name: str) -> list[Object]:
    """The objects of a list, none where there is no list.

    Raises:
        PodRefusedError: it is something else.

    """
    value = parent.get(name)
    listed = [] if value is None else value
    if not isinstance(listed, list) or not all(isinstance(one, dict) and _is_named(one) for one in listed):
        raise PodRefusedError((name,), f"{name} is no list of objects.")
    return listed


def _is_named(one: Object) -> bool:
    return not isinstance(one.get("name"), dict | list)


def _object(parent: Mapping[str, Any], name: str) -> Object:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}
