"""Whether a credential may be worked on at all, found without reading or sending anything.

And what follows from its manifests alone: the names of the variables, the audience, the words for its messages.
"""

from dataclasses import dataclass, field, replace

from llmkeys.api.credential import LLMCredential, UnsealerStatus
from llmkeys.api.reasons import Reason
from llmkeys.crypto.errors import PublicKeyMalformedError
from llmkeys.delivery.carried import check_carried
from llmkeys.delivery.holders import recipients_of
from llmkeys.delivery.names import files_of, names_of, optional_names_of
from llmkeys.delivery.render import DataInvalidError, check_data
from llmkeys.engine.outcome import Names
from llmkeys.engine.resolve import Resolved, Resolver
from llmkeys.engine.store import Store
from llmkeys.probe.endpoint import other_regions


@dataclass(frozen=True, slots=True)
class Admission:
    """What is known before anything is read.

    Args:
        refusal: the first reason not to go on, None if there is none.
        resolved: the provider, None if there is none.
        admitted: the provider admits the namespace.
        names: see `Names`.
        values: words for the messages.
    """

    refusal: Reason | None
    resolved: Resolved | None
    admitted: bool
    names: Names
    values: dict[str, str] = field(default_factory=dict)

    def told(self, **words: str) -> "Admission":
        """The same with more words for the messages."""
        return replace(self, values={**self.values, **words})


def admit(credential: LLMCredential, store: Store, resolver: Resolver, unsealer: UnsealerStatus) -> Admission:
    """Check a credential against its manifest, its provider and its namespace."""
    unsealing = unsealer if credential.spec.target.sealed_by_ring else None
    spec = credential.spec
    namespace = credential.metadata.namespace
    values = {
        "provider": spec.provider_ref.name,
        "namespace": namespace,
        "name": credential.metadata.name,
        "target": credential.secret_name,
    }
    provider = store.providers.get(spec.provider_ref.name)
    if provider is None:
        missing = Reason.PROVIDER_NOT_FOUND if spec.enabled else Reason.DISABLED
        return Admission(missing, None, admitted=False, names=Names(unsealer=unsealing), values=values)
    resolved = resolver.resolve(provider)
    values |= _words(resolved)
    known = store.namespaces.get(namespace)
    admitted = provider.spec.allowed_namespaces.admits(known.labels if known else None)
    refusal = _refusal(credential, resolved, values, admitted=admitted)
    names = replace(_names(credential, resolved), unsealer=unsealing)
    return Admission(refusal, resolved, admitted, names, values)


def _refusal(credential: LLMCredential, resolved: Resolved, values: dict[str, str], *, admitted: bool) -> Reason | None:
    spec = credential.spec
    if not spec.enabled:
        return Reason.DISABLED
    if resolved.problem is not None:
        return resolved.problem
    if not admitted:
        return Reason.NAMESPACE_NOT_ALLOWED
    if resolved.entry is None or resolved.endpoint is None:
        return None
    try:
        check_data(spec.target, resolved.entry, resolved.endpoint, resolved.provider.spec.models.defaults)
        check_carried(spec.target, resolved.entry, resolved.endpoint)
        recipients_of(spec.target)
    except (DataInvalidError, PublicKeyMalformedError) as error:
        values["detail"] = str(error)
        return Reason.DATA_INVALID
    if not spec.keys and resolved.entry.key_required:
        return Reason.KEYS_MISSING
    return None


def _words(resolved: Resolved) -> dict[str, str]:
    words = {"detail": resolved.detail}
    if resolved.entry is not None:
        words["title"] = resolved.entry.names.en
        if resolved.entry.console.url:
            words["console"] = resolved.entry.console.url
    if resolved.endpoint is not None:
        words |= {"host": str(resolved.endpoint.origin), "probe_url": resolved.endpoint.probe}
        if resolved.entry is not None:
            words["regions"] = ", ".join(other_regions(resolved.provider.spec, resolved.entry))
        words["costs"] = "" if resolved.endpoint.may_probe else "yes"
    return words


def _names(credential: LLMCredential, resolved: Resolved) -> Names:
    entry, endpoint = resolved.entry, resolved.endpoint
    if entry is None:
        return Names()
    if endpoint is None:
        return Names(entry.id)
    try:
        models = resolved.provider.spec.models.defaults
        fields = credential.spec.named_fields if credential.spec.keys else None
        env = names_of(credential.spec.target, entry, endpoint, models, fields)
        files = files_of(credential.spec.target, entry, endpoint, models, fields)
    except DataInvalidError:
        return Names(entry.id, endpoint.audience)
    return Names(entry.id, endpoint.audience, env, optional_names_of(credential.spec.target, entry, fields), files)
