// Conversations in the browser's own database, one for each user of the site in this browser.
import { options } from "./page.js";

const STORE = "conversations";

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const open = () => {
  const request = indexedDB.open(`chat-${options.user}`, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
  return done(request);
};

let database = null;
const table = async (mode) => (await (database ??= open())).transaction(STORE, mode).objectStore(STORE);

/** All conversations, the one used last first. */
export async function all() {
  const found = await done((await table("readonly")).getAll());
  return found.sort((one, other) => other.updated - one.updated);
}

export const keep = async (conversation) => done((await table("readwrite")).put(conversation));
export const remove = async (id) => done((await table("readwrite")).delete(id));
export const removeAll = async () => done((await table("readwrite")).clear());
