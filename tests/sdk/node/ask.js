// Ask the relay through OpenAI's client for Node; prints what came back as JSON.
import OpenAI from "openai";

const settings = { baseURL: process.env.BASE_URL, apiKey: process.env.API_KEY, maxRetries: 0 };
const client = new OpenAI(settings);
const question = { model: "sandbox-mini", messages: [{ role: "user", content: "Please look." }] };
const look = {
  type: "function",
  function: { name: "look", parameters: { type: "object", properties: { at: { type: "string" } } } },
};

async function joined(stream, textOf) {
  let text = "";
  for await (const part of stream) text += textOf(part) ?? "";
  return text;
}

async function errorOf(changes, others = {}) {
  try {
    await new OpenAI({ ...settings, ...others }).chat.completions.create({ ...question, ...changes });
  } catch (error) {
    return [error.constructor.name, error.status, error.code];
  }
}

async function leave() {
  const stream = await client.chat.completions.create({ ...question, model: "sandbox-long", stream: true });
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content) break;
  }
  stream.controller.abort();
}

const { data: answer, response, request_id } = await client.chat.completions.create(question).withResponse();
const runner = client.chat.completions.stream({ ...question, tools: [look], stream_options: { include_usage: true } });
const called = await runner.finalChatCompletion();
const told = {
  text: answer.choices[0].message.content,
  tokens: answer.usage.completion_tokens,
  cost: response.headers.get("X-Tollbooth-Cost"),
  request: request_id,
  streamed: await joined(
    await client.chat.completions.create({ ...question, stream: true }),
    (chunk) => chunk.choices[0]?.delta.content,
  ),
  called: called.choices[0].message.tool_calls.map((call) => call.function.name),
  calledTokens: called.usage.completion_tokens,
  response: (await client.responses.create({ model: "sandbox-mini", input: "Please look." })).output_text,
  responseStreamed: await joined(
    await client.responses.create({ model: "sandbox-mini", input: "Please look.", stream: true }),
    (event) => (event.type === "response.output_text.delta" ? event.delta : ""),
  ),
  models: (await client.models.list()).data.map((model) => model.id),
  errors: {
    key: await errorOf({}, { apiKey: "sk-wrong" }),
    model: await errorOf({ model: "gpt-nine" }),
    limit: await errorOf({ model: "sandbox-error-429" }),
    upstream: await errorOf({ model: "sandbox-error-500", stream: true }),
  },
};
await leave();
console.log(JSON.stringify(told));
