// The present call as code. Values are written as literals of each language; a shell takes single quotes as they are but for themselves.
import { colour } from "./markdown.js";
import { byId, words } from "./page.js";

const indented = (value, by) => JSON.stringify(value, null, by);
const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl(body) {
  return [
    `curl ${words.baseUrl}/chat/completions \\`,
    `  -H "Authorization: Bearer sk-…" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d ${shell(indented(body, 2))}`,
  ].join("\n");
}

/** A JSON value as Python: strings are the same but for what Python reads differently. */
function python(value, depth = 0) {
  const pad = "    ".repeat(depth + 1);
  const end = "    ".repeat(depth);
  if (Array.isArray(value)) return `[\n${value.map((each) => `${pad}${python(each, depth + 1)},\n`).join("")}${end}]`;
  if (value && typeof value === "object") {
    return `{${Object.entries(value).map(([name, each]) => `"${name}": ${python(each, depth)}`).join(", ")}}`;
  }
  return { true: "True", false: "False", null: "None" }[JSON.stringify(value)] ?? JSON.stringify(value);
}

function pythonCall(body) {
  const given = Object.entries(body).map(([name, value]) => `    ${name}=${python(value, 1)},\n`);
  const use = body.stream
    ? 'for chunk in answer:\n    if chunk.choices:\n        print(chunk.choices[0].delta.content or "", end="")'
    : "print(answer.choices[0].message.content)";
  return `from openai import OpenAI

client = OpenAI(
    base_url="${words.baseUrl}",
    api_key="sk-…",
)
answer = client.chat.completions.create(
${given.join("")})
${use}`;
}

function node(body) {
  const use = body.stream
    ? 'for await (const chunk of answer) {\n  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");\n}'
    : "console.log(answer.choices[0].message.content);";
  return `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "${words.baseUrl}",
  apiKey: "sk-…",
});
const answer = await client.chat.completions.create(${indented(body, 2)});
${use}`;
}

/** Write the three samples into their panels. */
export function showSamples(body) {
  const samples = { curl: ["bash", curl(body)], python: ["python", pythonCall(body)], node: ["javascript", node(body)] };
  for (const [name, [language, text]] of Object.entries(samples)) {
    const code = byId(`code-${name}-text`);
    code.textContent = text;
    colour(code, language);
  }
}
