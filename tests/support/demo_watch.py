"""Watches of `kubectl get --watch` with the moment at which each line came, to say how long a change took."""

import subprocess
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.support.cluster import ControlPlane, kubectl_program
from tests.support.cluster_process import tethered


class Watch:
    """One `kubectl get --watch`, a line an event."""

    def __init__(self, plane: ControlPlane, *arguments: str) -> None:
        """Start it.

        Args:
            plane: where to look.
            arguments: of `kubectl get`; the output format must print one line an event.

        """
        command = [kubectl_program(), f"--kubeconfig={plane.kubeconfig}", "get", "--watch", *arguments]
        self._process = subprocess.Popen(
            tethered(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._seen: list[tuple[float, str]] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def when(self, wanted: Callable[[str], bool], *, since: int = 0, timeout: float = 30.0) -> float:
        """Wait for a line and return when it came, on the monotonic clock.

        Args:
            wanted: picks the line.
            since: how many lines from the beginning to pass over.
            timeout: seconds.

        Raises:
            TimeoutError: no such line came.

        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for moment, line in self._seen[since:]:
                    if wanted(line):
                        return moment
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    last = self._seen[-1][1] if self._seen else "nothing"
                    raise TimeoutError(f"not seen within {timeout:.0f} s; the last line was: {last}")
                self._changed.wait(remaining)

    @property
    def count(self) -> int:
        """How many lines have come."""
        with self._changed:
            return len(self._seen)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            moment = time.monotonic()
            with self._changed:
                self._seen.append((moment, line.strip()))
                self._changed.notify_all()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
