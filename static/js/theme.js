// The theme without a reload: the same cookie that the form's POST would set. The server writes data-theme, so nothing flashes.
const form = document.querySelector("[data-theme-form]");

form?.addEventListener("submit", (event) => {
  const theme = event.submitter?.value;
  if (!theme) return;
  event.preventDefault();
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax${secure}`;
  document.documentElement.dataset.theme = theme;
  for (const button of form.querySelectorAll("[aria-pressed]")) button.setAttribute("aria-pressed", button === event.submitter);
  form.closest("[popover]").hidePopover();
});
