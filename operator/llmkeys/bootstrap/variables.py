"""Variables of a template: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, filled in once, in values only.

No shell is asked, and a filled-in value is never looked at again: its quotes, backslashes, dollars and line breaks
arrive as they are. `$$` is a dollar, and a `$` that no brace follows stays. A variable ends at the first `}`, so that
a default cannot hold one; nor can it hold another variable.
"""

import re
from collections.abc import Mapping
from typing import Final

from llmkeys.bootstrap.template import Place, TemplateInvalidError
from llmkeys.bootstrap.tree import TAG, ScalarNode

_DOLLAR: Final = re.compile(r"\$(?:\$|\{(?P<body>[^}]*)(?P<end>\})?)")
_BODY: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<way>[-?])(?P<rest>.*))?", re.DOTALL)
_FROM_ENVIRONMENT: Final = re.compile(r"os\.environ/(?P<name>[A-Za-z_][A-Za-z0-9_]*)")
_PLAIN: Final = frozenset(TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value"))
_LONGEST_MESSAGE: Final = 200


class Variables:
    """Fills variables in.

    Args:
        values: by name.
        remedy: a sentence for people that says where a variable is set; `{name}` in it stands for the variable's name.
        literal: the texts hold no variables: they are taken as they stand.

    """

    def __init__(
        self, values: Mapping[str, str], *, remedy: str = "Give {name} a value.", literal: bool = False
    ) -> None:
        self._values = values
        self._remedy = remedy
        self._literal = literal

    def text(self, node: ScalarNode) -> str:
        """What a scalar says, with its variables filled in.

        Raises:
            TemplateInvalidError: a variable is not set or malformed, or the scalar has a tag of some program's own.

        """
        if node.tag not in _PLAIN:
            raise TemplateInvalidError(node.place, "a tag (!) stands before this value. Remove it, and write a text.")
        if node.is_null:
            return ""
        if self._literal or "$" not in node.text:
            return node.text
        return _DOLLAR.sub(lambda found: self._filled(found, node.place), node.text)

    def from_environment(self, node: ScalarNode, own: Mapping[str, str]) -> str:
        """What a scalar says in LiteLLM's file, where `os.environ/NAME` is a variable as well.

        Args:
            node: of that file.
            own: variables that the file sets itself.

        Raises:
            TemplateInvalidError: as for `text`.

        """
        named = _FROM_ENVIRONMENT.fullmatch(node.text.strip())
        if named is None or self._literal:
            return self.text(node)
        if named["name"] not in self._values and named["name"] in own:
            return own[named["name"]]
        return self._set(named["name"], node.place)

    def _filled(self, found: re.Match[str], place: Place) -> str:
        body = found["body"]
        if body is None:
            return "$"
        if found["end"] is None:
            raise TemplateInvalidError(
                place, "'${' is never closed. Close it with '}', or write '$${' for the text '${'."
            )
        if body in self._values:
            return self._values[body]
        parts = _BODY.fullmatch(body)
        if parts is None or "${" in (parts["rest"] or ""):
            raise TemplateInvalidError(
                place,
                "a variable is ${NAME}, ${NAME:-default} or ${NAME:?message}, and none stands in another's default. "
                "Correct it, or write '$${' for the text '${'.",
            )
        if parts["way"] is None:
            return self._set(parts["name"], place)
        value = self._values.get(parts["name"], "")
        if value or parts["way"] == "-":
            return value or parts["rest"].replace("$$", "$")
        raise self._unset(parts["name"], place, _message(parts["rest"]))

    def _set(self, name: str, place: Place) -> str:
        value = self._values.get(name)
        if value is None:
            raise self._unset(name, place)
        return value

    def _unset(self, name: str, place: Place, message: str = "") -> TemplateInvalidError:
        return TemplateInvalidError(
            place, f"the variable {name} is not set{message}. {self._remedy.replace('{name}', name)}"
        )


def _message(text: str) -> str:
    words = " ".join(text.split())[:_LONGEST_MESSAGE].rstrip(" .")
    return f": {words}" if words else ""
