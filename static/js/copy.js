// Copy buttons: `data-copy` is the text, `data-copy-from` the id of the element that holds it, `data-copy-url` an address that answers a POST with it.
// A submit button with `data-copy-form` copies what its form is answered as plain text; where there is none (one has to sign in again, say), the form is sent as usual.
const announce = (message, level) => document.dispatchEvent(new CustomEvent("toast", { detail: { message, level } }));

async function fetchText(url) {
  const headers = JSON.parse(document.body.getAttribute("hx-headers") ?? "{}");
  const response = await fetch(url, { method: "POST", headers });
  if (!response.ok) throw new Error(`${response.status}`);
  return response.text();
}

async function answerToForm(button) {
  const body = new FormData(button.form, button);
  const response = await fetch(button.formAction, { method: "POST", body, headers: { Accept: "text/plain" }, redirect: "manual" });
  if (!response.ok) throw new Error(`${response.status}`);
  return response.text();
}

async function textOf(button) {
  const { copy, copyFrom, copyForm, copyUrl } = button.dataset;
  if (copyForm !== undefined) return answerToForm(button);
  if (copyUrl) return fetchText(copyUrl);
  if (!copyFrom) return copy;
  const source = document.getElementById(copyFrom);
  return source.value ?? source.textContent.trim();
}

// navigator.clipboard exists on https and localhost only; a site tried over plain HTTP in a private network still copies.
function writeByHand(text, near) {
  const area = Object.assign(document.createElement("textarea"), { value: text, readOnly: true, className: "sr-only" });
  near.after(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("refused");
}

// Safari forgets the click while text is being fetched; a ClipboardItem made at once may hold a promise instead.
async function write(promise, near) {
  if (window.ClipboardItem && navigator.clipboard?.write) {
    const blob = promise.then((text) => new Blob([text], { type: "text/plain" }));
    return navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
  }
  return writeByHand(await promise, near);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  if (button.dataset.copyForm !== undefined) event.preventDefault();
  try {
    await write(textOf(button), button);
    button.dataset.done = "";
    setTimeout(() => delete button.dataset.done, 1600);
    announce(button.dataset.copied, "success");
  } catch {
    if (button.dataset.copyForm !== undefined) button.form.requestSubmit(button);
    else announce(button.dataset.failed, "error");
  }
});
