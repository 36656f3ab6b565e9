"""A credential that nobody has, of the form that a type's own have: what the negative control shows.

Everything that a scheme shows is made up, the names beside the secret too: no part of anybody's credential is shown
for it, and it is signed, posted or exchanged as a real one is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from hashlib import shake_256
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from llmkeys.catalogue.credential import Auth, CredentialFile, SecretField
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.probe.material import Material

NOISE: Final = 128
"""Random bytes that a made-up key is made of."""

_USUAL_PREFIX: Final = "sk-"
_USUAL_LENGTH: Final = 48
_ALPHABETS: Final = ("0123456789abcdef", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_HEX, _LETTERS = _ALPHABETS
_ID, _SIGNING = 32, 16
_RSA_BITS: Final = 2048
_RSA_EXPONENT: Final = 65537


def made_up_key(entry: Provider, noise: bytes) -> Material:
    """A key of the usual form that nobody has.

    Args:
        entry: whose fields it is for, with one kind of credential only (see `kind.kind_of`); known prefixes and
            patterns are kept to where that can be done.
        noise: `NOISE` random bytes.

    """
    needed = (one for one in entry.secret_fields if not one.optional or one.name == entry.auth.field)
    return Material(tuple((one.name, Secret(_value(one, entry.auth, noise))) for one in needed))


def _value(field: SecretField, auth: Auth, noise: bytes) -> str:
    own = shake_256(noise + field.name.encode()).digest(NOISE)
    form = _FORMS.get(auth.scheme) if field.name == auth.field else None
    return form(auth, own) if form else _token(field, own)


def _token(field: SecretField, noise: bytes) -> str:
    forms = tuple(_tokens(field, noise))
    return next((one for one in forms if field.pattern and re.fullmatch(field.pattern, one)), "") or _usual(forms)


def _tokens(field: SecretField, noise: bytes) -> Iterator[str]:
    for prefix in field.prefixes or (_USUAL_PREFIX, ""):
        for alphabet in _ALPHABETS:
            text = _spelt(noise, alphabet)
            for length in range(1, len(text) + 1):
                yield prefix + text[:length]


def _usual(forms: tuple[str, ...]) -> str:
    """The first prefix with as many letters and digits as most keys have."""
    return forms[NOISE + _USUAL_LENGTH - 1]


def _spelt(noise: bytes, alphabet: str) -> str:
    return "".join(alphabet[byte % len(alphabet)] for byte in noise)


def _signing_key(_auth: Auth, noise: bytes) -> str:
    """`<id>.<secret>`."""
    return f"{_spelt(noise[:_ID], _HEX)}.{_spelt(noise[_ID : _ID + _SIGNING], _LETTERS)}"


def _oauth_file(auth: Auth, noise: bytes) -> str:
    file = auth.file or CredentialFile()
    document: dict[str, Any] = {}
    for path in (*file.access_token[:1], *file.required):
        *above, last = path.split(".")
        place = document
        for name in above:
            place = place.setdefault(name, {})
        place[last] = _spelt(noise, _LETTERS)
    return msgspec.json.encode(document).decode()


def _service_account(_auth: Auth, noise: bytes) -> str:
    name = _spelt(noise[:_ID], _HEX)
    document = {"client_email": f"{name}@{name[:8]}.iam.gserviceaccount.com", "private_key": _nobodys_rsa_key()}
    return msgspec.json.encode(document).decode()


@cache
def _nobodys_rsa_key() -> str:
    """Made once in a process, for that takes long; the account is another each time."""
    key = rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


_FORMS: Final[Mapping[str, Callable[[Auth, bytes], str]]] = {
    "jwt_hs256": _signing_key,
    "oauth_creds_json": _oauth_file,
    "gcp_service_account": _service_account,
}
"""What the schemes read that take more than a token, by their names in the catalogue."""
