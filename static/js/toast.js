// Toasts: any script (or an HX-Trigger header) raises `toast` with {message, level}; screen readers hear the region change.
const region = document.getElementById("toasts");
const LIFE_MS = 6000;

function dismissLater(toast) {
  let timer = 0;
  const start = () => (timer = setTimeout(() => toast.remove(), LIFE_MS));
  const stop = () => clearTimeout(timer);
  toast.addEventListener("pointerenter", stop);
  toast.addEventListener("pointerleave", start);
  toast.addEventListener("focusin", stop);
  toast.addEventListener("focusout", start);
  start();
}

// An open modal covers the page and silences what lies under it: the region moves into the dialog.
function regionHost() {
  return [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
}

function show(message, level = "info") {
  const template = document.getElementById(`toast-${level}`) ?? document.getElementById("toast-info");
  const toast = template.content.firstElementChild.cloneNode(true);
  toast.querySelector(".toast-text").textContent = message;
  if (region.parentElement !== regionHost()) regionHost().append(region);
  region.append(toast);
  dismissLater(toast);
}

region.addEventListener("click", (event) => event.target.closest(".toast-close")?.closest(".toast").remove());
document.addEventListener("toast", (event) => show(event.detail.message, event.detail.level));
document.addEventListener("close", (event) => event.target.contains(region) && document.body.append(region), true);

// Messages that came with the page: put in again a moment later, or nobody would hear them.
const waiting = [...region.children];
setTimeout(() => {
  for (const toast of waiting) {
    region.append(toast);
    dismissLater(toast);
  }
}, 150);
