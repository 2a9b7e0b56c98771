// The Playground: one conversation, forgotten with the page. Its settings are kept for next time.
import { byId, options } from "./page.js";
import { showSamples } from "./samples.js";
import { settings } from "./settings.js";
import { bodyNow, load } from "./thread.js";

const KEPT = `playground-${options.user}`;

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function keep(values) {
  try {
    localStorage.setItem(KEPT, JSON.stringify(values));
  } catch {
    // A browser that keeps nothing: the settings are for this time only.
  }
}

settings.write(kept());
settings.onChange(keep);
byId("clear").addEventListener("click", () => {
  load([]);
  byId("draft").focus();
});
byId("show-code").addEventListener("click", () => showSamples(bodyNow(byId("draft").value)));
