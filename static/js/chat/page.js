// What the page hands to its scripts: words in the reader's language, addresses, and what the pickers offer.
export const words = document.getElementById("words").dataset;
export const options = JSON.parse(document.getElementById("chat-options").textContent);
export const byId = (id) => document.getElementById(id);
export const part = (element, name) => element.querySelector(`[data-part="${name}"]`);
export const fill = (text, value) => text.replace("#", value);
export const fromTemplate = (id) => byId(id).content.firstElementChild.cloneNode(true);
export const announce = (message, level) => document.dispatchEvent(new CustomEvent("toast", { detail: { message, level } }));

const NANO = 1e9;
const whole = new Intl.NumberFormat(document.documentElement.lang);
export const count = (number) => whole.format(number);

/** Exact dollars of an amount that is told as a number of dollars: `$0.000042`. */
export function dollars(amount) {
  const nano = Math.round(Number(amount) * NANO);
  const fraction = String(nano % NANO).padStart(9, "0").replace(/0+$/, "").padEnd(2, "0");
  return `$${count(Math.floor(nano / NANO))}.${fraction}`;
}

export const milliseconds = (value) => (value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(2)} s`);
