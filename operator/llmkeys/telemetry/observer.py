"""What the engine tells of its work, as metrics and log lines."""

import structlog

from llmkeys.api.credential import LLMCredential
from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import CREDENTIAL_KIND, PROVIDER_KIND
from llmkeys.api.objects import Key
from llmkeys.api.provider import LLMProvider
from llmkeys.telemetry.metrics import Metrics

log = structlog.get_logger("llmkeys.engine")


class MetricsObserver:
    """Counts, and logs what a person would want to read."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def probed(self, provider: str, code: str, result: str, seconds: float) -> None:
        self._metrics.provider_requested(provider, code)
        self._metrics.validated(provider, result, seconds)

    def controlled(self, provider: str, code: str, result: str, *, checks: bool | None) -> None:
        self._metrics.provider_requested(provider, code)
        self._metrics.controlled(provider, result)
        if checks is None:
            told = "whether it checks keys is not known"
        else:
            told = "it checks keys" if checks else "it takes any key, so no key can be verified there"
        log.info("sent a made-up key as a control", provider=provider, code=code, result=result, detail=told)

    def tried_other_form(self, provider: str, code: str) -> None:
        self._metrics.provider_requested(provider, code)
        log.info("the API was not found, tried the other form of its URL", provider=provider, code=code)

    def throttled(self, provider: str, seconds: float) -> None:
        self._metrics.provider_throttled(provider, seconds)

    def secret_written(self, why: str) -> None:
        self._metrics.secret_written(why)

    def drifted(self) -> None:
        self._metrics.drifted()

    def reconciled(self, seconds: float) -> None:
        self._metrics.reconciled(seconds)

    def failed(self, key: Key, error: Exception) -> None:
        self._metrics.reconcile_failed(type(error).__name__)
        if isinstance(error, LlmkeysError):
            log.warning("reconcile failed, will be tried again", object=str(key), error=str(error))
        else:
            log.error("reconcile failed, will be tried again", object=str(key), exc_info=error)

    def settled(self, subject: LLMCredential | LLMProvider) -> None:
        meta = subject.metadata
        kind = CREDENTIAL_KIND if isinstance(subject, LLMCredential) else PROVIDER_KIND
        pairs = ((one.type, one.status) for one in subject.status.conditions)
        self._metrics.set_conditions(kind, meta.namespace, meta.name, pairs)

    def queued(self, lane: str, depth: int) -> None:
        self._metrics.queue_depth(lane, depth)

    def dequeued(self, lane: str, seconds: float) -> None:
        self._metrics.dequeued(lane, seconds)

    def provider_gone(self, name: str) -> None:
        self._metrics.forget_provider(name)
        self._metrics.remove_conditions(PROVIDER_KIND, "", name)

    def gone(self, key: Key) -> None:
        self._metrics.remove_conditions(CREDENTIAL_KIND, key.namespace, key.name)

    def transition(self, key: Key, reason: str, message: str) -> None:
        log.info("credential changed", object=str(key), reason=reason, detail=message)

    def suspect(self, host: str, *, suspected: bool) -> None:
        self._metrics.provider_suspect(host, suspected)
        if suspected:
            log.error("a provider refuses many keys that were good; its refusals are not believed", host=host)
        else:
            log.info("a provider is believed again", host=host)
