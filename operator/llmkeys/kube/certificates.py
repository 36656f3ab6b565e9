"""Keeps the unsealer's authority and its serving certificate in their Secrets."""

from collections.abc import Sequence
from typing import Final, Self

import structlog

from llmkeys.api.names import UNSEALER_CA_SECRET, UNSEALER_TLS_SECRET
from llmkeys.crypto.certificates import (
    Authorities,
    AuthorityMalformedError,
    Certificate,
    KeyedCertificate,
    authorities_data,
    authorities_from,
    issue,
    serving_due,
)
from llmkeys.engine.effects import ConflictError
from llmkeys.kube.ring_objects import TLS, OwnObject, OwnObjects

TLS_CERTIFICATE: Final = "tls.crt"
TLS_KEY: Final = "tls.key"
_ATTEMPTS: Final = 3

log = structlog.get_logger(__name__)


class Certificates:
    """The certificates of one operator, as they were last read or written. Made by `load`.

    Args:
        objects: of the operator's namespace.
        names: DNS names and IP addresses of the unsealer.
        authorities: as stored.

    """

    def __init__(self, objects: OwnObjects, names: Sequence[str], authorities: Authorities) -> None:
        self.authorities = authorities
        self.versions: dict[str, str] = {}
        self._objects = objects
        self._names = tuple(dict.fromkeys(names))
        self._serving: KeyedCertificate | None = None

    @classmethod
    async def load(cls, objects: OwnObjects, names: Sequence[str], now: float, *, renew: bool = True) -> Self:
        """Read them, and make what is missing; of two that race both end with the same authority.

        Args:
            objects: of the operator's namespace.
            names: DNS names and IP addresses of the unsealer.
            now: epoch seconds.
            renew: what is due, too.

        Raises:
            AuthorityMalformedError: the Secret of the authority is not as it was written.

        """
        made = cls(objects, names, Authorities.first(now))
        for attempt in range(_ATTEMPTS):
            try:
                await made.ensure(now, renew=renew)
            except ConflictError:
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
            break
        return made

    def bundle(self) -> str:
        """PEM text of all authorities that a client is to trust."""
        return self.authorities.bundle()

    def due(self, now: float) -> bool:
        """Whether anything is to be renewed, as far as is known without asking the API server."""
        if self._serving is None or self.authorities.advanced(now) is not self.authorities:
            return True
        return serving_due(self._serving, self.authorities.current, self._names, now)

    async def ensure(self, now: float, *, renew: bool = True) -> None:
        """Read both Secrets again, and renew or make what is to be.

        Args:
            now: epoch seconds.
            renew: False changes nothing and puts nothing back; only what was never there is made.

        Raises:
            ConflictError: somebody else writes them at this moment.
            AuthorityMalformedError: the Secret of the authority was spoilt; what is in memory signs on.

        """
        spoilt: AuthorityMalformedError | None = None
        try:
            await self._ensure_authorities(now, renew=renew)
        except AuthorityMalformedError as error:
            if self._serving is None:
                raise
            spoilt = error
        await self._ensure_serving(now, renew=renew)
        if spoilt is not None:
            raise spoilt

    async def _ensure_authorities(self, now: float, *, renew: bool) -> None:
        found = await self._objects.read("secrets", UNSEALER_CA_SECRET)
        if found is None:
            if not self._makes(UNSEALER_CA_SECRET, renew=renew):
                return
            found = await self._create_authorities()
        stored = self._read(found)
        wanted = stored.advanced(now) if renew else stored
        if wanted is not stored:
            found = await self._objects.replace(found, authorities_data(wanted))
            log.info("the unsealer's certificate authorities moved on", known=[one.id for one in wanted.known()])
        self.versions[UNSEALER_CA_SECRET] = found.resource_version
        self.authorities = wanted

    async def _create_authorities(self) -> OwnObject:
        known = UNSEALER_CA_SECRET in self.versions
        lost = not known and await self._objects.read("secrets", UNSEALER_TLS_SECRET) is not None
        found = await self._objects.create("secrets", UNSEALER_CA_SECRET, authorities_data(self.authorities))
        secret = self._label(UNSEALER_CA_SECRET)
        if known:
            log.error("the Secret of the unsealer's authority was deleted; it was put back from memory", secret=secret)
        elif lost:
            log.error(
                "the unsealer's authority was lost and there is a new one. Re-create the pods that use the unsealer, "
                "or bring the old one back: llmkeys keys restore --replace FILE",
                secret=secret,
            )
        else:
            log.info("the unsealer's authority was created", secret=secret)
        return found

    def _read(self, found: OwnObject) -> Authorities:
        try:
            return authorities_from(found.data)
        except AuthorityMalformedError as error:
            raise AuthorityMalformedError(
                f"Secret {self._label(UNSEALER_CA_SECRET)} cannot be used. {error} Restore it from a backup: llmkeys "
                "keys restore --replace FILE. Or delete it; then all pods that use the unsealer must be re-created."
            ) from None

    async def _ensure_serving(self, now: float, *, renew: bool) -> None:
        found = await self._objects.read("secrets", UNSEALER_TLS_SECRET)
        current = self.authorities.current
        serving = None if found is None else _serving_from(found)
        due = serving is None or serving_due(serving, current, self._names, now)
        if due and (renew if found is not None else self._makes(UNSEALER_TLS_SECRET, renew=renew)):
            serving = issue(current, self._names, now)
            data = {TLS_CERTIFICATE: serving.certificate.pem.encode(), TLS_KEY: serving.key.encode()}
            if found is None:
                found = await self._objects.create("secrets", UNSEALER_TLS_SECRET, data, kind=TLS)
            else:
                found = await self._objects.replace(found, data)
            log.info("the unsealer has a new serving certificate", certificate=serving.certificate.id)
        if found is not None:
            self.versions[UNSEALER_TLS_SECRET] = found.resource_version
        self._serving = serving

    def _makes(self, name: str, *, renew: bool) -> bool:
        """Whether an object that is not there is to be made; one that was there is put back by the leader alone."""
        return renew or name not in self.versions

    def _label(self, name: str) -> str:
        return f"{self._objects.namespace}/{name}"


def _serving_from(found: OwnObject) -> KeyedCertificate:
    texts = (found.data.get(name, b"").decode(errors="replace") for name in (TLS_CERTIFICATE, TLS_KEY))
    certificate, key = texts
    return KeyedCertificate(Certificate(certificate), key)
