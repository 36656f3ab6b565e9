"""For workloads in Python: what is in the envelope, without a file in between."""

from pathlib import Path

from llmkeys.client.clock import Clock
from llmkeys.client.content import text_or_bytes
from llmkeys.client.opening import Limits, open_mounted
from llmkeys.client.settings import DEADLINE_SECONDS, WAIT_SECONDS, Settings


def load(
    credential: str | None = None,
    *,
    envelope: str | Path | None = None,
    token: str | Path | None = None,
    unsealer: str | None = None,
    ca_file: str | Path | None = None,
    identity: str | Path | None = None,
    wait: float = WAIT_SECONDS,
    deadline: float = DEADLINE_SECONDS,
) -> dict[str, str | bytes]:
    """What a credential holds, by name; bytes where a value is no UTF-8. It blocks; nothing is kept or written.

    Args:
        credential: name of the LLMCredential; LLMKEYS_CREDENTIAL if None.
        envelope: the mounted file; /var/run/llmkeys/envelope/envelope if None.
        token: the mounted file; /var/run/llmkeys/token/token if None.
        unsealer: `https://host[:port]`; LLMKEYS_UNSEALER if None.
        ca_file: certificates in PEM; those in LLMKEYS_CA, else in the file that LLMKEYS_CA_FILE names, if None.
        identity: file with the private key, for deliveries to recipients.
        wait: seconds to wait for an envelope.
        deadline: seconds to go on trying once there is one.

    Raises:
        UnsealError: it was not opened; the text says what to do.

    """
    settings = Settings.given(
        credential=credential,
        unsealer=unsealer,
        authorities_file=_path(ca_file),
        envelope=_path(envelope),
        token=_path(token),
        identity=_path(identity),
    )
    opened = open_mounted(settings, Limits(wait, deadline), Clock())
    return {name: text_or_bytes(value) for name, value in opened.content.items()}


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)
