// A1111's sub tabs: what is created there is begun when it is trained, and what is trained is a run like any other.
import { byId, facts, h, t } from "../core/dom.js";
import { browser } from "../core/storage.js";
import { Lost, reasonOf } from "../core/server.js";
import { Form } from "../generation/form.js";
import { trainer } from "./trainer.js";

const KEY = "training.created";      // embeddings and hypernetworks that are not trained yet, by kind and name
const numbers = (text) => String(text ?? "").split(",").map(Number).filter(Number.isFinite);

/** What each kind is created with, in the fields of a training. */
const CREATED = {
  embedding: (values) => ({
    name: values.new_embedding_name?.trim(), overwrite: values.overwrite_old_embedding,
    fields: { init_word: values.initialization_text || "*", num_vectors_per_token: values.nvpt },
  }),
  hypernetwork: (values) => ({
    name: values.new_hypernetwork_name?.trim(), overwrite: values.overwrite_old_hypernetwork,
    fields: {
      ...(sameWidths(values) ? {} : { hypernetwork_sizes: values.new_hypernetwork_sizes.map(Number) }),
      layer_structure: numbers(values.new_hypernetwork_layer_structure),
      activation_func: values.new_hypernetwork_activation_func,
      weight_init: values.new_hypernetwork_initialization_option,
      add_layer_norm: values.new_hypernetwork_add_layer_norm, use_dropout: values.new_hypernetwork_use_dropout,
      ...(values.new_hypernetwork_use_dropout
        ? { dropout_structure: numbers(values.new_hypernetwork_dropout_structure) } : {}),
    },
  }),
};
/** Widths that nobody changed are the model's own, whichever it is. */
const sameWidths = ({ new_hypernetwork_sizes: chosen }) =>
  String(chosen) === String(facts.a1111_training.values.new_hypernetwork_sizes);

const NAMED = { embedding: "token_string", hypernetwork: "output_name" };

export class A1111Training {
  /** begun: told the job of a training that has begun, which is then looked at */
  constructor(begun) {
    this.begun = begun;
    this.created = browser.get(KEY) ?? { embedding: {}, hypernetwork: {} };
    const { ids, values } = facts.a1111_training;
    this.form = new Form("a1111_training", { ids, values, base: {} });
    const deeds = {
      train_create_embedding: () => this.create("embedding"),
      train_create_hypernetwork: () => this.create("hypernetwork"),
      train_train_embedding: () => this.train("embedding"),
      train_train_hypernetwork: () => this.train("hypernetwork"),
      train_interrupt_training: () => this.interrupt(),
    };
    byId("train_tabs").addEventListener("click", ({ target }) => deeds[target.closest("button[id]")?.id]?.());
    this.offer();
  }

  /** The lists of what may be trained, the newest chosen. */
  offer() {
    for (const kind of Object.keys(CREATED)) {
      const names = Object.keys(this.created[kind]);
      if (!names.length) continue;
      this.form.fill({ [kind]: names.at(-1) });
      const choices = names.map((name) => [name, name]);
      this.form.store.fill({ [kind]: { __type__: "update", choices, value: names.at(-1) } });
    }
  }

  say(tab, ...words) { byId(tab)?.replaceChildren(h("p", { role: "status" }, ...words)); }

  async create(kind) {
    const { name, overwrite, fields } = CREATED[kind](await this.form.now()), tab = `create_${kind}_output`;
    if (!name) return this.say(tab, t("Give it a name."));
    if (this.created[kind][name] && !overwrite) return this.say(tab, t("{name} is there already.", { name }));
    this.created[kind] = { ...this.created[kind], [name]: { ...fields, overwrite } };
    browser.set(KEY, this.created);
    this.offer();
    return this.say(tab, t("{name} is ready to be trained: it is chosen in the sub tab Train.", { name }));
  }

  async train(kind) {
    const values = await this.form.now(), name = values[kind];
    if (!name) return this.say("ti_output", t("Create one first, and choose it here."));
    const { embedding: _one, hypernetwork: _other, ...rest } = values;
    const settings = {
      ...rest, learn_rate: values[`${kind}_learn_rate`], data_root: values.dataset_directory,
      [`${kind}_name`]: name,
    };
    try {
      const plan = await trainer.plan({}, [{ name: "settings.json", text: JSON.stringify(settings) }]);
      const given = Object.entries(plan.values).filter(([field]) => !/^default of/.test(plan.where[field]));
      const own = Object.fromEntries(given);
      const fields = { ...own, ...this.created[kind][name], [NAMED[kind]]: name, ...this.previews(values) };
      const { job } = await trainer.begin(fields);
      return this.begun(job);
    } catch (error) {
      if (!error.reply && !(error instanceof Lost)) throw error;
      return this.say("ti_output", reasonOf(error));
    }
  }

  /** A1111's "Read parameters from txt2img". */
  previews({ preview_from_txt2img: reads }) {
    const prompt = { ...window.easel.begun.txt2img.values, ...window.easel.store("txt2img").values }.prompt;
    return reads && prompt ? { sample_prompts: String(prompt).replaceAll("\n", " ") } : {};
  }

  async interrupt() {
    const running = (await trainer.runs()).find(({ state }) => state === "running" || state === "queued");
    if (!running) return this.say("ti_output", t("No training runs."));
    await trainer.order(running.job, "stop");
    return this.say("ti_output", t("It stops after this step, with a file of now."));
  }
}
