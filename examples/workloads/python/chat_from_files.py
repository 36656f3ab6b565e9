"""Ask a model for a greeting again and again, with the key that a file holds at that moment.

A variable stays as it was when the program began; a file is written anew when the key is replaced. The client of OpenAI
calls a function for its key before every request, so that a new key needs no restart.
"""

import time
from pathlib import Path

from openai import OpenAI

FILES = Path("/var/run/llmkeys/files/openai")
SECONDS = 5


def value(name: str) -> str:
    return (FILES / name).read_text(encoding="utf-8")


def main() -> None:
    client = OpenAI(api_key=lambda: value("OPENAI_API_KEY"), base_url=value("OPENAI_BASE_URL"))
    while True:
        asked = [{"role": "user", "content": "Greet me."}]
        answer = client.chat.completions.create(model="gpt-5-mini", messages=asked)
        print(answer.choices[0].message.content, flush=True)
        time.sleep(SECONDS)


if __name__ == "__main__":
    main()
