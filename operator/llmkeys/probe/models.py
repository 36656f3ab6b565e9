"""From the replies that list models to typed models. Pure, bounded, and never an exception."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from llmkeys.api.models import ModelType
from llmkeys.catalogue.calls import Kinds, Models
from llmkeys.catalogue.model import Provider
from llmkeys.catalogue.rule import path_of, text_of, values_at
from llmkeys.probe.body import BROKEN, Body
from llmkeys.probe.reply import Reply

MOST: Final = 3_000
"""Models of a provider that are taken in; a longer list counts as one that does not show all."""

_OK: Final = 200
_LONGEST: Final = 256
_FIELD: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Model:
    """A model by the name that requests use."""

    id: str
    type: ModelType


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Listing:
    """What the replies showed.

    Args:
        models: each once.
        complete: what is not among them is not there.
        counted: a list was read; otherwise models were only asked for one by one.
        absent: asked for one by one, and not there.

    """

    models: tuple[Model, ...]
    complete: bool = True
    counted: bool = True
    absent: frozenset[str] = frozenset()


def document_of(reply: Reply) -> Any:
    """The JSON document of a good reply, `BROKEN` otherwise."""
    return Body(reply).json if reply.failure is None and reply.status == _OK else BROKEN


def models_in(document: Any, entry: Provider) -> tuple[Model, ...] | None:
    """The models of one page; None where the document is no such list.

    Args:
        document: decoded JSON, as hostile as it may be.
        entry: says where the list stands and what its items look like.

    """
    models = entry.models
    if document is BROKEN or not models.items:
        return None
    found = [document] if models.items == "$" else list(values_at(document, path_of(models.items)))
    if not found or not isinstance(found[0], list | None):
        return None
    typed = {model.id: model for model in _read(found[0] or (), models, entry.defaults.model_ids)}
    return tuple(typed.values())


def is_name(text: str) -> bool:
    """Whether it can be a model's name: short, printable, without blanks around it."""
    return 0 < len(text) <= _LONGEST and text.isprintable() and text == text.strip()


def _read(items: Any, models: Models, shared: Mapping[ModelType, tuple[str, ...]]) -> Iterator[Model]:
    for item in items[: MOST + 1]:
        name = _id(item, models)
        if is_name(name):
            yield Model(name, _type(item, name, models, shared))


def _id(item: Any, models: Models) -> str:
    if isinstance(item, str):
        return item.removeprefix(models.strip_prefix)
    if not isinstance(item, dict):
        return ""
    fields = _FIELD.findall(models.id)
    if not fields:
        return _text(item, models.id).removeprefix(models.strip_prefix)
    parts = {field: _text(item, field) for field in fields}
    return _FIELD.sub(lambda match: parts[match[1]], models.id) if all(parts.values()) else ""


def _text(item: Any, path: str) -> str:
    value = next(values_at(item, path_of(path)), None)
    return value if isinstance(value, str) else ""


def _type(item: Any, name: str, models: Models, shared: Mapping[ModelType, tuple[str, ...]]) -> ModelType:
    """By the provider's own parts of ids, then by what the list says, then by the parts of ids that hold everywhere."""
    marked = f"^{name.lower()}"
    own = _by_parts(marked, models.ids)
    if own is not None:
        return own
    said = _words(item, models.kinds) if models.kinds else ()
    if models.kinds:
        for word, kind in models.kinds.words.items():
            if word in said:
                return kind
    return _by_parts(marked, shared) or (ModelType.OTHER if said else ModelType.LLM)


def _words(item: Any, kinds: Kinds) -> tuple[str, ...]:
    value = next(values_at(item, path_of(kinds.at)), None) if isinstance(item, dict) else None
    if isinstance(value, dict):
        return tuple(name for name, holds in value.items() if holds is True)
    several = value if isinstance(value, list) else [value]
    return tuple(text for text in map(text_of, several) if text)


def _by_parts(marked: str, parts: Mapping[ModelType, tuple[str, ...]]) -> ModelType | None:
    return next((kind for kind, some in parts.items() if any(part in marked for part in some)), None)
