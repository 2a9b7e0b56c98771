// Names to choose from beside a text with one on each line: a click adds the name, another takes it away.
const linesOf = (area) => area.value.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);

function refresh(list, area) {
  const chosen = new Set(linesOf(area));
  for (const button of list.querySelectorAll("button")) button.setAttribute("aria-pressed", chosen.has(button.textContent));
}

function toggle(area, name) {
  const lines = linesOf(area);
  const others = lines.filter((line) => line !== name);
  area.value = (others.length < lines.length ? others : [...lines, name]).join("\n");
}

for (const list of document.querySelectorAll("[data-picks]")) {
  const area = document.getElementById(list.dataset.picks);
  for (const button of list.querySelectorAll("button")) button.disabled = false;
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) toggle(area, button.textContent);
    refresh(list, area);
  });
  area.addEventListener("input", () => refresh(list, area));
  refresh(list, area);
}
