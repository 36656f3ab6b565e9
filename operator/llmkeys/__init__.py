"""llmkeys proves LLM API keys against their providers and delivers the good ones to workloads as Secrets."""

__version__ = "0.1.0"
