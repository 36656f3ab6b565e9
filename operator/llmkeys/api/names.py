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
PROVIDER_LABEL: Final = "llmkeys.dev/provider"
"""On a list of models: the LLMProvider that it is about."""

HOSTS_ANNOTATION: Final = "llmkeys.dev/hosts"
"""On a source Secret: the hosts, separated by commas, that its keys may be sent to."""

DELIVERED_ANNOTATION: Final = "llmkeys.dev/delivered"
"""On the pod template of a workload that is restarted: digests of the contents that its pods read."""

NUDGED_ANNOTATION: Final = "llmkeys.dev/nudged"
"""On a pod: the version of the Secret for which its kubelet was to look again."""
NUDGE_LABEL: Final = "llmkeys.dev/nudge"
"""On a pod, "true": it wants to be nudged, whoever reads the files in it."""
INJECT_LABEL: Final = "llmkeys.dev/inject"
"""On a pod, "true": it gets its credentials injected."""
FOLLOW_ANNOTATION: Final = "llmkeys.dev/follow"
"""On a pod, "true": what is injected is followed while the pod runs."""

REQUESTED_AT_ANNOTATION: Final = "llmkeys.dev/requestedAt"
"""On an LLMCredential: a value that has not been there before has its keys looked at now."""

INSTALLED_IN_ANNOTATION: Final = "llmkeys.dev/installed-in"
"""On our CRDs: the namespace of the installation that brought them."""

MAC_SECRET: Final = "llmkeys-mac"  # noqa: S105  the name of a Secret, not a secret
SEALING_SECRET: Final = "llmkeys-sealing"  # noqa: S105
ENVELOPE_SECRET: Final = "llmkeys-envelope"  # noqa: S105
UNSEALER_TLS_SECRET: Final = "llmkeys-unsealer-tls"  # noqa: S105
UNSEALER_CA_SECRET: Final = "llmkeys-unsealer-ca"  # noqa: S105
OWN_SECRETS: Final = (MAC_SECRET, SEALING_SECRET, ENVELOPE_SECRET, UNSEALER_TLS_SECRET, UNSEALER_CA_SECRET)
"""The operator's own keys: read at every start, and watched."""
RENEWED_SECRET: Final = "llmkeys-renewed"  # noqa: S105
"""The credential files whose access token was renewed; read when one is needed."""
PUBLIC_KEYS: Final = "llmkeys-public-keys"
"""The ConfigMap that everybody who is logged in may read."""
LEASE: Final = "llmkeys-controller"
"""The Lease of the controller that leads."""
MODEL_LISTS: Final = "llmkeys-models-"
"""What the names of ConfigMaps with lists of models begin with."""

ENVELOPE: Final = "envelope"
"""The one key of a generated Secret that is an envelope."""

TOKEN_AUDIENCE: Final = "llmkeys.dev"  # noqa: S105
"""The audience of tokens that the unsealer takes."""

BOOTSTRAP_SECRET: Final = "llmkeys-bootstrap"  # noqa: S105
"""The input of the one-time bootstrap."""
BOOTSTRAP_INPUTS: Final = ("bootstrap.yaml", "service_conf.yaml.template", "service_conf.yaml", "sealed")
"""The keys of that Secret of which one is the template; its other keys are variables."""
BOOTSTRAP_LABEL: Final = "llmkeys.dev/bootstrap"
"""On what a bootstrap made: its number."""
BOOTSTRAP_AGAIN_ANNOTATION: Final = "llmkeys.dev/bootstrap-again"
"""On the input: the number of the run that was asked for."""
BOOTSTRAP_SWITCH: Final = (
    "kubectl apply --server-side -k config/components/bootstrap/ (with Helm: --set bootstrap.enabled=true)"
)
"""What gives the controller the rights that a bootstrap needs."""
BOOTSTRAP_NAMESPACE: Final = "llmkeys-default"
"""Where credentials go for which the template names no namespace."""
VARIABLE_PREFIX: Final = "LLMKEYS_VAR_"
"""Environment variables that a template may use."""

UNSEALER_SERVICE: Final = "llmkeys-unsealer"
CONTROLLER_ACCOUNT: Final = "llmkeys-controller"
UNSEALER_ACCOUNT: Final = "llmkeys-unsealer"

DEFAULT_NAMESPACE: Final = "llmkeys-system"
COMPONENT: Final = "llmkeys"
