"""A part of a manifest as plain values, checked against the typed values of the API, with places."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from msgspec import inspect

from llmkeys.bootstrap.template import Place, TemplateInvalidError
from llmkeys.bootstrap.tree import TAG, MappingNode, Node, list_of, mapping_of, scalar_of
from llmkeys.bootstrap.variables import Variables

_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}")
_TRUTHS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def typed(node: Node, kind: inspect.Type, what: str, variables: Variables) -> Any:
    """The plain values of a node that has to be of a type.

    Args:
        node: of the manifest.
        kind: of it, as `msgspec.inspect` tells it.
        what: how messages call it: a path such as `spec.models`.
        variables: are filled in.

    Raises:
        TemplateInvalidError: it is of another type, or holds a field that the type does not have.

    """
    match kind:
        case inspect.StructType():
            return _struct(mapping_of(node, what), kind, what, variables)
        case inspect.DictType():
            return _dict(mapping_of(node, what), kind, what, variables)
        case inspect.VarTupleType():
            return [typed(item, kind.item_type, f"an item of {what}", variables) for item in list_of(node, what).items]
        case inspect.UnionType():
            one = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
            return typed(node, one, what, variables)
    scalar = scalar_of(node, what)
    return _value(variables.text(scalar), scalar.tag, scalar.place, kind, what)


def require_known(node: MappingNode, known: Mapping[str, Any], what: str) -> None:
    """Refuse a name that is not a field.

    Args:
        node: whose names are looked at.
        known: names that there are.
        what: how messages call the node.

    Raises:
        TemplateInvalidError: at the first unknown name; the nearest known one is offered.

    """
    for name in node.values:
        if name not in known:
            nearest = get_close_matches(name, known, n=1, cutoff=0.0)
            offer = f"The nearest is {nearest[0]}" if nearest else "It has none"
            raise TemplateInvalidError(node.keys[name], f"{what} has no such field. {offer}.")


def _struct(node: MappingNode, kind: inspect.StructType, what: str, variables: Variables) -> dict[str, Any]:
    fields = {one.encode_name: one for one in kind.fields}
    require_known(node, fields, what)
    for name, one in fields.items():
        if one.required and node.get(name) is None:
            raise TemplateInvalidError(node.place, f"{what} needs the field {name}.")
    present = {name: node.get(name) for name in node.values}
    return {
        name: typed(value, fields[name].type, f"{what}.{name}", variables)
        for name, value in present.items()
        if value is not None
    }


def _dict(node: MappingNode, kind: inspect.DictType, what: str, variables: Variables) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in node.values:
        _value(name, f"{TAG}str", node.keys[name], kind.key_type, f"a name in {what}")
        value = node.get(name)
        if value is not None:
            found[name] = typed(value, kind.value_type, f"a value in {what}", variables)
    return found


def _value(text: str, tag: str, place: Place, kind: inspect.Type, what: str) -> Any:
    match kind:
        case inspect.BoolType():
            if text.casefold() in _TRUTHS:
                return _TRUTHS[text.casefold()]
            raise TemplateInvalidError(place, f"{what} must be true or false.")
        case inspect.IntType():
            if _INTEGER.fullmatch(text):
                return int(text)
            raise TemplateInvalidError(place, f"{what} must be a whole number.")
        case inspect.EnumType():
            known = [one.value for one in kind.cls]
            if text in known:
                return text
            raise TemplateInvalidError(place, f"{what} must be one of: {', '.join(known)}.")
    if tag == f"{TAG}null":
        raise TemplateInvalidError(place, f"{what} must be a text.")
    return text
