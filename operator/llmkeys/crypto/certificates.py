"""The unsealer's certificates: an authority of its own, and serving certificates that live for days.

Pods keep the bundle of their admission for as long as they run, so an authority is in every bundle a year before it
signs. Times are backdated: clocks of pods and nodes differ.
"""

import hashlib
import ipaddress
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from llmkeys.api.errors import PlatformError

DAY: Final = 24 * 3600.0
YEAR: Final = 365 * DAY
AUTHORITY_LIFE: Final = 10 * YEAR
KNOWN_BEFORE: Final = YEAR
"""How long an authority is in every bundle before it signs."""
SERVING_LIFE: Final = 7 * DAY
_RENEW_AFTER: Final = 2 / 3
_BACKDATED: Final = 2 * 3600.0
_ID_CHARACTERS: Final = 16

_CURRENT: Final = ("ca.crt", "ca.key")
_NEXT: Final = ("next.crt", "next.key")
_PREVIOUS: Final = "previous.crt"


class AuthorityMalformedError(PlatformError):
    """The stored authority is not as it was written; the text names the entry and never what it holds."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as PEM text, and what is asked of it."""

    pem: str

    @property
    def id(self) -> str:
        """The first 16 hex characters of its SHA-256, as `openssl x509 -fingerprint -sha256` shows it."""
        return self.parsed.fingerprint(hashes.SHA256()).hex()[:_ID_CHARACTERS]

    @property
    def not_before(self) -> float:
        """Epoch seconds."""
        return self.parsed.not_valid_before_utc.timestamp()

    @property
    def not_after(self) -> float:
        """Epoch seconds."""
        return self.parsed.not_valid_after_utc.timestamp()

    @property
    def parsed(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.pem.encode())


@dataclass(frozen=True, slots=True)
class KeyedCertificate:
    """A certificate with its private key.

    Args:
        certificate: of an authority, or one that a server shows.
        key: PKCS#8 in PEM.

    """

    certificate: Certificate
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authorities:
    """Who signs now, who will, and who did.

    Args:
        current: signs.
        following: is only made known.
        previous: signs nothing any more; pods may still meet what it signed.

    """

    current: KeyedCertificate
    following: KeyedCertificate | None = None
    previous: tuple[Certificate, ...] = ()

    @classmethod
    def first(cls, now: float) -> Self:
        """With one new authority."""
        return cls(_new_authority(now))

    def known(self) -> tuple[Certificate, ...]:
        """All that a client is told, the oldest first: when another one begins to sign, nothing of it changes."""
        following = () if self.following is None else (self.following.certificate,)
        return (*self.previous, self.current.certificate, *following)

    def bundle(self) -> str:
        """PEM text of all that a client is told."""
        return "".join(one.pem for one in self.known())

    def advanced(self, now: float) -> Self:
        """As they should be by now; itself if nothing is due."""
        found = self
        if found.following is None and found.current.certificate.not_after - now <= 2 * KNOWN_BEFORE:
            found = replace(found, following=_new_authority(now))
        following = found.following
        if following is not None and _hands_over(found.current.certificate, following.certificate, now):
            found = replace(
                found, current=following, following=None, previous=(*found.previous, found.current.certificate)
            )
        living = tuple(one for one in found.previous if one.not_after > now)
        return found if living == found.previous else replace(found, previous=living)

    def without(self, authority_id: str, now: float) -> Self:
        """With that one trusted no more, at once: its successor signs, a new one if there is none.

        Args:
            authority_id: of any that is known; itself if it is of none.
            now: epoch seconds.

        """
        found = replace(self, previous=tuple(one for one in self.previous if one.id != authority_id))
        if found.following is not None and found.following.certificate.id == authority_id:
            return replace(found, following=None)
        if found.current.certificate.id == authority_id:
            return replace(found, current=found.following or _new_authority(now), following=None)
        return found


def authorities_data(authorities: Authorities) -> dict[str, bytes]:
    """The authorities as a Secret's data: PEM entries."""
    data = _entries(_CURRENT, authorities.current)
    if authorities.following is not None:
        data |= _entries(_NEXT, authorities.following)
    if authorities.previous:
        data[_PREVIOUS] = "".join(one.pem for one in authorities.previous).encode()
    return data


def authorities_from(data: Mapping[str, bytes]) -> Authorities:
    """The authorities in a Secret's data.

    Raises:
        AuthorityMalformedError: they are not as `authorities_data` wrote them.

    """
    following = _keyed(data, _NEXT) if set(_NEXT) & set(data) else None
    try:
        previous = x509.load_pem_x509_certificates(data[_PREVIOUS]) if _PREVIOUS in data else []
    except ValueError:
        raise AuthorityMalformedError(f"The entry {_PREVIOUS} is not as llmkeys wrote it.") from None
    return Authorities(_keyed(data, _CURRENT), following, tuple(map(_certificate, previous)))


def serving_names(service: str, namespace: str) -> tuple[str, ...]:
    """The DNS names of a Service (https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/)."""
    inside = f"{service}.{namespace}.svc"
    return (inside, f"{inside}.cluster.local", f"{service}.{namespace}", service)


def issue(authority: KeyedCertificate, names: Sequence[str], now: float) -> KeyedCertificate:
    """A serving certificate with a new key.

    Args:
        authority: signs it.
        names: DNS names and IP addresses of the server.
        now: epoch seconds.

    """
    issuer = authority.certificate.parsed
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder("llmkeys unsealer", issuer.subject, key.public_key(), now, SERVING_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(_authority_key_identifier(issuer), critical=False)
    )
    return _signed(builder, key, _private_key(authority.key))


def serving_due(serving: KeyedCertificate, authority: KeyedCertificate, names: Collection[str], now: float) -> bool:
    """Whether a serving certificate is to be replaced: old, broken, for other names, or of another authority.

    Args:
        serving: what the server shows now; anything.
        authority: that should have signed it.
        names: DNS names and IP addresses that it must be for.
        now: epoch seconds.

    """
    try:
        found = serving.certificate.parsed
        found.verify_directly_issued_by(authority.certificate.parsed)
        alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        belong = _private_key(serving.key).public_key() == found.public_key()
    except Exception:  # noqa: BLE001  whatever is wrong with it, a new one helps
        return True
    begins, ends = serving.certificate.not_before, serving.certificate.not_after
    in_time = begins <= now < begins + _RENEW_AFTER * (ends - begins)
    return not (belong and in_time and set(alternatives) == {_general_name(name) for name in names})


def _hands_over(current: Certificate, following: Certificate, now: float) -> bool:
    known_for = now - following.not_before - _BACKDATED
    # A controller that was away for years has to let the new one sign unannounced: the old one's time is up.
    return known_for >= KNOWN_BEFORE or current.not_after - now <= SERVING_LIFE


def _new_authority(now: float) -> KeyedCertificate:
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # Clients look an issuer up by its subject: two authorities of one bundle must not have the same.
    name = f"llmkeys unsealer CA {hashlib.sha256(identifier.digest).hexdigest()[:8]}"
    builder = (
        _builder(name, None, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
    )
    return _signed(builder, key, key)


def _builder(
    name: str, issuer: x509.Name | None, public: ec.EllipticCurvePublicKey, now: float, life: float
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(now - _BACKDATED, UTC))
        .not_valid_after(datetime.fromtimestamp(now + life, UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> KeyedCertificate:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return KeyedCertificate(_certificate(builder.sign(signer, hashes.SHA256())), key.private_bytes(*form).decode())


def _certificate(parsed: x509.Certificate) -> Certificate:
    return Certificate(parsed.public_bytes(serialization.Encoding.PEM).decode())


def _private_key(pem: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("not a key on an elliptic curve")
    return key


def _authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _entries(names: tuple[str, str], authority: KeyedCertificate) -> dict[str, bytes]:
    certificate, key = names
    return {certificate: authority.certificate.pem.encode(), key: authority.key.encode()}


def _keyed(data: Mapping[str, bytes], names: tuple[str, str]) -> KeyedCertificate:
    certificate, key = names
    try:
        found = x509.load_pem_x509_certificate(data[certificate])
        text = data[key].decode()
        belong = _private_key(text).public_key() == found.public_key()
    except Exception:  # noqa: BLE001  parsers of PEM and keys raise many kinds, some of them with the text
        belong = False
    if not belong:
        raise AuthorityMalformedError(f"The entries {certificate} and {key} are not as llmkeys wrote them.")
    return KeyedCertificate(_certificate(found), text)
