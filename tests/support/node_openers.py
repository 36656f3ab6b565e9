"""Pods that have an envelope opened again and again, each time once: what fails is not tried again, but told."""

import json
from collections.abc import Sequence
from typing import Final, NamedTuple

from tests.support.node_workload import PYTHON, Object, Tenant
from tests.support.wait import eventually

_OPENED: Final = "opened"
_AT_ONCE: Final = 8
_PAUSE: Final = 0.4  # seconds: together 20 a second, below what the unsealer takes from one address
_PROGRAM: Final = f"""
import json, os, threading, time
from llmkeys.client.clock import Clock
from llmkeys.client.errors import UnsealError
from llmkeys.client.mounted import read_envelope
from llmkeys.client.opening import open_text
from llmkeys.client.settings import Settings

settings = Settings.given()
text = read_envelope(settings.envelope)

def open_again_and_again():
    while True:
        began = time.time()
        try:
            open_text(settings, text, 10, Clock())
            outcome = "{_OPENED}"
        except UnsealError as error:
            outcome = str(error)
        os.write(1, (json.dumps([began, outcome]) + chr(10)).encode())
        time.sleep({_PAUSE})

for _ in range({_AT_ONCE}):
    threading.Thread(target=open_again_and_again).start()
"""


class Opening(NamedTuple):
    """One attempt: when it began, in seconds since the epoch, and what came of it."""

    began: float
    outcome: str

    @property
    def succeeded(self) -> bool:
        return self.outcome == _OPENED


class Openers:
    """The openers of one tenant's credential."""

    def __init__(self, tenant: Tenant, credential: Object, *, pods: int) -> None:
        """Start them.

        Args:
            tenant: whose account `chat` may have it opened.
            credential: as it is delivered.
            pods: how many, with eight openers each.

        """
        self._tenant = tenant
        self._names = [f"openers-{index}" for index in range(pods)]
        for name in self._names:
            tenant.apply(tenant.exec_pod(name, credential, [PYTHON, "-P", "-c", _PROGRAM]))

    def wait_for_more(self, count: int, *, after: float = 0.0) -> list[Opening]:
        """Return what came of all openings that began after a moment, when every pod has that many more of them."""
        wanted = [len(one) + count for one in self._openings(after)]

        def there() -> bool:
            return all(len(one) >= least for one, least in zip(self._openings(after), wanted, strict=True))

        eventually(there, timeout=60, every=0.5, message=f"{count} more openings in each pod")
        return self.openings(after)

    def openings(self, after: float = 0.0) -> list[Opening]:
        return [opening for one in self._openings(after) for opening in one]

    def failures(self) -> list[str]:
        """Why envelopes did not open."""
        return [one.outcome for one in self.openings() if not one.succeeded]

    def _openings(self, after: float) -> Sequence[list[Opening]]:
        found = ([Opening(*json.loads(line)) for line in self._tenant.logs(name).splitlines()] for name in self._names)
        return [[opening for opening in one if opening.began > after] for one in found]
