"""Name resolution that gives back only addresses that the guard admits.

aiohttp connects to what its resolver returns, so the address that was judged is the one connected to, and a name that
answers differently the second time (DNS rebinding) gains nothing.
"""

import asyncio
import socket
from concurrent.futures import Executor
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

from llmkeys.net.network import AddressRefusedError, judge


class GuardedResolver(AbstractResolver):
    """The system's resolver behind the address guard.

    Args:
        executor: runs the blocking look-ups; not the loop's own, whose few threads one dead name server would fill.
        cleartext: no TLS will protect the key.
        allow_private: the provider's `allowPrivateAddresses`.

    """

    def __init__(self, executor: Executor, *, cleartext: bool, allow_private: bool) -> None:
        self._executor = executor
        self._cleartext = cleartext
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a name to the addresses that may be connected to.

        Raises:
            OSError: the name has no address.
            AddressRefusedError: none of its addresses may be connected to.

        """
        found = await asyncio.get_running_loop().run_in_executor(self._executor, _look_up, host, port, family)
        refused = None
        admitted: list[ResolveResult] = []
        for address in found:
            why = judge(ip_address(address), self._cleartext, self._allow_private)
            if why is None:
                admitted.append(_result(host, address, port))
            refused = refused or why
        if not admitted and refused is not None:
            raise AddressRefusedError(refused)
        return admitted

    async def close(self) -> None:
        """Nothing is held: the executor belongs to the client."""


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[str]:
    try:
        infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, socket.IPPROTO_TCP, socket.AI_ADDRCONFIG)
    except UnicodeError:
        # The idna codec refuses labels that are empty or too long; its text holds the name, so it stays here.
        raise socket.gaierror(socket.EAI_NONAME, "not a name") from None
    found = [str(info[4][0]) for info in infos]
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    return list(dict.fromkeys(found))


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(
        hostname=host, host=address, port=port, family=family, proto=socket.IPPROTO_TCP, flags=socket.AI_NUMERICHOST
    )
