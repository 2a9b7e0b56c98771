// One choice of language for all samples of a page, remembered for the next one. Without this every group has its own.
const KEY = "sample-language";
const inputs = () => document.querySelectorAll(".sample-tabs input");

function choose(language) {
  for (const input of inputs()) if (input.value === language) input.checked = true;
}

document.addEventListener("change", ({ target }) => {
  if (!target.matches(".sample-tabs input")) return;
  choose(target.value);
  localStorage.setItem(KEY, target.value);
});

const remembered = localStorage.getItem(KEY);
if (remembered) choose(remembered);
