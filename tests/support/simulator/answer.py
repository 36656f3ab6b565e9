"""An HTTP answer as a plain value."""

import json
from dataclasses import dataclass, replace

from multidict import CIMultiDict

_JSON = (("Content-Type", "application/json"),)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent: status, body as bytes, headers."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = _JSON

    def with_status(self, status: int) -> "Answer":
        return replace(self, status=status)

    def with_header(self, name: str, value: str) -> "Answer":
        return replace(self, headers=(*self.headers, (name, value)))

    def header_fields(self) -> CIMultiDict[str]:
        return CIMultiDict(self.headers)


def json_answer(status: int, value: object) -> Answer:
    return Answer(status, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
