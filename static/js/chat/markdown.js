// Markdown of strangers as harmless elements. Two walls: the parser writes HTML of answers as text and makes no pictures (which
// could carry words of the conversation to another site); then only the tags and attributes named here are let through.
import { Marked } from "../../vendor/marked.min.js";
import DOMPurify from "../../vendor/purify.min.js";
import { fromTemplate, part, words } from "./page.js";

const TAGS = [
  ..."p br hr strong em del a ul ol li blockquote pre code h3 h4 h5 h6".split(" "),
  ..."table thead tbody tr th td input".split(" "),
];
const ATTRIBUTES = ["href", "class", "align", "start", "type", "checked", "disabled"];
const PURE = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ATTRIBUTES,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ADD_URI_SAFE_ATTR: ["align", "start", "type", "checked", "disabled"],
  RETURN_DOM_FRAGMENT: true,
};

const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escaped(text),
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    heading({ tokens, depth }) {
      const level = Math.min(depth + 2, 6); // the page has its own first two
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
    },
  },
});

let highlighter = null;
const loadHighlighter = () => (highlighter ??= import("../../vendor/highlight.min.js").then((module) => module.default));

function pure(html) {
  const fragment = DOMPurify.sanitize(html, PURE);
  for (const link of fragment.querySelectorAll("a")) Object.assign(link, { target: "_blank", rel: "noopener noreferrer nofollow" });
  for (const box of fragment.querySelectorAll("input")) {
    if (box.type === "checkbox") Object.assign(box, { disabled: true, ariaLabel: box.parentElement.textContent.trim() });
    else box.remove();
  }
  for (const table of fragment.querySelectorAll("table")) wrap(table, "table-scroll");
  for (const code of fragment.querySelectorAll("pre > code")) frame(code);
  return fragment;
}

function wrap(element, className) {
  const box = Object.assign(document.createElement("div"), { className, tabIndex: 0 });
  element.replaceWith(box);
  box.append(element);
}

/** A block of code with its language and a copy button. */
function frame(code) {
  const language = /^language-([\w+#.-]+)$/.exec(code.className)?.[1] ?? "";
  const block = Object.assign(document.createElement("div"), { className: "code" });
  const head = fromTemplate("code-head");
  part(head, "language").textContent = language || words.code;
  head.querySelector(".copy").dataset.copy = code.textContent;
  code.className = "";
  if (language) code.dataset.language = language;
  code.parentElement.tabIndex = 0;
  code.parentElement.replaceWith(block);
  block.append(head, Object.assign(document.createElement("pre"), { tabIndex: 0 }));
  block.lastChild.append(code);
}

/** Colour a block of code whose text is final. */
export async function colour(code, language) {
  const highlight = await loadHighlighter();
  if (!highlight.getLanguage(language)) return;
  const html = highlight.highlight(code.textContent, { language, ignoreIllegals: true }).value;
  code.replaceChildren(DOMPurify.sanitize(html, { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], RETURN_DOM_FRAGMENT: true }));
}

const sources = new WeakMap(); // of each block's element, the Markdown it was made of

/** Bring an element up to a text that grows: only blocks that changed are made again. `isFinal`: nothing more will come. */
export function show(element, text, isFinal) {
  const blocks = marked.lexer(text);
  const { links } = blocks;
  const shown = blocks.filter((block) => block.type !== "space" && block.type !== "def");
  shown.forEach((block, index) => {
    const old = element.children[index];
    const box = old && sources.get(old) === block.raw ? old : makeBlock(element, old, block, links);
    if (isFinal || index < shown.length - 1) colourAll(box);
  });
  while (element.children.length > shown.length) element.lastElementChild.remove();
}

function makeBlock(element, old, block, links) {
  const box = document.createElement("div");
  box.append(pure(marked.parser(Object.assign([block], { links }))));
  sources.set(box, block.raw);
  if (old) old.replaceWith(box);
  else element.append(box);
  return box;
}

function colourAll(box) {
  for (const code of box.querySelectorAll("code[data-language]")) {
    const { language } = code.dataset;
    delete code.dataset.language;
    colour(code, language);
  }
}
