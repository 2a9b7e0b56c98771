// The settings of a conversation: who calls, which model, and how.
import { byId, fill, options, words } from "./page.js";

const form = byId("chat-settings");
const fields = form.elements;
const slider = fields.temperature;
const groups = new Map(options.groups.map((group) => [group.code, group]));
const tokens = new Map(options.tokens.map((token) => [token.id, token]));

const isGroup = (source) => source.startsWith("group:");
const nameOf = (source) => source.slice(source.indexOf(":") + 1);

function option(value, text) {
  return Object.assign(document.createElement("option"), { value, textContent: text });
}

function section(label, entries) {
  const group = Object.assign(document.createElement("optgroup"), { label });
  group.append(...entries);
  return entries.length ? [group] : [];
}

function modelsOf(source) {
  const token = isGroup(source) ? null : tokens.get(nameOf(source));
  const group = groups.get(token ? token.group : nameOf(source));
  return (group?.models ?? []).filter((model) => !token?.models.length || token.models.includes(model.name));
}

function fillSources() {
  fields.source.append(
    ...section(fields.source.dataset.groups, options.groups.map((group) => option(`group:${group.code}`, group.label))),
    ...section(fields.source.dataset.tokens, options.tokens.map((token) => option(`token:${token.id}`, token.label))),
  );
}

function fillModels(wanted) {
  const models = modelsOf(fields.source.value);
  const drills = models.filter((model) => model.drill);
  const providers = Map.groupBy(models.filter((model) => !model.drill), (model) => model.provider);
  const entries = (some) => some.map((model) => option(model.name, model.name));
  fields.model.replaceChildren(
    ...[...providers].flatMap(([provider, some]) => section(provider, entries(some))),
    ...section(fields.model.dataset.drills, entries(drills)),
  );
  const isThere = (name) => models.some((model) => model.name === name);
  if (!models.length) fields.model.append(option("", fields.model.dataset.none));
  fields.model.value = [wanted, options.model, fields.model.options[0]?.value].find(isThere) ?? fields.model.options[0].value;
}

function showDependent() {
  const model = modelsOf(fields.source.value).find((each) => each.name === fields.model.value);
  const price = (text) => (model ? fill(words.perMillion, text) : "–");
  byId("price-input").textContent = model?.call ? fill(words.perCall, model.call) : price(model?.input);
  byId("price-cached").textContent = price(model?.cached);
  byId("price-output").textContent = price(model?.output);
  byId("source-about").textContent = isGroup(fields.source.value) ? (groups.get(nameOf(fields.source.value))?.about ?? "") : "";
  byId("temperature-shown").textContent = slider.dataset.set ? Number(slider.value).toFixed(1) : words.default;
  byId("temperature-reset").hidden = !slider.dataset.set;
  byId("chat-model").textContent = fields.model.value;
}

export const settings = {
  /** As plain values, to be kept. */
  read() {
    return {
      source: fields.source.value,
      model: fields.model.value,
      system: fields.system.value,
      temperature: slider.dataset.set ? Number(slider.value) : null,
      max: fields.max.value ? Number(fields.max.value) : null,
      stream: fields.stream.checked,
    };
  },

  write(kept = {}) {
    const isThere = [...fields.source.options].some((each) => each.value === kept.source);
    if (isThere) fields.source.value = kept.source;
    else fields.source.selectedIndex = 0;
    fillModels(kept.model);
    fields.system.value = kept.system ?? "";
    slider.value = kept.temperature ?? 1;
    if (kept.temperature == null) delete slider.dataset.set;
    else slider.dataset.set = "yes";
    fields.max.value = kept.max ?? "";
    fields.stream.checked = kept.stream ?? true;
    showDependent();
  },

  /** What /playground/pass is asked for. */
  source() {
    const { source } = this.read();
    return isGroup(source) ? { group: nameOf(source) } : { token: nameOf(source) };
  },

  /** The body of a call with these messages before it. */
  body(messages) {
    const { model, system, temperature, max, stream } = this.read();
    return {
      model,
      messages: [...(system.trim() ? [{ role: "system", content: system }] : []), ...messages],
      ...(temperature === null ? {} : { temperature }),
      ...(max === null ? {} : { max_tokens: max }),
      stream,
    };
  },

  onChange(listener) {
    form.addEventListener("change", () => listener(this.read()));
  },
};

if (options.groups.length) fillSources();
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", (event) => {
  if (event.target === slider) slider.dataset.set = "yes";
  if (event.target === fields.source) fillModels(fields.model.value);
  showDependent();
});
byId("temperature-reset").addEventListener("click", () => {
  settings.write({ ...settings.read(), temperature: null });
  form.dispatchEvent(new Event("change"));
});
