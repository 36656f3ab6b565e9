"""RAGFlow's `service_conf.yaml.template`: its `user_default_llm`, and nothing of what it says to databases."""

from collections.abc import Iterator
from typing import Final

from llmkeys.api.models import ModelType
from llmkeys.bootstrap.placeholders import is_placeholder
from llmkeys.bootstrap.reader import Reader
from llmkeys.bootstrap.shapes.account import account_of, key_values
from llmkeys.bootstrap.shapes.ragflow_entry import Entry, entry_in, named_entry, with_fallback
from llmkeys.bootstrap.template import Account, Accounts, Place, TemplateInvalidError
from llmkeys.bootstrap.tree import MappingNode, Node, mapping_of, scalar_of

SECTION: Final = "user_default_llm"

_TYPES: Final = {
    "chat_model": ModelType.LLM,
    "embedding_model": ModelType.EMBEDDING,
    "rerank_model": ModelType.RERANK,
    "asr_model": ModelType.SPEECH_TO_TEXT,
    "tts_model": ModelType.TTS,
}
_READ: Final = frozenset({"factory", "api_key", "base_url", "allowed_factories", "default_models"})
_WRITTEN_OUT: Final = frozenset({"name", "model", "factory", "api_key", "base_url"})


def read_ragflow(root: MappingNode, reader: Reader) -> Accounts:
    """What the file says of providers.

    Args:
        root: the document.
        reader: fills variables in, and notes what is wrong or left.

    Raises:
        TemplateInvalidError: the section is not there, is empty or is misshapen.

    """
    node = root.get(SECTION)
    if node is None:
        raise TemplateInvalidError(
            root.keys.get(SECTION, root.place),
            f"{SECTION} is empty or commented out, so there is nothing to create. Take each '#' away, and fill it in.",
        )
    section = mapping_of(node, SECTION)
    _leave_others(section, _READ, SECTION, "This is a setting of RAGFlow itself.", reader)
    accounts: list[Account] = []
    with reader.faults.gathered():
        accounts += _accounts(section, reader)
    return Accounts("RAGFlow", tuple(accounts), reader.left)


def _accounts(section: MappingNode, reader: Reader) -> list[Account]:
    top = entry_in(section, "", section.keys.get("factory", section.place), reader)
    allowed = _allowed(section, reader)
    entries = [one for one in _default_models(section, top, reader) if _is_allowed(one, allowed, reader)]
    chat = next((one for one in entries if _TYPES.get(one.name) is ModelType.LLM), None)
    for one in entries:
        if one.name not in _TYPES and not one.is_same_model(chat):
            why = "No type of ours says which model is for this, so only its key is taken over."
            reader.leave(one.place, _path(one, reader), why)
    if top.factory and (top.key is not None or not entries) and not any(_has_key_of(one, top) for one in entries):
        entries += [one for one in [top] if _is_allowed(one, allowed, reader)]
    return [_account(one, reader) for one in entries]


def _default_models(section: MappingNode, top: Entry, reader: Reader) -> Iterator[Entry]:
    node = section.get("default_models")
    if node is None:
        return
    models = mapping_of(node, "default_models")
    for name, value in models.values.items():
        with reader.faults.gathered():
            one = _default_model(value, name, models.keys[name], reader)
            if one is None:
                continue
            whole = with_fallback(one, top, reader)
            if whole is None:
                why = f"It has no api_key of its own, and that of {top.factory} is not sent elsewhere. Give it one."
                reader.leave(one.place, _path(one, reader), why)
            elif not whole.factory:
                reader.leave(one.place, _path(one, reader), "It has no factory. Write name@factory.")
            else:
                yield whole


def _default_model(value: Node, name: str, place: Place, reader: Reader) -> Entry | None:
    """A default model as it is written; None where none is set."""
    if isinstance(value, MappingNode):
        path = f"{SECTION}.default_models.{reader.shown(name)}"
        _leave_others(value, _WRITTEN_OUT, path, "This is a setting of RAGFlow itself.", reader)
        one = entry_in(value, name, place, reader)
        return one if one.model or one.key is not None or one.factory else None
    text = reader.variables.text(scalar_of(value, reader.shown(name)))
    return None if is_placeholder(text) else named_entry(text, name, place)


def _account(one: Entry, reader: Reader) -> Account:
    entry = reader.entry(one.factory)
    values = {} if one.key is None else dict(key_values(one.key, entry))
    kind = _TYPES.get(one.name)
    defaults = {kind: one.model} if kind is not None and one.model else {}
    values |= {"base_url": one.base_url} if one.base_url else {}
    return account_of(
        reader,
        one.place,
        one.factory,
        values,
        what="api_key",
        places=one.key.places if one.key else {},
        name=one.instance,
        defaults=defaults,
    )


def _allowed(section: MappingNode, reader: Reader) -> frozenset[str] | None:
    """Ids of the allowed factories, and their names where the catalogue has no id; None: all are."""
    node = section.get("allowed_factories")
    names = [] if node is None else [name for name in reader.texts(node, "allowed_factories") if name]
    return frozenset(_identity(name, reader) for name in names) or None


def _is_allowed(one: Entry, allowed: frozenset[str] | None, reader: Reader) -> bool:
    if allowed is None or _identity(one.factory, reader) in allowed:
        return True
    reader.leave(one.place, _path(one, reader), f"{reader.shown(one.factory)} is not in allowed_factories.")
    return False


def _identity(factory: str, reader: Reader) -> str:
    entry = reader.entry(factory)
    return factory if entry is None else entry.id


def _has_key_of(one: Entry, top: Entry) -> bool:
    return one.key == top.key and one.base_url == top.base_url


def _path(one: Entry, reader: Reader) -> str:
    return f"{SECTION}.default_models.{reader.shown(one.name)}" if one.name else f"{SECTION}.factory"


def _leave_others(node: MappingNode, read: frozenset[str], path: str, why: str, reader: Reader) -> None:
    for name in node.values:
        if name not in read:
            reader.leave(node.keys[name], f"{path}.{reader.shown(name)}", why)
