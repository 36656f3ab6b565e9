"""Ask a model for a greeting, again and again, or once with --once.

The client of OpenAI reads OPENAI_API_KEY and OPENAI_BASE_URL, and nothing in here knows where they come from.
"""

import sys
import time

from openai import OpenAI

SECONDS = 5


def main() -> None:
    client = OpenAI()
    while True:
        asked = [{"role": "user", "content": "Greet me."}]
        answer = client.chat.completions.create(model="gpt-5-mini", messages=asked)
        print(answer.choices[0].message.content, flush=True)
        if "--once" in sys.argv:
            return
        time.sleep(SECONDS)


if __name__ == "__main__":
    main()
