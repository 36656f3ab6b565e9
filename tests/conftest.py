"""For all tests."""

import signal


def pytest_configure() -> None:
    # Under a shell's background job (`make test &`) an interrupt is ignored, by the programs under test as well.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
