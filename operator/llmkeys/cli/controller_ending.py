"""How the controller is told to end: by a signal, or by a part of it that cannot go on."""

import asyncio
import signal
from typing import Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Ending:
    """Made and used in the main thread, in a running loop.

    `stop` is set when everything has to end; `told` says that somebody outside wants it so.
    """

    def __init__(self) -> None:
        self.stop: Final = asyncio.Event()
        self.told = False

    def listen(self) -> None:
        """Take SIGTERM and SIGINT, whoever had them before."""
        loop = asyncio.get_running_loop()
        for one in _SIGNALS:
            loop.add_signal_handler(one, self._tell)

    def _tell(self) -> None:
        self.told = True
        self.stop.set()
