"""What the demo shows: the credentials of examples/demo/, how their simulated keys behave, and what must come out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.support.simulator.behaviour import Behaviour

NAMESPACE: Final = "llmkeys-demo"
TYPES: Final = (
    "openai",
    "anthropic",
    "deepseek",
    "moonshot",
    "ollama",
    "google-gemini",
    "openrouter",
    "zhipu",
    "dashscope",
    "azure-openai",
)
DOWN: Final = "moonshot"
REPLACED: Final = "revoked"
SHOWN: Final = "good"

KEYS: Final[Mapping[str, tuple[str, Behaviour]]] = {
    "GOOD_KEY": ("sk-demo-good-000000000001", Behaviour.GOOD),
    "REVOKED_KEY": ("sk-demo-revoked-00000000002", Behaviour.REVOKED),
    "THROTTLED_KEY": ("sk-demo-throttled-0000000003", Behaviour.throttled(120)),
    "NO_MONEY_KEY": ("sk-demo-no-money-000000000004", Behaviour.NO_MONEY),
    "UNTRIED_KEY": ("sk-demo-untried-0000000000005", Behaviour.GOOD),
    "DEAD_KEY": ("sk-ant-api03-demo-dead-0000006", Behaviour.REVOKED),
    "SECOND_KEY": ("sk-ant-api03-demo-second-00007", Behaviour.GOOD),
    "NEW_KEY": ("sk-demo-replacement-00000000008", Behaviour.GOOD),
    "GEMINI_KEY": ("AIzaDemoGemini00000000000000000009", Behaviour.GOOD),
    "OPENROUTER_KEY": ("sk-or-v1-demo-openrouter-0000000010", Behaviour.GOOD),
    "ZHIPU_KEY": ("demo0zhipu00000000000000000000011.secret0000000", Behaviour.GOOD),
    "DASHSCOPE_KEY": ("sk-demo-dashscope-000000000000012", Behaviour.GOOD),
    "AZURE_KEY": ("demoazure00000000000000000000013", Behaviour.GOOD),
}
"""By placeholder: a made-up key, and how its provider answers to it."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One credential and the state that it should be in.

    Args:
        credential: its name in the demo's namespace.
        story: what is the matter with it.
        conditions: by type, `Status` or `Status/Reason`.
        key: the entry that is delivered, if the scene is about that.

    """

    credential: str
    story: str
    conditions: Mapping[str, str]
    key: str | None = field(default=None)

    def differences(self, found: Mapping[str, Any] | None) -> list[str]:
        """Say where an LLMCredential, as the API server gives it, is not as it should be; empty if it is.

        A condition that is about an older generation counts as missing.
        """
        if found is None:
            return ["it is not there"]
        shown = shown_conditions(found)
        wrong = [
            f"{kind} should be {wanted}, is {shown.get(kind, 'not there')}"
            for kind, wanted in self.conditions.items()
            if not _agrees(wanted, shown.get(kind, ""))
        ]
        active = found.get("status", {}).get("activeKey")
        if self.key is not None and active != self.key:
            wrong.append(f"the key in use should be {self.key}, is {active}")
        return wrong

    def summary(self) -> str:
        parts = [f"{kind}={wanted}" for kind, wanted in self.conditions.items()]
        return ", ".join([*parts, *([f"key {self.key}"] if self.key else [])])


def shown_conditions(found: Mapping[str, Any]) -> dict[str, str]:
    """Return a credential's conditions about its present generation, by type, as `Status/Reason`."""
    generation = found["metadata"]["generation"]
    conditions = found.get("status", {}).get("conditions", ())
    return {
        one["type"]: f"{one['status']}/{one['reason']}" for one in conditions if one["observedGeneration"] == generation
    }


def _agrees(wanted: str, shown: str) -> bool:
    return shown == wanted if "/" in wanted else shown.partition("/")[0] == wanted


SCENES: Final = (
    Scene(
        credential="good",
        story="a good key",
        conditions={"Active": "True/Verified", "Ready": "True", "SecretSynced": "True"},
    ),
    Scene(
        credential="revoked",
        story="a revoked key",
        conditions={"InvalidKey": "True/Rejected", "Active": "False", "Stalled": "True", "SecretSynced": "False"},
    ),
    Scene(
        credential="throttled",
        story="a key that is throttled",
        conditions={"RateLimited": "True/Throttled", "InvalidKey": "False", "Ready": "Unknown"},
    ),
    Scene(
        credential="no-money",
        story="a key without money",
        conditions={"RateLimited": "True/QuotaExhausted", "InvalidKey": "False", "Ready": "False"},
    ),
    Scene(
        credential="provider-down",
        story="a provider that is down",
        conditions={"Active": "Unknown/ProviderUnreachable", "InvalidKey": "False", "Ready": "Unknown"},
    ),
    Scene(
        credential="keyless",
        story="an Ollama without keys",
        conditions={"Active": "True/Unverified", "Ready": "True", "SecretSynced": "True"},
    ),
    Scene(
        credential="missing-source",
        story="a Secret that was forgotten",
        conditions={"Ready": "Unknown/SourceNotFound", "InvalidKey": "False"},
    ),
    Scene(
        credential="failover",
        story="a dead key, then a good one",
        conditions={"Active": "True/Verified", "Ready": "True", "SecretSynced": "True"},
        key="backup",
    ),
    *(
        Scene(credential=name, story=f"a key of {title}", conditions={"Active": "True/Verified", "Ready": "True"})
        for name, title in (
            ("gemini", "Google Gemini"),
            ("openrouter", "OpenRouter"),
            ("zhipu", "Zhipu"),
            ("dashscope", "DashScope"),
            ("azure", "Azure OpenAI"),
        )
    ),
)
