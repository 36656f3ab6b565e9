"""Made-up keys: sent together with a real one where that is due, charged to the host alone."""

import secrets
from dataclasses import replace

from llmkeys.api.reasons import Reason
from llmkeys.crypto.mac import MacKey
from llmkeys.engine.clock import Clock
from llmkeys.engine.hosts import Hosts, Permit
from llmkeys.engine.keys import HeldKey
from llmkeys.engine.prober import Call, Prober
from llmkeys.engine.resolve import Resolved
from llmkeys.probe.build import endpoint_parts, first_request
from llmkeys.probe.control import wants_control
from llmkeys.probe.endpoint import Endpoint
from llmkeys.probe.kind import kind_of
from llmkeys.probe.made_up import NOISE, made_up_key


class Controls:
    """Sends made-up keys, and says where nothing has told yet whether keys are checked.

    Args:
        prober: sends, and remembers what was learnt.
        hosts: budgets.
        mac: identities of endpoints.
        clock: for signatures.

    """

    def __init__(self, prober: Prober, hosts: Hosts, mac: MacKey, clock: Clock) -> None:
        self._prober = prober
        self._hosts = hosts
        self._mac = mac
        self._clock = clock

    def send(self, call: Call, endpoint: Endpoint, namespace: str) -> None:
        """Send a made-up key beside a real one where that is due and the host has room; else it has none for that one.

        Args:
            call: the real one.
            endpoint: where it goes.
            namespace: whose key the real one is.

        """
        if not call.controlled or not self._prober.control_is_due(call.endpoint):
            return
        # All that can fail comes before the place at the host, which only the task's end gives back.
        made_up = made_up_key(call.entry, secrets.token_bytes(NOISE))
        request, with_token = first_request(endpoint, call.entry, made_up, self._clock.now())
        # It is nobody's key, so no namespace pays for it.
        permit = self._hosts.reserve(call.origin, namespace, proven=True)
        if not isinstance(permit, Permit):
            return
        task = self._prober.start_control(replace(call, request=request, with_token=with_token))
        task.add_done_callback(lambda _: self._hosts.give_back(permit))

    def untold(self, resolved: Resolved, one: HeldKey) -> bool:
        """Whether a key is unverified because nothing has told yet if keys are checked where it is shown."""
        entry, material = resolved.entry, one.candidate.material
        if entry is None or material is None or one.candidate.problem or one.state.verdict is not Reason.UNVERIFIED:
            return False
        kind = kind_of(resolved.at(one.region), entry, material)
        place = self._mac.sharing(endpoint_parts(kind.endpoint, kind.entry))
        controlled = wants_control(kind.entry, kind.endpoint, material)
        return controlled and self._prober.book.control(place).checks is None
