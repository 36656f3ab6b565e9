"""Every name that is part of the contract with users: group, kinds, labels, objects of ours."""

from typing import Final

GROUP: Final = "llmkeys.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

PROVIDER_KIND: Final = "LLMProvider"
PROVIDER_PLURAL: Final = "llmproviders"
CREDENTIAL_KIND: Final = "LLMCredential"
CREDENTIAL_PLURAL: Final = "llmcredentials"

CREDENTIAL_LABEL: Final = "llmkeys.dev/credential"
SOURCE_LABEL: Final = "llmkeys.dev/source"
INTERNAL_LABEL: Final = "llmkeys.dev/internal"

HOSTS_ANNOTATION: Final = "llmkeys.dev/hosts"
"""On a source Secret: the hosts, separated by commas, that its keys may be sent to."""

MAC_SECRET: Final = "llmkeys-mac"  # noqa: S105  the name of a Secret, not a secret
SEALING_SECRET: Final = "llmkeys-sealing"  # noqa: S105
ENVELOPE_SECRET: Final = "llmkeys-envelope"  # noqa: S105
UNSEALER_TLS_SECRET: Final = "llmkeys-unsealer-tls"  # noqa: S105
UNSEALER_CA_SECRET: Final = "llmkeys-unsealer-ca"  # noqa: S105
OWN_SECRETS: Final = (MAC_SECRET, SEALING_SECRET, ENVELOPE_SECRET, UNSEALER_TLS_SECRET, UNSEALER_CA_SECRET)
PUBLIC_KEYS: Final = "llmkeys-public-keys"
"""The ConfigMap that everybody who is logged in may read."""

ENVELOPE: Final = "envelope"
"""The one key of a generated Secret that is an envelope."""

TOKEN_AUDIENCE: Final = "llmkeys.dev"  # noqa: S105
"""The audience of tokens that the unsealer takes."""

UNSEALER_SERVICE: Final = "llmkeys-unsealer"
CONTROLLER_ACCOUNT: Final = "llmkeys-controller"
UNSEALER_ACCOUNT: Final = "llmkeys-unsealer"

DEFAULT_NAMESPACE: Final = "llmkeys-system"
COMPONENT: Final = "llmkeys"
