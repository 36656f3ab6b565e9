"""Deliveries to recipients: the holder of a private key opens them alone, no service is asked.

Only this module needs more than the standard library, and imports it when there is such a delivery.
"""

import json
from pathlib import Path
from typing import Final

from llmkeys.api.errors import LlmkeysError
from llmkeys.client.content import Opened, content_from
from llmkeys.client.errors import EnvelopeOutdatedError, EnvelopeRefusedError, IdentityError

_MAX_IDENTITY: Final = 4096


def is_for_recipients(text: str) -> bool:
    """Whether a mounted text is a list of envelopes, one for each recipient."""
    return text.startswith("[")


def open_with(identity: Path | None, text: str, lowest_sequence: int) -> Opened:
    """What was delivered to the holder of a key.

    Args:
        identity: file with the private key, one line.
        text: the mounted list.
        lowest_sequence: the newest delivery seen so far; an older one is a replay.

    Raises:
        IdentityError: no such file, or its key is no recipient's.
        EnvelopeOutdatedError: the delivery is older than one seen before.
        EnvelopeRefusedError: the text is no such list, or does not open.

    """
    # cryptography takes longer to import than all the rest takes to run.
    from llmkeys.crypto.errors import (  # noqa: PLC0415
        EnvelopeMisplacedError,
        KeyUnknownError,
        PrivateKeyMalformedError,
    )
    from llmkeys.crypto.keypair import PrivateKey  # noqa: PLC0415
    from llmkeys.crypto.recipients import open_for_recipient, recipient_binding  # noqa: PLC0415
    from llmkeys.crypto.sealing import header_of  # noqa: PLC0415

    line = _read(identity)
    try:
        private = PrivateKey.parse(line)
        content = open_for_recipient(private, text, lowest_sequence=lowest_sequence)
        headers = (header_of(sealed) for sealed in json.loads(text))
        own = next(header for header in headers if header.key_id == private.public.key_id)
        return Opened(content_from(json.loads(content)), recipient_binding(own).sequence)
    except PrivateKeyMalformedError:
        raise IdentityError(f"{identity} holds no private key of llmkeys.") from None
    except KeyUnknownError:
        raise IdentityError(
            f"The envelope is for other recipients than the key in {identity}. "
            "Add its public half to the credential's spec.target.recipients."
        ) from None
    except EnvelopeMisplacedError:
        raise EnvelopeOutdatedError("The mounted envelope is older than one that was opened before.") from None
    except (LlmkeysError, ValueError, RecursionError):
        raise EnvelopeRefusedError("The mounted envelope does not open: it was changed, or is none of ours.") from None


def _read(identity: Path | None) -> str:
    if identity is None:
        raise IdentityError(
            "The envelope is for recipients, whose private key opens it. Give its file with --identity FILE."
        )
    try:
        with identity.open("rb") as file:
            return file.read(_MAX_IDENTITY).decode("ascii")
    except (OSError, UnicodeDecodeError):
        raise IdentityError(f"{identity} is no readable file with a private key.") from None
