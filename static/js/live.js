// The live tail of a log: while its switch is on, what is new is asked for, at first every two seconds, less and less often
// while nothing happens, and not at all while the page is hidden. Rows that were running are brought up to date.
const SOONEST_MS = 2000;
const LATEST_MS = 30000;
const RUNNING_MS = 5000; // at the latest, while a request of the page is running
const SLOWER = 1.5;
const ANNOUNCED_EVERY_MS = 15000;

const live = { on: false, wait: SOONEST_MS, timer: 0, asking: null, unsaid: 0, saidAt: 0 };
const status = document.getElementById("live-status");
const theSwitch = () => document.querySelector("[data-live]");
const rows = () => document.querySelector("#log .records tbody");

function address() {
  const url = new URL(theSwitch().dataset.live, location.href);
  const shown = [...(rows()?.rows ?? [])];
  if (shown.length) url.searchParams.set("newer", shown[0].dataset.id);
  for (const row of shown) if (row.dataset.running !== undefined) url.searchParams.append("running", row.dataset.id);
  return url;
}

/** Puts what came into the table; says how many requests are new. */
function take(fragment) {
  const body = rows();
  const header = fragment.querySelector(".log-header");
  if (header) document.querySelector("#log .log-header").replaceWith(header);
  const shown = new Map([...body.rows].map((row) => [row.dataset.id, row]));
  const fresh = [];
  for (const row of fragment.querySelectorAll("tr")) {
    const known = shown.get(row.dataset.id);
    if (known) replace(known, row);
    else fresh.push(row);
  }
  for (const row of fresh) row.classList.add("is-new");
  place(body, fresh);
  return fresh.length;
}

function replace(known, row) {
  if (known.dataset.running === undefined) return;
  const had = known.contains(document.activeElement);
  known.replaceWith(row);
  htmx.process(row);
  if (had) row.querySelector("a").focus();
}

// Newest first, also one that came late; as many as a page has.
function place(body, fresh) {
  const most = Math.max(body.rows.length, 50);
  for (const row of fresh) {
    const next = [...body.rows].find((other) => other.dataset.id < row.dataset.id);
    body.insertBefore(row, next ?? null);
    htmx.process(row);
  }
  while (body.rows.length > most) body.lastElementChild.remove();
}

function announce(count) {
  live.unsaid += count;
  if (!live.unsaid || Date.now() - live.saidAt < ANNOUNCED_EVERY_MS) return;
  status.textContent = status.dataset.some.replace("#", live.unsaid);
  [live.unsaid, live.saidAt] = [0, Date.now()];
}

const whole = () => htmx.ajax("GET", location.href, { target: "#log", select: "#log", swap: "outerHTML" });

async function ask() {
  live.asking = new AbortController();
  const asked = theSwitch().dataset.live;
  const response = await fetch(address(), { signal: live.asking.signal, redirect: "error", headers: { Accept: "text/html" } });
  if (!response.ok) throw new Error(`${response.status}`);
  const fragment = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!live.on || theSwitch()?.dataset.live !== asked) return; // the filter has changed meanwhile
  const something = fragment.querySelector("tr");
  if (something && !rows()) return whole();
  const count = something ? take(fragment) : 0;
  announce(count);
  const latest = rows()?.querySelector("[data-running]") ? RUNNING_MS : LATEST_MS;
  live.wait = count ? SOONEST_MS : Math.min(live.wait * SLOWER, latest);
}

async function turn() {
  try {
    await ask();
  } catch (error) {
    if (error.name === "AbortError") return;
    live.wait = Math.min(live.wait * 2, LATEST_MS);
  }
  later();
}

function later() {
  clearTimeout(live.timer);
  if (live.on && theSwitch() && !document.hidden) live.timer = setTimeout(turn, live.wait);
}

function pause() {
  clearTimeout(live.timer);
  live.asking?.abort();
}

function resume() {
  pause();
  live.wait = SOONEST_MS;
  if (live.on && theSwitch() && !document.hidden) turn();
}

function dress() {
  const button = theSwitch();
  if (button) button.checked = live.on;
  document.getElementById("log").classList.toggle("is-live", live.on && Boolean(button));
}

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-live]")) return;
  live.on = event.target.checked;
  status.textContent = live.on ? status.dataset.on : status.dataset.off;
  dress();
  if (live.on) resume();
  else {
    pause();
    whole(); // with its header and pager as they are now
  }
});

document.addEventListener("visibilitychange", () => (document.hidden ? pause() : resume()));
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target.id !== "log" && event.detail.elt.id !== "log") return;
  dress();
  if (live.on) resume();
});
addEventListener("pageshow", dress); // a browser going back ticks the box again without a word
