// One message on the page.
import { show } from "./markdown.js";
import { count, dollars, fill, fromTemplate, milliseconds, part, words } from "./page.js";

const NOTES = { stopped: words.stopped, broken: words.broken, left: words.left };
const ENDS = { length: words.length, content_filter: words.filtered };

function link(href, text) {
  return Object.assign(document.createElement("a"), { href, textContent: text });
}

/** What to do about a failure, as text or a link. */
function helpFor({ status, code, retryAfter }) {
  if (code === "signed_out") return link(`${words.login}?next=${encodeURIComponent(location.pathname)}`, words.signIn);
  if (code === "stale_page") return words.reload;
  if (code === "key_quota_exhausted" || status === 401 || code === "ip_not_allowed") return link(words.tokens, words.seeTokens);
  if (status === 402) return link(words.wallet, words.addCredit);
  if (status === 403 || status === 404) return words.otherModel;
  if (retryAfter) return fill(words.wait, retryAfter);
  return status === 400 || status === 413 ? words.shorten : words.soon;
}

/** The receipt of a call, in the drawer: whoever follows a link loses a Playground's conversation. */
function receiptLink(requestId) {
  const href = `${words.log}/${requestId}`;
  const anchor = link(href, words.details);
  for (const [name, value] of [["hx-get", href], ["hx-target", "#request-details-body"], ["hx-swap", "innerHTML"]]) anchor.setAttribute(name, value);
  htmx.process(anchor);
  return anchor;
}

function fact(text) {
  const item = document.createElement("li");
  item.append(text);
  return item;
}

// What was refused before it was sent to anybody is in no log.
const hasRecord = (error) => !error || error.status === 200 || error.status >= 500;

function factsOf({ meta = {}, state, error }) {
  const facts = [];
  if (meta.cost !== undefined) facts.push(Object.assign(document.createElement("strong"), { textContent: dollars(meta.cost) }));
  else if (meta.requestId && (state === "stopped" || state === "broken")) facts.push(words.charging);
  if (meta.input !== undefined) facts.push(fill(words.in, count(meta.input)));
  if (meta.cached) facts.push(fill(words.cached, count(meta.cached)));
  if (meta.output !== undefined) facts.push(fill(words.out, count(meta.output)));
  if (meta.first !== undefined) facts.push(fill(words.first, milliseconds(meta.first)));
  if (meta.total !== undefined) facts.push(fill(words.total, milliseconds(meta.total)));
  if (meta.requestId && state !== "writing" && hasRecord(error)) facts.push(receiptLink(meta.requestId));
  return facts.map(fact);
}

const noteOf = (message) =>
  (message.state === "stopped" && !message.text && !message.reasoning ? words.unbegun : NOTES[message.state]) ?? ENDS[message.meta?.finish] ?? (message.state === "done" && !message.text ? words.empty : "");

function toggle(element, name, text) {
  part(element, name).hidden = !text;
  return text;
}

/** An element for a message, to be drawn again whenever it has changed. */
export function makeTurn(message) {
  const element = fromTemplate(`turn-${message.role}`);
  element.dataset.id = message.id;
  drawTurn(element, message);
  return element;
}

export function drawTurn(element, message) {
  element.querySelector(".turn-tools .copy").dataset.copy = message.text;
  if (message.role === "user") part(element, "text").textContent = message.text;
  else drawAnswer(element, message);
}

function drawAnswer(element, message) {
  const isWriting = message.state === "writing";
  element.ariaBusy = String(isWriting);
  part(element, "model").textContent = message.model;
  if (toggle(element, "thoughts", message.reasoning)) {
    part(element, "thoughts-title").textContent = isWriting && !message.text ? words.thinking : words.thought;
    show(part(element, "reasoning"), message.reasoning, !isWriting);
  }
  show(part(element, "text"), message.text, !isWriting);
  part(element, "waiting").hidden = !isWriting || Boolean(message.text || message.reasoning);
  part(element, "note-text").textContent = toggle(element, "note", message.state === "failed" || isWriting ? "" : noteOf(message));
  if (toggle(element, "error", message.error)) {
    part(element, "error-text").textContent = message.error.message || words.failed;
    part(element, "error-help").replaceChildren(helpFor(message.error));
  }
  part(element, "facts").replaceChildren(...factsOf(message));
  element.querySelector(".turn-tools").hidden = isWriting;
  element.querySelector(".turn-tools .copy").hidden = !message.text;
}
