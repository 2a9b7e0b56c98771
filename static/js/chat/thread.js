// A conversation on the page: sends, streams, stops, tries again, edits. `onChange` is told whenever there is something to keep.
import { byId, dollars, part, words } from "./page.js";
import { call, receiptOf } from "./relay.js";
import { settings } from "./settings.js";
import { drawTurn, makeTurn } from "./turn.js";

const KEPT_EVERY_MS = 1000;
const NEAR_PX = 80;
const DRAWN_EVERY_MS = 60;

const turns = byId("turns");
const scroll = byId("scroll");
const draft = byId("draft");
const status = byId("chat-status");

const thread = { messages: [], running: null, onChange: () => {} };
const isLive = (message) => thread.messages.includes(message);
const elementOf = (message) => turns.querySelector(`[data-id="${message.id}"]`);

function draw(message) {
  const element = elementOf(message);
  if (!element) return;
  const follows = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_PX;
  drawTurn(element, message);
  if (follows) scroll.scrollTop = scroll.scrollHeight;
}

function drawPage() {
  byId("empty").hidden = thread.messages.length > 0;
  byId("stop").hidden = !thread.running;
  byId("send").hidden = Boolean(thread.running);
  byId("cost").textContent = dollars(thread.messages.reduce((sum, { meta }) => sum + Number(meta?.cost ?? 0), 0));
}

/** Show these messages; whatever was being written is stopped first. */
export function load(messages) {
  stop();
  thread.messages = messages;
  turns.replaceChildren(...messages.map(makeTurn));
  drawPage();
  scroll.scrollTop = scroll.scrollHeight;
}

export const messages = () => thread.messages;
export const onChange = (listener) => (thread.onChange = listener);

export function stop() {
  thread.running?.abort();
  thread.running = null;
}

function add(message) {
  thread.messages.push(message);
  turns.append(makeTurn(message));
  scroll.scrollTop = scroll.scrollHeight;
  return message;
}

/** What the model is to read: failures and empty answers are left out. */
const history = () => thread.messages.filter(({ text }) => text).map(({ role, text }) => ({ role, content: text }));

export const bodyNow = (text) => settings.body([...history(), ...(text ? [{ role: "user", content: text }] : [])]);

export function send(text) {
  if (thread.running || !text.trim()) return false;
  add({ id: crypto.randomUUID(), role: "user", text: text.trim() });
  answer();
  return true;
}

/** The listeners of one call, which write into a message. Drawing waits for the next frame, longer for long answers. */
function pen(message) {
  const started = { at: performance.now() };
  let drawing = 0;
  let kept = performance.now();
  const since = () => performance.now() - started.at;
  const later = () => {
    message.meta.first ??= since();
    drawing ||= setTimeout(() => {
      drawing = 0;
      draw(message);
    }, Math.max(DRAWN_EVERY_MS, message.text.length / 200));
    if (performance.now() - kept < KEPT_EVERY_MS) return;
    kept = performance.now();
    thread.onChange();
  };
  return {
    sent: () => (started.at = performance.now()),
    head: (requestId) => (message.meta.requestId = requestId),
    text: (text) => later((message.text += text)),
    reasoning: (text) => later((message.reasoning += text)),
    finish: (reason) => (message.meta.finish = reason),
    usage: (usage) => note(message, usage),
    end: () => {
      clearTimeout(drawing);
      message.meta.total = since();
    },
  };
}

function note(message, usage) {
  const cached = usage.prompt_tokens_details?.cached_tokens ?? 0;
  Object.assign(message.meta, { input: usage.prompt_tokens, cached, output: usage.completion_tokens });
  if (usage.cost !== undefined) message.meta.cost = usage.cost;
}

async function answer() {
  const body = { ...bodyNow(), usage: { include: true } };
  const message = { id: crypto.randomUUID(), role: "assistant", model: body.model, text: "", reasoning: "", state: "writing", meta: {} };
  add(message);
  const running = (thread.running = new AbortController());
  status.textContent = words.writing;
  drawPage();
  thread.onChange();
  const on = pen(message);
  try {
    await call(body, settings.source(), { signal: running.signal, on });
    message.state = "done";
  } catch (error) {
    message.state = stateAfter(error, message);
    if (message.state === "failed" || (message.state === "broken" && error.code !== "broken")) message.error = failure(error);
  }
  on.end();
  if (thread.running === running) thread.running = null;
  finish(message);
}

function stateAfter(error, message) {
  if (error.name === "AbortError") return "stopped";
  return message.text || message.reasoning || error.code === "broken" ? "broken" : "failed";
}

const failure = ({ message, status = 0, code = "", retryAfter = 0 }) => ({ message, status, code, retryAfter });

function finish(message) {
  redraw(message);
  status.textContent = message.error?.message || (message.state === "done" ? words.done : words[message.state]);
  if (message.meta.cost === undefined && message.meta.requestId && message.state !== "failed") settle(message);
}

function redraw(message) {
  if (isLive(message)) {
    draw(message);
    drawPage();
  }
  thread.onChange(message);
}

async function settle(message) {
  const receipt = await receiptOf(message.meta.requestId);
  if (!receipt) return;
  const { cost, input, cached, output } = receipt;
  Object.assign(message.meta, { cost, input, cached, output });
  redraw(message);
}

/** Take away a message and all that came after it. */
function cutFrom(message) {
  for (const gone of thread.messages.splice(thread.messages.indexOf(message))) elementOf(gone).remove();
}

function edit(element, isOpen) {
  part(element, "editor").hidden = !isOpen;
  part(element, "text").hidden = isOpen;
  element.querySelector(".turn-tools").hidden = isOpen;
  if (!isOpen) return element.querySelector("[data-act=edit]").focus();
  const field = part(element, "draft");
  field.value = part(element, "text").textContent;
  return field.focus();
}

const messageOf = (element) => thread.messages.find(({ id }) => id === element.dataset.id);
const acts = {
  retry: (element) => {
    cutFrom(messageOf(element));
    answer();
  },
  edit: (element) => edit(element, true),
  "cancel-edit": (element) => edit(element, false),
};

turns.addEventListener("click", (event) => {
  const act = event.target.closest("[data-act]")?.dataset.act;
  if (act && !(thread.running && act === "retry")) acts[act]?.(event.target.closest(".turn"));
});

function resend(element) {
  const text = part(element, "draft").value;
  if (!text.trim()) return;
  stop();
  cutFrom(messageOf(element));
  send(text);
  draft.focus();
}

turns.addEventListener("submit", (event) => {
  event.preventDefault();
  resend(event.target.closest(".turn"));
});
turns.addEventListener("keydown", (event) => {
  const element = event.target.closest(".turn");
  if (event.target.dataset.part !== "draft") return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) resend(element);
  if (event.key === "Escape") edit(element, false);
});

const isTouch = matchMedia("(pointer: coarse)").matches;
const sends = (event) => event.key === "Enter" && !event.isComposing && (event.ctrlKey || event.metaKey || (!event.shiftKey && !isTouch));

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (send(draft.value)) draft.value = "";
});
draft.addEventListener("keydown", (event) => {
  if (!sends(event)) return;
  event.preventDefault();
  byId("composer").requestSubmit();
});
byId("stop").addEventListener("click", () => {
  stop();
  draft.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && thread.running && !document.querySelector("dialog[open], :popover-open")) stop();
});
byId("empty").addEventListener("click", (event) => {
  const idea = event.target.closest("[data-idea]");
  if (idea) send(idea.textContent);
});

