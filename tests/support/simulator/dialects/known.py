"""All provider types that the simulator speaks."""

from typing import Final

from tests.support.simulator.dialect import Dialect
from tests.support.simulator.dialects.anthropic import ANTHROPIC
from tests.support.simulator.dialects.azure import AZURE
from tests.support.simulator.dialects.dashscope import DASHSCOPE
from tests.support.simulator.dialects.deepseek import DEEPSEEK
from tests.support.simulator.dialects.gemini import GEMINI
from tests.support.simulator.dialects.huggingface import HUGGINGFACE
from tests.support.simulator.dialects.moonshot import MOONSHOT
from tests.support.simulator.dialects.ollama import OLLAMA
from tests.support.simulator.dialects.openai import OPENAI, OPENAI_COMPATIBLE
from tests.support.simulator.dialects.openrouter import OPENROUTER
from tests.support.simulator.dialects.qwen_code import QWEN_CODE
from tests.support.simulator.dialects.zhipu import ZHIPU

DIALECTS: Final[dict[str, Dialect]] = {
    dialect.type: dialect
    for dialect in (
        OPENAI,
        ANTHROPIC,
        GEMINI,
        AZURE,
        OPENROUTER,
        DEEPSEEK,
        MOONSHOT,
        ZHIPU,
        DASHSCOPE,
        HUGGINGFACE,
        OLLAMA,
        OPENAI_COMPATIBLE,
        QWEN_CODE,
    )
}
