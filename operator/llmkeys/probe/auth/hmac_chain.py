"""The chain of HMACs by which signature schemes narrow a key to a day, a place and a service (RFC 2104)."""

import hmac
from hashlib import sha256


def chained(secret: str, *links: str) -> bytes:
    """The signing key: each link is authenticated with what came before it."""
    key = secret.encode()
    for link in links:
        key = hmac.digest(key, link.encode(), sha256)
    return key


def signature(key: bytes, text: str) -> str:
    """In lower-case hexadecimal digits."""
    return hmac.digest(key, text.encode(), sha256).hex()
