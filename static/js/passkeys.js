// Passkeys: a form of `data-passkey` asks the browser first and is sent with what it hands over. The options for the
// browser stand in the page (data-options: an id) or are fetched (data-options-url). Secrets never leave the device.
const isOffered = Boolean(window.isSecureContext && window.PublicKeyCredential?.parseCreationOptionsFromJSON);
// An address in numbers cannot own a passkey: browsers bind them to host names.
const isNamed = !/^(\d+\.){3}\d+$|^\[/.test(location.hostname);
const isUsable = isOffered && isNamed;

for (const element of document.querySelectorAll("[data-needs-passkeys]")) element.hidden = !isUsable;
for (const element of document.querySelectorAll("[data-no-passkeys]")) element.hidden = isUsable;

async function optionsOf(form) {
  if (form.dataset.options) return JSON.parse(document.getElementById(form.dataset.options).textContent).publicKey;
  const answer = await fetch(form.dataset.optionsUrl, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`the options were refused with ${answer.status}`);
  return (await answer.json()).request_options.publicKey;
}

function create(options, form) {
  const isAlone = form.elements.passwordless?.checked ?? false;
  options.authenticatorSelection = {
    ...options.authenticatorSelection,
    residentKey: isAlone ? "required" : "discouraged",
    requireResidentKey: isAlone,
    userVerification: isAlone ? "required" : "preferred",
  };
  return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
}

function get(options) {
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

async function askFirst(event) {
  const form = event.target.closest("form[data-passkey]");
  if (!form) return;
  event.preventDefault();
  const button = event.submitter;
  if (button) button.disabled = true;
  try {
    const credential = await { create, get }[form.dataset.passkey](await optionsOf(form), form);
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch {
    // Cancelled, timed out, or a device that already has one: the browser has said so in its own dialog.
    document.dispatchEvent(new CustomEvent("toast", { detail: { message: form.dataset.refused, level: "error" } }));
  } finally {
    if (button) button.disabled = false;
  }
}

document.addEventListener("submit", askFirst);
