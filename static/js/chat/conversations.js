// Chat: several conversations, kept in this browser only, with their settings.
import { announce, byId, fromTemplate, words } from "./page.js";
import { showSamples } from "./samples.js";
import { settings } from "./settings.js";
import * as store from "./store.js";
import { bodyNow, load, messages, onChange } from "./thread.js";

const TITLE_LENGTH = 60;
const list = byId("conversations");
const state = { all: [], current: null, chosen: null, warned: false };

const titleOf = (conversation) => conversation.title || words.untitled;
const rowOf = (id) => list.querySelector(`[data-id="${id}"]`);

function fresh() {
  return { id: crypto.randomUUID(), title: "", settings: settings.read(), messages: [], updated: Date.now() };
}

async function keep(conversation) {
  try {
    await store.keep(structuredClone(conversation));
  } catch {
    if (!state.warned) announce(words.notKept, "warning");
    state.warned = true;
  }
}

function drawList() {
  list.replaceChildren(...state.all.map(row));
  byId("chat-title").textContent = titleOf(state.current);
}

function row(conversation) {
  const element = fromTemplate("conversation-row");
  const open = element.querySelector("[data-act=open]");
  element.dataset.id = conversation.id;
  open.textContent = titleOf(conversation);
  open.title = titleOf(conversation);
  if (conversation === state.current) open.ariaCurrent = "true";
  return element;
}

function show(conversation) {
  load([]); // stops what is being written, which is kept where it belongs
  state.current = conversation;
  settings.write(conversation.settings);
  load(conversation.messages);
  drawList();
}

function begin() {
  const empty = state.all.find((each) => !each.messages.length);
  if (!empty) state.all.unshift(fresh());
  show(empty ?? state.all[0]);
  closeList();
  byId("draft").focus();
}

function closeList() {
  const panel = byId("chat-list");
  if (panel.matches(":popover-open")) panel.hidePopover();
}

// An answer may end after another conversation was opened: it belongs to the one that has it.
function changed(message) {
  const conversation = message ? state.all.find((each) => each.messages.includes(message)) : state.current;
  if (!conversation) return;
  conversation.title ||= (conversation.messages[0]?.text ?? "").replace(/\s+/g, " ").slice(0, TITLE_LENGTH);
  conversation.updated = Date.now();
  state.all.sort((one, other) => other.updated - one.updated);
  if (list.firstElementChild?.dataset.id !== state.all[0].id || rowOf(conversation.id)?.textContent.trim() !== titleOf(conversation)) drawList();
  keep(conversation);
}

function download(name, value) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(value, null, 2)], { type: "application/json" }));
  Object.assign(document.createElement("a"), { href: url, download: `${name}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

async function remove(conversation) {
  state.all = state.all.filter((each) => each !== conversation);
  if (conversation !== state.current) drawList();
  else if (state.all.length) show(state.all[0]);
  else begin();
  await store.remove(conversation.id).catch(() => {});
  announce(words.deleted, "success");
}

const acts = {
  open(conversation) {
    show(conversation);
    closeList();
  },
  rename(conversation) {
    byId("rename-name").value = titleOf(conversation);
    byId("rename").showModal();
  },
  export: (conversation) => download(titleOf(conversation).replace(/[^\p{L}\p{N} _-]+/gu, "").trim() || "chat", conversation),
  delete(conversation) {
    byId("delete-one-name").textContent = titleOf(conversation);
    byId("delete-one").showModal();
  },
};

list.addEventListener("click", (event) => {
  const act = event.target.closest("[data-act]")?.dataset.act;
  if (!act) return;
  state.chosen = state.all.find(({ id }) => id === event.target.closest("[data-id]").dataset.id);
  acts[act](state.chosen);
});
byId("rename-form").addEventListener("submit", () => {
  state.chosen.title = byId("rename-name").value.trim();
  keep(state.chosen);
  drawList();
});
byId("delete-one-yes").addEventListener("click", () => {
  byId("delete-one").close();
  remove(state.chosen);
});
byId("delete-all-yes").addEventListener("click", async () => {
  byId("delete-all").close();
  load([]);
  state.all = [];
  begin();
  await store.removeAll().catch(() => {});
});
byId("new-chat").addEventListener("click", begin);
byId("export-all").addEventListener("click", () => download("conversations", state.all.filter((each) => each.messages.length)));
byId("clear").hidden = true;
byId("show-code").addEventListener("click", () => showSamples(bodyNow(byId("draft").value)));

settings.onChange((values) => {
  state.current.settings = values;
  if (messages().length) keep(state.current);
});
onChange(changed);

// Whatever was being written when its page was closed has not gone on since.
function asLeft(conversation) {
  for (const message of conversation.messages) if (message.state === "writing") message.state = "left";
  return conversation;
}

settings.write();
state.all = (await store.all().catch(() => [])).map(asLeft);
if (!state.all.length) state.all = [fresh()];
show(state.all[0]);
