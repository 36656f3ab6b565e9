"""Asks for new access tokens: one call to the service that the catalogue, or the LLMProvider, names."""

from llmkeys.api.provider import LLMProvider
from llmkeys.api.reasons import Reason
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import Net
from llmkeys.engine.hosts import Hosts
from llmkeys.engine.observe import Observer
from llmkeys.engine.renewable import Renewable
from llmkeys.probe.auth.renewal import Tokens, renewal_request, tokens_of
from llmkeys.probe.limit import ERROR_LIMIT
from llmkeys.probe.verdict import Verdict


class TokenService:
    """Sends the request of a renewal and reads its reply.

    Args:
        net: opens the socket.
        hosts: keep the circuits.
        clock: tells the time.
        observer: counts.

    """

    def __init__(self, net: Net, hosts: Hosts, clock: Clock, observer: Observer) -> None:
        self._net = net
        self._hosts = hosts
        self._clock = clock
        self._observer = observer

    async def ask(self, file: Renewable, provider: LLMProvider) -> Tokens | Verdict:
        """The tokens that its refresh token gives, or why it gives none."""
        text, endpoint = file.text.reveal(), file.kind.endpoint
        request = renewal_request(endpoint.renewal, text, file.auth, endpoint.config)
        started = self._clock.now()
        timeout = provider.spec.validation.timeout_seconds(None)
        reply = await self._net.send(request, endpoint.network, timeout, ERROR_LIMIT)
        now = self._clock.now()
        tokens = tokens_of(reply, file.kind.entry, now)
        reason = tokens.reason if isinstance(tokens, Verdict) else Reason.VERIFIED
        if reason is not Reason.ADDRESS_BLOCKED:
            failed = reply.failure is not None or reason in (Reason.OVERLOADED, Reason.PROVIDER_UNREACHABLE)
            self._hosts.record(file.origin, failed=failed)
        code = reply.failure.value if reply.failure else str(reply.status)
        self._observer.probed(provider.metadata.name, code, reason.value, now - started)
        return tokens
