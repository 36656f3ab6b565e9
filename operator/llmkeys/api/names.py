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

MAC_SECRET: Final = "llmkeys-mac"  # noqa: S105  the name of a Secret, not a secret
DEFAULT_NAMESPACE: Final = "llmkeys-system"
COMPONENT: Final = "llmkeys"
