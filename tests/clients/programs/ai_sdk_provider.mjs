// Vercel's AI SDK in a server of JavaScript, with Rini as a provider of OpenAI's format.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { jsonSchema, stepCountIs, streamText, tool } from "ai";

const { RINI_URL: url, RINI_TOKEN: token } = process.env;
const rini = createOpenAICompatible({ name: "rini", baseURL: `${url}/v1`, apiKey: token });
const weather = tool({
  description: "The weather of a city.",
  inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } } }),
  execute: async ({ city }) => `${city}: 맑음`,
});

for (const model of ["google/gemini-2.5-flash", "anthropic/claude-sonnet-4-5"]) {
  const answer = streamText({
    model: rini(model),
    tools: { weather },
    stopWhen: stepCountIs(2),
    prompt: "서울 날씨는?",
  });
  console.log(await answer.text);
}
