// Ask a model for a greeting, again and again, or once with --once.
//
// The client of OpenAI reads OPENAI_API_KEY and OPENAI_BASE_URL, and nothing in here knows where they come from.

import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";

import OpenAI from "openai";

const MILLISECONDS = 5_000;
const client = new OpenAI();

for (;;) {
  const answer = await client.chat.completions.create({
    model: "gpt-5-mini",
    messages: [{ role: "user", content: "Greet me." }],
  });
  console.log(answer.choices[0].message.content);
  if (process.argv.includes("--once")) break;
  await pause(MILLISECONDS);
}
