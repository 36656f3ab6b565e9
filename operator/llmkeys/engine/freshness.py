"""Whether what stands still holds: keyed digests of everything a reconciliation depends on.

Not the generation alone: a source or a provider may have changed while the operator was down. A restart with fresh
status calls no provider, reads no Secret and writes nothing.
"""

from collections.abc import Iterator

from llmkeys.api.credential import Inputs, LLMCredential
from llmkeys.api.objects import Key
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.mac import MacKey
from llmkeys.engine.keyring import KeyRing
from llmkeys.engine.models import asked_parts
from llmkeys.engine.resolve import Resolved
from llmkeys.engine.store import Store
from llmkeys.probe.build import endpoint_parts


def inputs_of(
    credential: LLMCredential, resolved: Resolved | None, store: Store, mac: MacKey, ring: KeyRing, *, admitted: bool
) -> Inputs:
    """The digests of now.

    Args:
        credential: as it is known.
        resolved: its provider, None if there is none.
        store: where the sources' versions are.
        mac: keys the digests.
        ring: the operator's keys.
        admitted: the provider admits the namespace.

    """
    namespace = credential.metadata.namespace
    endpoint = ""
    if resolved is not None and resolved.entry is not None and resolved.endpoints:
        endpoint = mac.digest("endpoint", namespace, _endpoint_parts(resolved, resolved.entry))
    return Inputs(
        probe=mac.digest("probe", namespace, _probe_parts(credential, resolved, store, ring, admitted=admitted)),
        endpoint=endpoint,
        delivery=mac.digest("delivery", namespace, _delivery_parts(credential, mac, ring)),
        models=_models(credential, resolved, mac),
    )


def _endpoint_parts(resolved: Resolved, entry: Provider) -> Iterator[str]:
    for endpoint in resolved.endpoints:
        yield from endpoint_parts(endpoint, entry)


def _models(credential: LLMCredential, resolved: Resolved | None, mac: MacKey) -> str:
    parts = tuple(asked_parts(credential, resolved)) if resolved is not None else ()
    return mac.digest("models", credential.metadata.namespace, parts) if parts else ""


def _probe_parts(
    credential: LLMCredential, resolved: Resolved | None, store: Store, ring: KeyRing, *, admitted: bool
) -> Iterator[str]:
    if resolved is None:
        yield "no provider"
    else:
        yield resolved.provider.metadata.uid
        yield str(resolved.provider.metadata.generation)
        yield resolved.entry.digest if resolved.entry else ""
    yield str(admitted)
    for entry in credential.spec.keys:
        yield entry.name
        if entry.sealed:
            yield ring.sealing_version
            # What a value opens for depends on the form of the delivery too.
            yield str(credential.metadata.generation)
        if entry.secret_ref is None:
            continue
        yield entry.secret_ref.name
        for field, where in sorted(entry.secret_ref.fields.items()):
            yield field
            yield where
        source = store.sources.get(Key(credential.metadata.namespace, entry.secret_ref.name))
        yield source.uid if source else ""
        yield source.resource_version if source else ""


def _delivery_parts(credential: LLMCredential, mac: MacKey, ring: KeyRing) -> Iterator[str]:
    yield str(credential.metadata.generation)
    yield str(mac.version)
    if credential.spec.target.sealed_by_ring:
        yield ring.delivery_version


def form_of(credential: LLMCredential, resolved: Resolved, mac: MacKey) -> str:
    """A digest of how the Secret is rendered and for whom: what a last good value was made for."""
    target = credential.spec.target
    endpoint = resolved.endpoint
    parts = [target.encryption, target.format, endpoint.audience if endpoint else ""]
    for name, template in sorted(target.data.items()):
        parts += [name, template]
    if target.recipients:
        parts += ["recipients", *sorted(target.recipients)]
    return mac.digest("form", credential.metadata.namespace, parts)
