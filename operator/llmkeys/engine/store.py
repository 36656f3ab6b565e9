"""What is known of the cluster: the two kinds as typed values, Secrets and namespaces as metadata only.

Filled by events and by the answers to our own writes, whichever is newer; an older version never replaces a newer
one. Indexes lead from a provider or a source to the credentials that name it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from llmkeys.api.credential import LLMCredential
from llmkeys.api.objects import Key
from llmkeys.api.provider import LLMProvider
from llmkeys.delivery.manifest import SecretMeta

_At = TypeVar("_At")


def newer(candidate: str, known: str) -> bool:
    """Whether a resourceVersion is later than another.

    They are compared as numbers, which Kubernetes 1.35 made official for resources stored in etcd
    (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions).
    """
    if candidate.isdigit() and known.isdigit():
        return int(candidate) > int(known)
    return candidate != known


@dataclass(frozen=True, slots=True)
class Namespace:
    """What is kept of a namespace."""

    uid: str
    labels: dict[str, str]


class Store:
    """The caches. Everything is in memory and may be asked without waiting."""

    def __init__(self) -> None:
        self.credentials: dict[Key, LLMCredential] = {}
        self.providers: dict[str, LLMProvider] = {}
        self.sources: dict[Key, SecretMeta] = {}
        self.generated: dict[Key, SecretMeta] = {}
        self.namespaces: dict[str, Namespace] = {}
        self._by_provider: defaultdict[str, set[Key]] = defaultdict(set)
        self._by_source: defaultdict[Key, set[Key]] = defaultdict(set)
        self._by_secret: defaultdict[Key, set[Key]] = defaultdict(set)

    # -- credentials -----------------------------------------------------------------------------------------

    def put_credential(self, credential: LLMCredential) -> LLMCredential | None:
        """Take in a version; returns what was known before, or the same object if this one is not newer."""
        key = credential.key
        known = self.credentials.get(key)
        if known is not None and known.metadata.uid == credential.metadata.uid:
            if not newer(credential.metadata.resource_version, known.metadata.resource_version):
                return credential
            if known.spec == credential.spec:
                # One copy of an unchanged spec is enough for both versions.
                credential = LLMCredential(credential.metadata, known.spec, credential.status)
        if known is not None and known.spec is not credential.spec:
            self._unlink(known)
        self.credentials[key] = credential
        if known is None or known.spec is not credential.spec:
            self._link(credential)
        return known

    def drop_credential(self, key: Key) -> LLMCredential | None:
        known = self.credentials.pop(key, None)
        if known is not None:
            self._unlink(known)
        return known

    def credentials_of_provider(self, name: str) -> Iterable[Key]:
        return tuple(self._by_provider.get(name, ()))

    def credentials_of_source(self, source: Key) -> Iterable[Key]:
        return tuple(self._by_source.get(source, ()))

    def sharing_a_source(self, credential: LLMCredential) -> Iterator[LLMCredential]:
        """Those that name one of its source Secrets."""
        users = {user for source in _sources(credential) for user in self._by_source.get(source, ())}
        yield from (self.credentials[user] for user in users)

    def credentials_of_secret(self, secret: Key) -> Iterable[Key]:
        """Who writes, or wants to write, this Secret."""
        return tuple(self._by_secret.get(secret, ()))

    def _link(self, credential: LLMCredential) -> None:
        key = credential.key
        self._by_provider[credential.spec.provider_ref.name].add(key)
        self._by_secret[Key(key.namespace, credential.secret_name)].add(key)
        for source in _sources(credential):
            self._by_source[source].add(key)

    def _unlink(self, credential: LLMCredential) -> None:
        key = credential.key
        _remove(self._by_provider, credential.spec.provider_ref.name, key)
        _remove(self._by_secret, Key(key.namespace, credential.secret_name), key)
        for source in _sources(credential):
            _remove(self._by_source, source, key)

    # -- providers -------------------------------------------------------------------------------------------

    def put_provider(self, provider: LLMProvider) -> LLMProvider | None:
        """Take in a version; returns what was known before, or the same object if this one is not newer."""
        known = self.providers.get(provider.metadata.name)
        if (
            known is not None
            and known.metadata.uid == provider.metadata.uid
            and not newer(provider.metadata.resource_version, known.metadata.resource_version)
        ):
            return provider
        self.providers[provider.metadata.name] = provider
        return known

    # -- Secrets ---------------------------------------------------------------------------------------------

    def put_secret(self, secrets: dict[Key, SecretMeta], key: Key, meta: SecretMeta) -> bool:
        """Take in a Secret's metadata; True if it is news."""
        known = secrets.get(key)
        if known is not None and known.uid == meta.uid and not newer(meta.resource_version, known.resource_version):
            return False
        secrets[key] = meta
        return True


def _sources(credential: LLMCredential) -> Iterable[Key]:
    for entry in credential.spec.keys:
        if entry.secret_ref is not None:
            yield Key(credential.metadata.namespace, entry.secret_ref.name)


def _remove(index: defaultdict[_At, set[Key]], at: _At, key: Key) -> None:
    keys = index.get(at)
    if keys is not None:
        keys.discard(key)
        if not keys:
            del index[at]
