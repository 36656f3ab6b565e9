"""Whether the cluster's kinds have all the fields that this version reads and writes.

Fields that a schema does not know are pruned by the API server, silently.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec


def missing_fields(kind: type[msgspec.Struct], schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Paths of the fields of spec and status that the schema lacks, such as `status.files`; of a part only its root.

    Args:
        kind: of ours.
        schema: of that kind, OpenAPI v3, as the API server publishes it.

    """
    parts = (one for one in _fields(msgspec.inspect.type_info(kind)) if one.encode_name in ("spec", "status"))
    return tuple(path for one in parts for path in _missing(one, schema, ""))


def _missing(field: msgspec.inspect.Field, schema: Mapping[str, Any], prefix: str) -> Iterator[str]:
    path = f"{prefix}{field.encode_name}"
    found = (schema.get("properties") or {}).get(field.encode_name)
    if found is None:
        yield path
        return
    inner, found = _inside(field.type, found)
    for one in _fields(inner):
        yield from _missing(one, found, f"{path}.")


def _inside(kind: msgspec.inspect.Type, schema: Mapping[str, Any]) -> tuple[msgspec.inspect.Type, Mapping[str, Any]]:
    """What lists, maps and optional values hold, with its schema."""
    match kind:
        case msgspec.inspect.UnionType():
            structs = [one for one in kind.types if isinstance(one, msgspec.inspect.StructType)]
            return (structs[0], schema) if structs else (kind, schema)
        case msgspec.inspect.VarTupleType() | msgspec.inspect.ListType():
            return _inside(kind.item_type, schema.get("items") or {})
        case msgspec.inspect.DictType():
            return _inside(kind.value_type, schema.get("additionalProperties") or {})
    return kind, schema


def _fields(kind: msgspec.inspect.Type) -> tuple[msgspec.inspect.Field, ...]:
    return kind.fields if isinstance(kind, msgspec.inspect.StructType) else ()
