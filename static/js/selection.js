// A list with a checkbox per row: one box for all of them, a count, and buttons that wait for a selection.
const boxesOf = (list) => [...list.querySelectorAll("tbody input[type=checkbox]")];

function refresh(list) {
  const boxes = boxesOf(list);
  const chosen = boxes.filter((box) => box.checked).length;
  const all = list.querySelector("[data-select-all]");
  all.checked = chosen > 0 && chosen === boxes.length;
  all.indeterminate = chosen > 0 && chosen < boxes.length;
  for (const button of list.querySelectorAll("[data-needs-selection]")) button.disabled = chosen === 0;
  const count = list.querySelector("[data-selection-count]");
  count.textContent = chosen ? count.dataset.some.replace("#", chosen) : count.dataset.none;
}

function refreshAll() {
  for (const list of document.querySelectorAll("[data-selection]")) refresh(list);
}

document.addEventListener("change", (event) => {
  const list = event.target.closest("[data-selection]");
  if (!list) return;
  if (event.target.matches("[data-select-all]")) for (const box of boxesOf(list)) box.checked = event.target.checked;
  refresh(list);
});

document.addEventListener("htmx:afterSettle", refreshAll);
addEventListener("pageshow", refreshAll); // a browser going back ticks the boxes again without a word
