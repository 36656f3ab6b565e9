"""A key that is a file whose access token may be renewed: which file it is, and when that is due."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from llmkeys.api.credential import KeyEntry, LLMCredential
from llmkeys.catalogue.credential import Auth
from llmkeys.crypto.mac import MacKey
from llmkeys.crypto.secret import Secret
from llmkeys.engine.renewed_book import RenewedFile
from llmkeys.engine.resolve import Resolved
from llmkeys.probe.auth.renewal import ends_at, renew_at
from llmkeys.probe.build import key_parts
from llmkeys.probe.kind import Kind, can_be_renewed, kind_of
from llmkeys.probe.material import Candidate, Material
from llmkeys.probe.url import Origin, origin_of

_PURPOSE = "renewed"


@dataclass(frozen=True, slots=True)
class Renewable:
    """A file, as it is now.

    Args:
        place: where its renewed form is kept: `<owner>.<rest>`. The owner is the source, by name, so that it outlives
            both the source's and the credential's being created anew.
        original: a keyed digest of what is in the source.
        kind: how its token is shown and renewed.
        text: the file in force.
        renewed: when it was renewed (epoch seconds), 0 if it is as in the source.
        lifetime: seconds that its access token lives in all, None if that is not known.
        asked: when it was last renewed because the provider said that the token has expired, 0 if never.

    """

    place: str
    original: str
    kind: Kind
    text: Secret = field(repr=False)
    renewed: float = 0.0
    lifetime: float | None = None
    asked: float = 0.0

    @property
    def auth(self) -> Auth:
        return self.kind.entry.auth

    @property
    def origin(self) -> Origin:
        """Of the service that renews it."""
        return origin_of(self.kind.endpoint.renewal)

    @property
    def end(self) -> float | None:
        """When its access token ends (epoch seconds), None if it does not say."""
        return ends_at(self.text.reveal(), self.auth)

    @property
    def renew_at(self) -> float | None:
        """When it is to be renewed (epoch seconds), None if it does not say when it ends."""
        return renew_at(self.text.reveal(), self.auth, self.lifetime)

    def is_due(self, now: float) -> bool:
        at = self.renew_at
        return at is not None and at <= now

    def after(self, found: RenewedFile) -> "Renewable":
        """The same file in its renewed form."""
        return replace(self, text=Secret(found.text), renewed=found.renewed, lifetime=found.lifetime, asked=found.asked)


def renewable_of(credential: LLMCredential, resolved: Resolved, candidate: Candidate, mac: MacKey) -> Renewable | None:
    """The file that a key is; None if it is none, or is not to be renewed."""
    entry, endpoint, material = resolved.entry, resolved.endpoint, candidate.material
    if entry is None or endpoint is None or material is None or candidate.problem is not None:
        return None
    kind = kind_of(endpoint, entry, material)
    text = material.get(kind.entry.auth.field)
    source = next((one for one in credential.spec.keys if one.name == candidate.entry), None)
    if text is None or source is None or not can_be_renewed(kind, material):
        return None
    namespace, name = credential.metadata.namespace, kind.entry.auth.field
    where = source.secret_ref.fields.get(name, name) if source.secret_ref else name
    rest = mac.digest(_PURPOSE, namespace, ("file", endpoint.renewal, where))
    return Renewable(
        place=f"{_owner_of(credential, source, mac)}.{rest}",
        original=mac.digest(_PURPOSE, namespace, ("original", *key_parts(material))),
        kind=kind,
        text=text,
    )


def owners_in(credentials: Iterable[LLMCredential], mac: MacKey) -> frozenset[str]:
    """The owners of all files that these credentials may have."""
    return frozenset(_owner_of(one, entry, mac) for one in credentials for entry in one.spec.keys)


def with_file(material: Material, file: Renewable) -> Material:
    """The key with the file in force."""
    name = file.auth.field
    return Material(tuple((known, file.text if known == name else secret) for known, secret in material.items()))


def _owner_of(credential: LLMCredential, entry: KeyEntry, mac: MacKey) -> str:
    return mac.digest(_PURPOSE, credential.metadata.namespace, _source(credential, entry))


def _source(credential: LLMCredential, entry: KeyEntry) -> Iterator[str]:
    """What a key is read from. A copy of a used-up file is another source, and gains nothing."""
    if entry.secret_ref is not None:
        yield from ("secret", entry.secret_ref.name)
    else:
        yield from ("sealed", credential.metadata.name, entry.name)
