"""What a faulty provider does to the connection itself: hanging, cutting, streaming without end."""

import asyncio
from typing import Final

from aiohttp import web

from tests.support.simulator.behaviour import Behaviour, Kind

_CHUNK: Final = b"x" * (64 * 1024)
_CHUNKS_PER_MEBIBYTE: Final = 16
_JSON: Final = {"Content-Type": "application/json"}


async def hang(_request: web.BaseRequest, _behaviour: Behaviour) -> web.StreamResponse:
    """Never answer; the task ends with the connection."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("unreachable")


async def cut(request: web.BaseRequest, behaviour: Behaviour) -> web.StreamResponse:
    """Close the connection where the caller still waits for bytes."""
    response = web.StreamResponse(headers=_JSON)
    if behaviour.after_headers:
        response.content_length = 4096
        await response.prepare(request)
        await response.write(b'{"object":"list","data":[')
    if request.transport is not None:
        # Not abort(): what was written must arrive before the end does.
        request.transport.close()
    return response


async def huge(request: web.BaseRequest, behaviour: Behaviour) -> web.StreamResponse:
    """Stream valid JSON of the asked size."""
    response = web.StreamResponse(headers=_JSON)
    await response.prepare(request)
    await response.write(b'{"object":"list","data":["')
    for _ in range(behaviour.size * _CHUNKS_PER_MEBIBYTE):
        await response.write(_CHUNK)
    await response.write(b'"]}')
    return response


PLAYS: Final = {Kind.HANGING: hang, Kind.CUT: cut, Kind.HUGE_BODY: huge}
"""Kinds that are played on the wire rather than answered."""
