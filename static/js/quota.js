// The other unit beside a typed amount. BigInt nano-dollars, like the server: a fraction of a cent is shown as it is.
const NANO = 1_000_000_000n;
const AMOUNT = /^\$?\s*(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d{0,9}))?$/;

function nano(text, unit, perUsd) {
  const [, whole, fraction = ""] = AMOUNT.exec(text.trim()) ?? [];
  if (whole === undefined || (unit === "quota" && fraction)) return null;
  const units = BigInt(whole.replaceAll(",", ""));
  return unit === "quota" ? (units * NANO) / perUsd : units * NANO + BigInt(fraction.padEnd(9, "0"));
}

const grouped = (number) => number.toString().replace(/\B(?=(\d{3})+$)/g, ",");

function dollars(amount) {
  const fraction = (amount % NANO).toString().padStart(9, "0").replace(/0+$/, "").padEnd(2, "0");
  return `$${grouped(amount / NANO)}.${fraction}`;
}

function refresh(part) {
  const perUsd = BigInt(part.dataset.quotaPerUsd);
  const unit = part.querySelector("[name=unit]:checked")?.value ?? "quota";
  const amount = nano(part.querySelector("[name=amount]").value, unit, perUsd);
  const other = (amount) => (unit === "quota" ? dollars(amount) : `${grouped((amount * perUsd) / NANO)} ${part.dataset.quotaWord}`);
  part.querySelector("[data-equivalent]").textContent = amount === null ? "–" : other(amount);
}

for (const part of document.querySelectorAll("[data-quota]")) {
  part.addEventListener("input", () => refresh(part));
  refresh(part);
}
