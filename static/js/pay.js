// A pay page looks for news while it can be seen: soon at first, then ever more rarely, and at once when its tab comes back.
// The server answers with the part of the page that has changed, or with nothing. Without this file there is the button “Check now”.
const SOON = 2500;
const RARELY = 20000;
const panelNow = () => document.getElementById("pay");
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

let pause = SOON;
let timer = 0;
let asking = false;

function plan() {
  clearTimeout(timer);
  const panel = panelNow();
  if (!panel.dataset.payStatus || document.hidden) return;
  timer = setTimeout(look, panel.dataset.paySoon === undefined ? Math.max(pause, SOON * 2) : pause);
  pause = Math.min(pause * 1.15, RARELY);
}

function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("pay");
  if (!fresh) return;
  const hadFocus = panelNow().contains(document.activeElement);
  panelNow().replaceWith(document.adoptNode(fresh));
  document.dispatchEvent(new CustomEvent("htmx:afterSwap", { detail: { target: panelNow() } })); // relative times
  const heading = panelNow().querySelector("h2");
  document.querySelector("[data-pay-news]").textContent = heading?.textContent ?? "";
  if (hadFocus && heading) {
    heading.tabIndex = -1;
    heading.focus();
  }
  pause = SOON;
}

async function look() {
  if (asking) return;
  asking = true;
  const { payStatus, version } = panelNow().dataset;
  try {
    const answer = await fetch(`${payStatus}&seen=${version}`, { headers: { Accept: "text/html" } });
    if (answer.status === 200) show(await answer.text());
  } catch {
    pause = RARELY; // offline, most likely
  } finally {
    asking = false;
    plan();
  }
}

function count() {
  for (const time of document.querySelectorAll("[data-countdown]")) {
    const left = Math.ceil((new Date(time.dateTime) - Date.now()) / 1000);
    time.textContent = clock(Math.max(left, 0));
    time.classList.toggle("text-warn", left < 120);
    if (left === 0) look();
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return clearTimeout(timer);
  pause = SOON;
  if (panelNow().dataset.payStatus) look();
});

if (panelNow()) {
  count();
  setInterval(count, 1000);
  plan();
}
