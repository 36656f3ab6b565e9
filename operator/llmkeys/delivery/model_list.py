"""The ConfigMap that lists the models of a provider: its name, its manifest, its text, and the way back from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import msgspec

from llmkeys.api.models import ModelType
from llmkeys.api.names import API_VERSION, INTERNAL_LABEL, MODEL_LISTS, PROVIDER_KIND, PROVIDER_LABEL
from llmkeys.api.provider import LLMProvider

LIST: Final = "models.json"
CUT: Final = "truncated"
ROOM: Final = 900 * 1024
"""Bytes of `models.json`; the API server takes 1 MiB in a ConfigMap
(https://kubernetes.io/docs/concepts/configuration/configmap/#motivation)."""

_CUT_SHORT: Final = (
    "The list is cut off: a ConfigMap cannot hold all models. Narrow it by spec.models.include of the LLMProvider."
)
_LONGEST_NAME: Final = 253  # RFC 1123, as Kubernetes takes it
_LONGEST_LABEL: Final = 63
_DIGITS: Final = 16
_OPENED, _CLOSED = "[\n", "\n]\n"


class ListedModel(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model that some proven key opens.

    Args:
        name: that requests use.
        type: what it is for.
        regions: whose accounts it was found in, under `region: auto`.

    """

    name: str
    type: ModelType
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelList:
    """What the ConfigMap is to hold.

    Args:
        data: its `data`.
        count: models in it.
        whole: all models are in it.

    """

    data: dict[str, str]
    count: int
    whole: bool


def config_map_name(provider: str) -> str:
    """The name of the ConfigMap of an LLMProvider; one that is too long ends in a digest."""
    return MODEL_LISTS + _shortened(provider, _LONGEST_NAME - len(MODEL_LISTS))


def model_list(models: Iterable[ListedModel], *, whole: bool = True) -> ModelList:
    """The data of the ConfigMap: equal models in any order give equal text, a line each.

    Args:
        models: each name once.
        whole: whether these are all.

    """
    lines: list[str] = []
    room = ROOM - len(_OPENED) - len(_CLOSED)
    for one in sorted(models, key=lambda one: one.name):
        line = msgspec.json.encode(one)
        room -= len(line) + len(",\n")
        if room < 0:
            whole = False
            break
        lines.append(line.decode())
    text = _OPENED + ",\n".join(lines) + _CLOSED if lines else "[]\n"
    data = {LIST: text} if whole else {LIST: text, CUT: _CUT_SHORT}
    return ModelList(data, len(lines), whole)


def listed_in(data: Mapping[str, str]) -> tuple[ListedModel, ...]:
    """The models that a ConfigMap lists; none where somebody made it unreadable."""
    try:
        return msgspec.json.decode(data.get(LIST, "[]"), type=tuple[ListedModel, ...])
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return ()


def list_manifest(provider: LLMProvider, namespace: str, data: Mapping[str, str]) -> dict[str, Any]:
    """The ConfigMap to be created."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": config_map_name(provider.metadata.name),
            "namespace": namespace,
            "labels": _labels(provider),
            "ownerReferences": [_owner(provider)],
        },
        "data": dict(data),
    }


def list_patch(provider: LLMProvider, data: Mapping[str, str] | None) -> list[dict[str, Any]]:
    """A JSON patch (RFC 6902) that changes only a ConfigMap whose labels say that it is this provider's list.

    Args:
        provider: whose it is. One that was created anew takes over the list of the one before.
        data: what it is to hold; None changes nothing, so that the answer shows what is there.

    """
    operations: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/labels/" + name.replace("/", "~1"), "value": value}
        for name, value in _labels(provider).items()
    ]
    if data is not None:
        # `add`, since empty `data` is absent on the wire and `replace` of what is absent fails.
        operations.append({"op": "add", "path": "/data", "value": dict(data)})
        operations.append({"op": "add", "path": "/metadata/ownerReferences", "value": [_owner(provider)]})
    return operations


def _labels(provider: LLMProvider) -> dict[str, str]:
    return {INTERNAL_LABEL: "true", PROVIDER_LABEL: _shortened(provider.metadata.name, _LONGEST_LABEL)}


def _owner(provider: LLMProvider) -> dict[str, Any]:
    """The list goes with its provider: we hold no right to delete it."""
    return {
        "apiVersion": API_VERSION,
        "kind": PROVIDER_KIND,
        "name": provider.metadata.name,
        "uid": provider.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def _shortened(name: str, longest: int) -> str:
    if len(name) <= longest:
        return name
    digest = sha256(name.encode()).hexdigest()[:_DIGITS]
    return f"{name[: longest - _DIGITS - 1].rstrip('.-')}-{digest}"
