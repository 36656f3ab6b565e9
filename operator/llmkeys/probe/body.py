"""A reply's body as rules look at it: decoded once, lowered once, and never an exception."""

import re
from functools import cached_property
from typing import Any, Final

import msgspec

from llmkeys.probe.reply import Reply

BROKEN: Final = object()
"""What `Body.json` is where the body is no JSON document."""

_HTML: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.{0,512}?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_HTML_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9_-]{1,20})")
# Of those that may be named, only what providers use: some of Python's codecs take quadratic time.
_CHARSETS: Final = frozenset({"gbk", "gb2312", "gb18030", "big5", "iso-8859-1", "latin-1", "shift_jis", "utf-16"})
_HEAD: Final = 16 * 1024
_TAIL: Final = 8 * 1024
_BOM: Final = b"\xef\xbb\xbf"


class Body:
    """Views of one reply's body."""

    def __init__(self, reply: Reply) -> None:
        self._raw = reply.body
        self._truncated = reply.truncated
        self._content_type = reply.headers.get("content-type", "").lower()

    @cached_property
    def media_type(self) -> str:
        """The declared type without parameters; `text/html` for what plainly is a page, whatever it is declared as."""
        declared = self._content_type.split(";", 1)[0].strip()
        if declared in _HTML_TYPES or _HTML.match(self._raw[:1024]):
            return "text/html"
        return declared

    @cached_property
    def json(self) -> Any:
        """The document, or `BROKEN`. A body that was cut off is not decoded: what is missing could change it."""
        if self._truncated:
            return BROKEN
        try:
            return msgspec.json.decode(self._raw.removeprefix(_BOM))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._json_of_other_charset()

    @cached_property
    def lowered(self) -> bytes:
        """The text in UTF-8 and lower case, the middle of a long one left out.

        As bytes, for what is no text need not become one to be searched. An error's words stand at its beginning or its
        end; what is long between them is echoed input.
        """
        raw = self._raw
        if b"\\u" in raw and self.json is not BROKEN:
            # Many servers write what is not ASCII as escapes (RFC 8259, 7).
            raw = msgspec.json.encode(self.json)
        elif self._charset:
            raw = raw.decode(self._charset, errors="replace").encode("utf-8", errors="replace")
        if len(raw) > _HEAD + _TAIL:
            raw = raw[:_HEAD] + raw[-_TAIL:]
        return raw.lower()

    @property
    def is_json(self) -> bool:
        """Whether it is declared as JSON, or not declared, and is a JSON document."""
        declared = self.media_type
        as_json = declared in ("", "application/json", "text/json") or declared.endswith("+json")
        return as_json and self.json is not BROKEN

    @property
    def _charset(self) -> str:
        found = _CHARSET.search(self._content_type)
        return found[1] if found and found[1] in _CHARSETS else ""

    def _json_of_other_charset(self) -> Any:
        if not self._charset:
            return BROKEN
        try:
            return msgspec.json.decode(self._raw.decode(self._charset))
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return BROKEN
