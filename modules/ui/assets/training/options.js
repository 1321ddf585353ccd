// What is trained and how: the few fields that matter first, all others folded and searched.
import { byId, facts, h, t } from "../core/dom.js";
import { ForeignPlan } from "./foreign.js";
import { TrainingField } from "./field.js";

/** Shown first, for each method. */
const FIRST = {
  lora: ["output_name", "max_train_steps", "learning_rate", "network_dim", "train_batch_size", "resolution"],
  "textual-inversion": ["token_string", "init_word", "num_vectors_per_token", "max_train_steps", "learning_rate",
    "resolution"],
  dreambooth: ["output_name", "max_train_steps", "learning_rate", "class_tokens", "reg_data_dir", "train_text_encoder"],
  "fine-tune": ["output_name", "max_train_steps", "learning_rate", "train_batch_size", "resolution",
    "train_text_encoder"],
  vae: ["output_name", "max_train_steps", "learning_rate", "train_batch_size", "resolution", "disc_weight"],
  hypernetwork: ["output_name", "layer_structure", "max_train_steps", "learning_rate", "train_batch_size",
    "resolution"],
  controlnet: ["output_name", "conditioning_preprocessor", "conditioning_data_dir", "max_train_steps", "learning_rate",
    "train_batch_size"],
};
const SAMPLES = ["sample_prompts", "sample_every_n_steps"];
const WORDS = {
  lora: "A small file that teaches the model a thing, a person or a style. The usual choice.",
  "textual-inversion": "A word of its own, which means what the pictures show. The model stays as it is.",
  dreambooth: "The whole model learns one subject, and class pictures keep what it knew. A file as large as the model.",
  "fine-tune": "The whole model learns from many pictures with captions. A file as large as the model.",
  vae: "The VAE's decoder learns to draw sharper what latents say. Captions are not needed.",
  hypernetwork: "A network beside the model's attention, as A1111 trains it. Best for styles.",
  controlnet: "A ControlNet learns to follow maps of the pictures, such as their edges. It takes many pictures and steps.",
};
const APART = new Set(["method", "pretrained_model_name_or_path", "train_data_dir"]);

export class TrainingOptions {
  /** told: the server's groups of fields and methods */
  constructor(draft, told) {
    Object.assign(this, { draft, told, values: {} });
    this.byName = new Map(told.groups.flatMap(({ fields }) => fields.map((each) => [each.name, each])));
    const methods = told.methods.map(({ name, title }) => h("button", {
      type: "button", role: "radio", id: `training_method_${name}`, onclick: () => this.choose(name),
    }, t(title)));
    this.methods = h("div.training-methods", { role: "radiogroup", "aria-label": t("Method") }, methods);
    this.about = h("p.hint", {});
    this.model = h("select", { id: "training_model",
      onchange: () => this.draft.set({ pretrained_model_name_or_path: this.model.value }) });
    this.first = h("div.training-fields", {});
    this.samples = h("div.training-samples", {});
    this.search = h("input", { type: "search", placeholder: t("Search fields"), "aria-label": t("Search fields"),
      oninput: () => this.filter() });
    this.all = h("details.training-all", { ontoggle: () => this.drawAll() },
      h("summary", {}, t("All fields")), this.search, this.groups = h("div.training-groups", {}));
    this.foreign = new ForeignPlan(draft);
    this.root = h("section.training-part", {}, h("h2", {}, t("Training")), this.methods, this.about,
      h("label.training-field", {}, h("span.training-label", {}, t("Model")), this.model), this.first, this.samples,
      this.all, this.foreign.root);
    this.draw();
  }

  get method() {
    const { method, layer_structure: layers, token_string: word } = this.draft.fields;
    return FIRST[method] ? method : layers ? "hypernetwork" : word ? "textual-inversion" : "lora";
  }

  choose(method) {
    this.draft.set({ method: method === "lora" ? null : method });
    this.draw();
  }

  /** The lists as they are now, and the fields of the method. */
  draw() {
    const { method } = this;
    for (const button of this.methods.children)
      button.setAttribute("aria-checked", String(button.id === `training_method_${method}`));
    this.about.textContent = t(WORDS[method]);
    this.drawModels();
    this.shown = FIRST[method].filter((name) => this.byName.has(name)).map((name) => this.field(name));
    this.first.replaceChildren(...this.shown.map(({ root }) => root));
    const samples = SAMPLES.map((name) => this.field(name));
    this.samples.replaceChildren(...samples.map(({ root }) => root));
    this.shown.push(...samples);
    if (this.all.open) this.drawAll();
    this.show(this.values);
  }

  drawModels() {
    const offered = byId("setting_sd_model_checkpoint")?.querySelector("input")?.value ?? "";
    const names = facts.start.choices?.checkpoints ?? [];
    const chosen = this.draft.get("pretrained_model_name_or_path") ?? "";
    const known = names.map((each) => (Array.isArray(each) ? each[1] : each));
    const all = chosen && !known.includes(chosen) ? [chosen, ...known] : known;
    this.model.replaceChildren(
      h("option", { value: "" }, offered ? t("The page's: {name}", { name: offered }) : t("The page's")),
      ...all.map((name) => h("option", { value: name }, name)));
    this.model.value = chosen;
  }

  field(name) { return new TrainingField(this.byName.get(name), this.draft); }

  drawAll() {
    if (!this.all.open) return;
    const here = new Set([...FIRST[this.method], ...SAMPLES]);
    this.rest = [];
    this.groups.replaceChildren(...this.told.groups.map(({ title, fields }) => {
      const others = fields.filter(({ name }) => !APART.has(name) && !here.has(name));
      const drawn = others.map(({ name }) => this.field(name));
      this.rest.push(...drawn);
      return h("fieldset", {}, h("legend", {}, t(title)), h("div.training-fields", {}, drawn.map(({ root }) => root)));
    }));
    this.show(this.values);
    this.filter();
  }

  filter() {
    const words = this.search.value.trim().toLowerCase();
    for (const { root, facts: { name, label, help } } of this.rest ?? [])
      root.hidden = !`${name} ${label} ${t(label)} ${help}`.toLowerCase().includes(words);
    for (const group of this.groups.children)
      group.hidden = [...group.querySelectorAll(".training-field, .training-check")].every(({ hidden }) => hidden);
  }

  /** What a plan says of the fields that are left open. */
  show(values) {
    this.values = values;
    for (const field of [...this.shown, ...(this.all.open ? this.rest ?? [] : [])]) field.show(values);
  }
}
