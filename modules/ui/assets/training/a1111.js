// A1111's sub tabs: what is created there is a file at once, and what is trained is a run like any other.
import { lookAgain } from "../core/choices.js";
import { byId, facts, h, t } from "../core/dom.js";
import { Lost, reasonOf } from "../core/server.js";
import { Form } from "../generation/form.js";
import { networks, trainer } from "./trainer.js";

/** A1111's arguments of create/*, from the fields of its sub tabs. */
const CREATED = {
  embedding: (values) => ({
    name: values.new_embedding_name?.trim(), overwrite_old: values.overwrite_old_embedding,
    init_text: values.initialization_text || "*", num_vectors_per_token: values.nvpt,
  }),
  hypernetwork: (values) => ({
    name: values.new_hypernetwork_name?.trim(), overwrite_old: values.overwrite_old_hypernetwork,
    enable_sizes: values.new_hypernetwork_sizes,
    layer_structure: values.new_hypernetwork_layer_structure,
    activation_func: values.new_hypernetwork_activation_func,
    weight_init: values.new_hypernetwork_initialization_option,
    add_layer_norm: values.new_hypernetwork_add_layer_norm, use_dropout: values.new_hypernetwork_use_dropout,
    dropout_structure: values.new_hypernetwork_dropout_structure,
  }),
};
/** What a run begins with, and where its file goes: the file that is there, in its place. */
const IN_PLACE = {
  embedding: (name) => ({ method: "textual-inversion", token_string: name, weights: name }),
  hypernetwork: (name) => ({ method: "hypernetwork", network_weights: name }),
};

export class A1111Training {
  /** begun: told the job of a training that has begun, which is then looked at */
  constructor(begun) {
    this.begun = begun;
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
    for (const kind of Object.keys(CREATED)) this.offer(kind).catch(() => {});      // asked again after a creation
  }

  /** The list of what may be trained, with one chosen. */
  async offer(kind, chosen = "") {
    const names = await networks.names(kind), value = chosen || names[0] || "";
    this.form.fill({ [kind]: value });
    const choices = names.map((name) => [name, name]);
    this.form.store.fill({ [kind]: { __type__: "update", choices, value } });
  }

  say(tab, ...words) { byId(tab)?.replaceChildren(h("p", { role: "status" }, ...words)); }

  async create(kind) {
    const asked = CREATED[kind](await this.form.now()), tab = `create_${kind}_output`, { name } = asked;
    if (!name) return this.say(tab, t("Give it a name."));
    this.say(tab, t("It is being written …"));
    return this.tried(tab, async () => {
      const { info } = await networks.create(kind, asked);
      if (/ error: /.test(info)) return this.say(tab, info.split(" error: ")[1]);
      lookAgain();
      await this.offer(kind, name);
      return this.say(tab, t("{name} is ready to be trained: it is chosen in the sub tab Train.", { name }));
    });
  }

  async train(kind) {
    const values = await this.form.now(), name = values[kind];
    if (!name) return this.say("ti_output", t("Create one first, and choose it here."));
    const { embedding: _one, hypernetwork: _other, ...rest } = values;
    const settings = {
      ...rest, learn_rate: values[`${kind}_learn_rate`], data_root: values.dataset_directory,
      [`${kind}_name`]: name,
    };
    return this.tried("ti_output", async () => {
      const plan = await trainer.plan({}, [{ name: "settings.json", text: JSON.stringify(settings) }]);
      const given = Object.entries(plan.values).filter(([field]) => !/^default of/.test(plan.where[field]));
      const own = { ...Object.fromEntries(given), ...IN_PLACE[kind](name), output_name: name, overwrite: true };
      const { job } = await trainer.begin({ ...own, ...this.previews(values) });
      return this.begun(job);
    });
  }

  /** Do it, or say under the sub tab's fields why it cannot be done. */
  async tried(tab, deed) {
    try {
      return await deed();
    } catch (error) {
      if (!error.reply && !(error instanceof Lost)) throw error;
      return this.say(tab, reasonOf(error));
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
