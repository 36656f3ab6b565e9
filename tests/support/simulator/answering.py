"""From a behaviour to the answer in a provider's own words, for all that needs no play on the wire."""

import zlib
from functools import lru_cache
from typing import Final

from tests.support.simulator.answer import Answer
from tests.support.simulator.behaviour import Behaviour, Kind
from tests.support.simulator.dialect import Dialect

_HTML: Final = b"""<!DOCTYPE html>
<html><head><title>Access denied</title></head>
<body><h1>Access denied</h1><p>The web gateway has blocked this request. Reference: 18.2f3c4d</p></body></html>
"""
_INVALID: Final = b'{"object": "list", "data": [nope, \xff\xfe}'
_MEBIBYTE: Final = 1024 * 1024


def refusal(dialect: Dialect, behaviour: Behaviour, key: str, good: Answer) -> Answer:
    """The answer to a key that is not simply good.

    Args:
        dialect: whose words to use.
        behaviour: any but good, slow, and those that `wire` plays.
        key: as it was sent.
        good: what a good key would get, for answers that spoil it.
    """
    match behaviour.kind:
        case Kind.THROTTLED:
            wait = behaviour.retry_after
            return dialect.throttled(None if wait is None else str(wait))
        case Kind.SERVER_ERROR:
            return dialect.fault(behaviour.status)
        case Kind.ERROR_IN_200:
            return dialect.refusals[behaviour.like](key).with_status(200)
        case Kind.TRUNCATED_JSON:
            return Answer(200, good.body[: len(good.body) // 2], good.headers)
        case kind if kind in dialect.refusals:
            return dialect.refusals[kind](key)
    return _foreign(behaviour)


def _foreign(behaviour: Behaviour) -> Answer:
    match behaviour.kind:
        case Kind.HTML_PAGE:
            return Answer(behaviour.status, _HTML, (("Content-Type", "text/html; charset=utf-8"),))
        case Kind.INVALID_JSON:
            return Answer(200, _INVALID)
        case Kind.DEEP_JSON:
            return Answer(200, b"[" * behaviour.size + b"]" * behaviour.size)
        case Kind.GZIP_BOMB:
            return Answer(200, gzip_of_spaces(behaviour.size)).with_header("Content-Encoding", "gzip")
        case Kind.RAW | Kind.REDIRECT:
            return Answer(behaviour.status, behaviour.body, behaviour.headers)
    raise ValueError(f"{behaviour.kind} is no answer in words")


@lru_cache(maxsize=4)
def gzip_of_spaces(mebibytes: int) -> bytes:
    """A gzip stream that grows to that size: an empty JSON object after many spaces."""
    packer = zlib.compressobj(level=9, wbits=zlib.MAX_WBITS | 16)
    block = b" " * _MEBIBYTE
    packed = [packer.compress(block) for _ in range(mebibytes)]
    return b"".join((*packed, packer.compress(b"{}"), packer.flush()))
