"""The one exception tree, ordered by who can help.

LlmkeysError
 ├─ RetryableError      time helps: the API server or a peer was not able to answer
 ├─ UserError           whoever wrote the credential or its source can help
 └─ PlatformError       whoever runs the operator or owns the LLMProvider can help
"""


class LlmkeysError(Exception):
    """Base of every error of ours. Texts never hold key material or a provider's words."""


class RetryableError(LlmkeysError):
    """Time helps: try again after a back-off."""


class UserError(LlmkeysError):
    """The writer of the credential or of its source Secret can help."""


class PlatformError(LlmkeysError):
    """The platform team can help: provider manifest, roles, installation."""
