"""`{field}` in the catalogue's bodies and forms."""

import re
from collections.abc import Mapping
from typing import Any, Final

_FIELD: Final = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)\}")


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its fields in place; a field without a value becomes empty."""
    return _FIELD.sub(lambda match: values.get(match[1], ""), text)


def filled_body(body: Any, values: Mapping[str, str]) -> Any:
    """A body with the fields of its texts in place; a member whose text needs a value that is not there is left out."""
    if isinstance(body, dict):
        return {name: filled_body(value, values) for name, value in body.items() if _is_complete(value, values)}
    if isinstance(body, list):
        return [filled_body(value, values) for value in body if _is_complete(value, values)]
    return filled(body, values) if isinstance(body, str) else body


def _is_complete(value: Any, values: Mapping[str, str]) -> bool:
    return not isinstance(value, str) or all(name in values for name in _FIELD.findall(value))
