// Calls the relay as every customer does. In place of a key goes a pass, fetched for this one call and good for a minute.
import { words } from "./page.js";

const RELAY = "/v1/chat/completions";

/** A call that brought no answer, or not all of it. */
export class CallError extends Error {
  constructor(message, { status = 0, code = "", retryAfter = 0 } = {}) {
    super(message);
    Object.assign(this, { name: "CallError", status, code, retryAfter });
  }
}

async function refusalOf(response) {
  const said = (await response.json().catch(() => null))?.error ?? {};
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  return new CallError(said.message ?? "", { status: response.status, code: said.code ?? "", retryAfter });
}

async function reach(address, request) {
  try {
    return await fetch(address, request);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new CallError(words.network, { code: "network" });
  }
}

async function passFor(source, signal) {
  const headers = JSON.parse(document.body.getAttribute("hx-headers") ?? "{}");
  const response = await reach(words.pass, { method: "POST", headers, signal, redirect: "error", body: new URLSearchParams(source) });
  if (response.status === 403) throw new CallError("", { status: 403, code: "stale_page" });
  if (!response.ok) throw await refusalOf(response);
  return (await response.json()).pass;
}

/** The data of each event, as it comes. */
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (waiting + value).split(/\r?\n\r?\n/);
    waiting = events.pop();
    for (const event of events) {
      const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      if (lines.length) yield lines.map((line) => line.slice(5).trimStart()).join("\n");
    }
  }
}

function tell(message, usage, finish, on) {
  const reasoning = message?.reasoning_content ?? message?.reasoning;
  if (typeof reasoning === "string" && reasoning) on.reasoning(reasoning);
  const text = message?.content ?? message?.refusal;
  if (typeof text === "string" && text) on.text(text);
  if (finish) on.finish(finish);
  if (usage) on.usage(usage);
}

async function readStream(response, on) {
  try {
    for await (const data of eventsOf(response.body)) {
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new CallError(chunk.error.message ?? "", { status: 200, code: chunk.error.code ?? "" });
      const choice = chunk.choices?.[0];
      tell(choice?.delta, chunk.usage, choice?.finish_reason, on);
    }
  } catch (error) {
    if (error instanceof CallError || error.name === "AbortError") throw error;
  }
  throw new CallError("", { code: "broken" }); // no end mark: whatever is there, it is not all
}

/** One call. `on` hears of `head`, `text`, `reasoning`, `finish` and `usage`; throws CallError, or AbortError when stopped. */
export async function call(body, source, { signal, on }) {
  const pass = await passFor(source, signal);
  on.sent();
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${pass}` };
  const response = await reach(RELAY, { method: "POST", headers, signal, credentials: "omit", body: JSON.stringify(body) });
  on.head(response.headers.get("X-Request-Id"));
  if (!response.ok) throw await refusalOf(response);
  if (body.stream) return readStream(response, on);
  const answer = await response.json();
  tell(answer.choices?.[0]?.message, answer.usage, answer.choices?.[0]?.finish_reason, on);
}

/** What a call came to whose answer did not say so: asked for until it is charged, or five times. */
export async function receiptOf(requestId) {
  for (let wait = 400; wait <= 6400; wait *= 2) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    const response = await fetch(`/playground/receipt/${requestId}`, { redirect: "error" }).catch(() => null);
    const receipt = response?.ok ? await response.json() : null;
    if (receipt?.is_final) return receipt;
  }
  return null;
}
