"""The words of every reason: short, stable sentences that say what to do next.

A message never holds a time, a key or a provider's raw text, so that it changes only when the cause does. To change a
message, change its line. Placeholders: {provider} the LLMProvider, {title} the provider's name, {key} the entry,
{secret} and {field} of the source, {target} the generated Secret, {namespace}, {name}, {console}, {host}, {status},
{detail}, {config_map}.
"""

from collections.abc import Mapping
from typing import Final

from llmkeys.api.reasons import Reason

_MESSAGES: Final[dict[Reason, str]] = {
    Reason.VERIFIED: 'Key "{key}" was accepted by {title}.',
    Reason.UNVERIFIED: "{host} answers, but does not check keys; nothing is known about the key.",
    Reason.KEPT_LAST_GOOD: 'The replacement of key "{key}" is not proven yet; the last good value is still delivered.',
    Reason.REJECTED: '{title} refused key "{key}". Create a new key at {console} and put it into {source}.',
    Reason.EXPIRED: 'Key "{key}" has expired. Create a new key at {console} and put it into {source}.',
    Reason.ACCOUNT_BLOCKED: '{title} has blocked the account of key "{key}". Open {console} and contact the provider.',
    Reason.WRONG_CREDENTIAL_TYPE: (
        'Key "{key}" is another kind of credential than {title} takes here. Create an API key at {console}.'
    ),
    Reason.MALFORMED_KEY: (
        'Key "{key}" is empty, too long or holds characters that no key has; it was not sent. Check {source}.'
    ),
    Reason.CONFIRMING: '{title} refused key "{key}"; the refusal is being confirmed by further looks.',
    Reason.THROTTLED: '{title} is throttling key "{key}"; it is looked at again when the provider allows.',
    Reason.OVERLOADED: '{title} is overloaded and did not look at key "{key}"; it is looked at again by itself.',
    Reason.QUOTA_EXHAUSTED: 'Key "{key}" is valid but its quota or balance is used up. Check the billing at {console}.',
    Reason.NOT_ACTIVATED: 'Key "{key}" is valid but the service is not activated for it. Activate it at {console}.',
    Reason.PERMISSION_DENIED: (
        'Key "{key}" is valid but may not do what is asked (scope, address allow-list or account). Check it at '
        "{console}."
    ),
    Reason.MODEL_UNAVAILABLE: 'Key "{key}" is valid but a required model is not available to it.',
    Reason.REGION_DENIED: (
        "{title} does not serve the region that this cluster calls from; nothing is known about the key."
    ),
    Reason.PROVIDER_UNREACHABLE: "{host} did not answer; nothing is claimed about the key. It is looked at again.",
    Reason.BAD_ENDPOINT: (
        "{probe_url} is not the API of {title} (HTTP {status}). Check spec.baseURL of LLMProvider {provider}."
    ),
    Reason.ADDRESS_BLOCKED: (
        "{host} is a private or reserved address. If that is intended, set "
        "spec.network.allowPrivateAddresses of LLMProvider {provider}."
    ),
    Reason.PROVIDER_SUSPECT: (
        "{host} refuses many keys that were good before; its refusals are not believed until that ends."
    ),
    Reason.PROBE_REFUSED: "{title} refused the request that proves keys (HTTP {status}); nothing is claimed.",
    Reason.UNRECOGNISED: (
        "{title} gave an answer that no rule knows (HTTP {status}); nothing is claimed about the key."
    ),
    Reason.PROVIDER_NOT_FOUND: (
        "LLMProvider {provider} does not exist. Apply it, or correct spec.providerRef.name; "
        "see: kubectl get llmproviders"
    ),
    Reason.SOURCE_NOT_FOUND: (
        "Secret {namespace}/{secret} does not exist or is not labelled as a source. Create it, then: "
        "kubectl label secret -n {namespace} {secret} llmkeys.dev/source=true"
    ),
    Reason.SOURCE_NOT_ALLOWED: (
        "Secret {namespace}/{secret} may not be a source: it must be of type Opaque, labelled "
        "llmkeys.dev/source=true and not be written by llmkeys itself."
    ),
    Reason.SOURCE_FIELD_MISSING: (
        '{source} has no value for "{field}". Add it, or name another in spec.keys[].secretRef.fields.'
    ),
    Reason.UNKNOWN_TYPE: "LLMProvider {provider} has an unknown type. {detail}",
    Reason.DECRYPT_FAILED: (
        'The sealed value of key "{key}" ({field}) cannot be opened: it was changed, cut off, or sealed for another '
        "cluster. Seal the key again: llmkeys seal --fetch"
    ),
    Reason.SEALED_FOR_OTHER_SCOPE: (
        'The sealed value of key "{key}" ({field}) was sealed for {detail}; it opens nowhere else. Seal the key again '
        "for this place: llmkeys seal --fetch"
    ),
    Reason.KEY_RETIRED: (
        'The sealed value of key "{key}" ({field}) was sealed with key {detail}, which is retired. Seal the key again: '
        "llmkeys seal --fetch"
    ),
    Reason.SEALED_FOR_OTHER_HOST: (
        'Key "{key}" ({field}) may be sent to {detail} only, and LLMProvider {provider} sends keys elsewhere. Correct '
        "its spec, or seal the key again for it: llmkeys seal --fetch"
    ),
    Reason.SEALED_FOR_OTHER_DELIVERY: (
        'Key "{key}" ({field}) was sealed for delivery {detail}, and spec.target asks for another. Correct '
        "spec.target, or seal the key again: llmkeys seal --fetch"
    ),
    Reason.KEYS_MISSING: "{title} needs a key: add an entry to spec.keys.",
    Reason.DATA_INVALID: "spec.target cannot be rendered: {detail}",
    Reason.DISABLED: "The credential is disabled by spec.enabled.",
    Reason.PROVIDER_DISABLED: "LLMProvider {provider} is disabled by its spec.enabled.",
    Reason.NAMESPACE_NOT_ALLOWED: (
        "LLMProvider {provider} does not admit namespace {namespace}; ask the platform team, see its "
        "spec.allowedNamespaces."
    ),
    Reason.SYNCED: "Secret {target} holds the key.",
    Reason.TARGET_CONFLICT: (
        "Secret {target} exists and belongs to somebody else; it was not touched. Delete or rename it, or re-create "
        "this credential with another spec.target.name."
    ),
    Reason.CONTESTED: (
        'Secret {target} is changed again and again by "{detail}". Stop the other writer; the Secret is then restored.'
    ),
    Reason.WITHDRAWN: "Secret {target} was emptied: no key may be delivered.",
    Reason.AWAITING_KEY: "No key has been proven yet, so Secret {target} is not written.",
    Reason.CHECKING: 'Key "{key}" is being looked at.',
    Reason.NOT_APPLICABLE: "",
    Reason.RESOLVED: "The provider is ready to be used.",
    Reason.PUBLISHED: "ConfigMap {config_map} lists the models that proven keys open.",
    Reason.PUBLISHED_IN_PART: (
        "ConfigMap {config_map} lists some of the models that proven keys open: it cannot hold all of them. Narrow the "
        "list by spec.models.include of LLMProvider {provider}."
    ),
    Reason.AWAITING_MODELS: "ConfigMap {config_map} is written when a look at a key has shown which models it opens.",
    Reason.CONFIG_MAP_CONFLICT: (
        "ConfigMap {config_map} exists and was not written by llmkeys; it was not touched. Delete or rename it."
    ),
    Reason.PUBLISH_REFUSED: (
        "The controller may not write ConfigMap {config_map}. Apply the roles and policies of this version: "
        "kubectl apply --server-side -k config/"
    ),
}

_DETAILED: Final[dict[Reason, dict[str, str]]] = {
    Reason.BAD_ENDPOINT: {"detail": "LLMProvider {provider} cannot be used. {detail}"},
    Reason.MODEL_UNAVAILABLE: {
        "missing": (
            'Key "{key}" does not open: {missing}. Name other models in spec.requiredModels or in spec.models of '
            "LLMProvider {provider}, or have these opened at {console}."
        ),
    },
    Reason.EXPIRED: {
        "renews": (
            'Key "{key}" has expired, and its token cannot be renewed any more. Sign in again with the program whose '
            "file it is, and put the new file into {source}."
        ),
    },
    Reason.PROBE_REFUSED: {
        "renewal": (
            'The token of key "{key}" has ended and could not be renewed: {renewal}. Nothing is claimed about the key.'
        ),
    },
    Reason.UNVERIFIED: {
        "costs": (
            'Key "{key}" was not checked: the request that proves keys of {title} costs money. To allow it, set '
            "spec.validation.probe of LLMProvider {provider} to Paid."
        ),
        "untold": (
            'Key "{key}" was accepted by {host}, but no answer to a made-up key has told yet whether keys are checked '
            "there; one is sent again with a later look."
        ),
    },
}
"""Said instead where the value of that name is set: more is known than the reason alone says."""

_BECAUSE: Final[dict[Reason, str]] = {
    Reason.MALFORMED_KEY: 'Key "{key}" cannot be used: {because}. It was not sent. Check {source}.',
    Reason.WRONG_CREDENTIAL_TYPE: (
        'Key "{key}" is {because}, which is another kind of credential than {title} takes here. It was not sent.'
    ),
    Reason.EXPIRED: 'Key "{key}" has expired: {because}. Sign in again and put the new file into {source}.',
    Reason.BAD_ENDPOINT: 'Key "{key}" was not sent: {because}. Check {source}.',
}
"""Said instead where it is known more exactly why a key was not sent."""

_NOTES: Final = {
    "skipped": " Passed over: {skipped}.",
    "trimmed": " White space around its value was taken off.",
}
"""Added behind the sentence where the value of that name is set."""

_NOTES_OF: Final[dict[Reason, tuple[str, str]]] = {
    Reason.REJECTED: (
        "regions",
        " If it is the key of another region, set spec.region of LLMProvider {provider} to that one: {regions}.",
    ),
    Reason.BAD_ENDPOINT: ("answers_at", " The API answers below {answers_at}: set spec.baseURL to that."),
}
"""The same, for one reason only."""


class _Blank(dict[str, str]):
    """A placeholder that nobody filled reads as a neutral word instead of failing the reconciliation."""

    def __missing__(self, name: str) -> str:
        return {"title": "The provider", "console": "the provider's console", "source": "its source Secret"}.get(
            name, "?"
        )


def sentence(reason: Reason) -> str:
    """The sentence of a reason with its placeholders, as documents show it."""
    return _MESSAGES[reason]


def message_of(reason: Reason, values: Mapping[str, str]) -> str:
    """The sentence of a reason, with notes on keys that were passed over and on values that were trimmed."""
    detailed = (text for name, text in _DETAILED.get(reason, {}).items() if values.get(name))
    text = next(detailed, _MESSAGES[reason])
    if values.get("because") and reason in _BECAUSE:
        text = _BECAUSE[reason]
    because, note = _NOTES_OF.get(reason, ("", ""))
    if because and values.get(because):
        text += note
    if "{key}" in text:
        text += "".join(note for name, note in _NOTES.items() if values.get(name))
    return text.format_map(_Blank(values))
