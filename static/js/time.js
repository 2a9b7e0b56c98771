// Relative times stay true while a page is open. The server wrote the first words; the exact time is the title.
const UNITS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });

function words(date) {
  const seconds = (date - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return format.format(Math.trunc(seconds / size), unit);
}

function refresh(root) {
  for (const time of root.querySelectorAll("time[data-relative]")) time.textContent = words(new Date(time.dateTime));
}

refresh(document);
setInterval(() => document.hidden || refresh(document), 30000);
document.addEventListener("htmx:afterSwap", (event) => refresh(event.detail.target));
