// What a bar stands for, beside the pointer. The figures are those of the table behind the chart; without a script
// the columns' own titles say the total.
function tipOf(row, heads) {
  const tip = document.createElement("div");
  tip.className = "chart-tip";
  const [when, ...amounts] = row.cells;
  const total = amounts.pop();
  tip.append(line(null, when.textContent, total.textContent, true));
  amounts.forEach((cell, at) => {
    if (cell.textContent !== "$0.00") tip.append(line(at + 1, heads[at + 1].textContent, cell.textContent));
  });
  return tip;
}

function line(series, name, amount, isHead = false) {
  const paragraph = document.createElement("p");
  if (series) {
    const swatch = document.createElement("span");
    swatch.className = series < 6 ? `swatch swatch-${series}` : "swatch";
    paragraph.append(swatch);
  }
  const value = document.createElement("span");
  value.className = "num";
  value.textContent = amount;
  paragraph.append(name, value);
  if (isHead) paragraph.classList.add("chart-tip-head");
  return paragraph;
}

function place(tip, chart, column) {
  const frame = chart.getBoundingClientRect();
  const bar = column.getBoundingClientRect();
  const fitsRight = bar.right - frame.left + tip.offsetWidth + 8 <= frame.width;
  const left = fitsRight ? bar.right - frame.left + 8 : bar.left - frame.left - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(left, 0)}px`;
}

for (const chart of document.querySelectorAll("[data-chart]")) {
  const table = chart.parentElement.querySelector(".chart-data table");
  const heads = table.tHead.rows[0].cells;
  chart.querySelectorAll(".chart-column").forEach((column, at) => {
    column.querySelector("title").remove();
    column.addEventListener("pointerenter", () => {
      const tip = tipOf(table.tBodies[0].rows[at], heads);
      chart.querySelector(".chart-tip")?.remove();
      chart.append(tip);
      place(tip, chart, column);
    });
    column.addEventListener("pointerleave", () => chart.querySelector(".chart-tip")?.remove());
  });
}
