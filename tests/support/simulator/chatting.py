"""A model's answer in a chat: always the same."""

from typing import Final

from tests.support.simulator.answer import Answer, json_answer
from tests.support.simulator.dialect import Fields

REPLY: Final = "A simulated model greets you."
_CREATED: Final = 1_735_689_600


def chat_completion(models: tuple[str, ...], _query: Fields) -> Answer:
    """One whole answer in OpenAI's shape, whatever was asked; not a stream."""
    message = {"role": "assistant", "content": REPLY, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return json_answer(
        200,
        {
            "id": "chatcmpl-simulated",
            "object": "chat.completion",
            "created": _CREATED,
            "model": models[0],
            "choices": [choice],
            "usage": {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15},
        },
    )
