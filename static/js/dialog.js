// Dialogs open by `command="show-modal" commandfor="id"`, in new browsers without any script. What is left for this file:
// browsers that do not know commands; content that htmx loads into a dialog with `data-open-on-load`; and HX-Trigger `dialog-close`.
const KNOWS_COMMANDS = "commandForElement" in HTMLButtonElement.prototype;

function runCommand(button) {
  const dialog = document.getElementById(button.getAttribute("commandfor"));
  if (button.getAttribute("command") === "show-modal") dialog?.showModal();
  else if (button.getAttribute("command") === "close") dialog?.close();
}

if (!KNOWS_COMMANDS) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[commandfor]");
    if (button) runCommand(button);
  });
}

document.addEventListener("htmx:afterSwap", (event) => {
  const dialog = event.detail.target.closest("dialog[data-open-on-load]");
  if (dialog && !dialog.open) dialog.showModal();
});

document.addEventListener("dialog-close", () => {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
});

// A dialog that the server sent open (a form with errors, say) becomes modal; without a script it is simply there.
for (const dialog of document.querySelectorAll("dialog[open][data-modal]")) {
  dialog.close();
  dialog.showModal();
}
