// The detailer's fold in a tab: its tabs side by side, and the finds of a picture before they are painted.
import { byId, h, pause, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { ask, reasonOf, server } from "../core/server.js";
import { DetailerTabForm } from "./detailer_tab.js";
import { FindEditor } from "./find_editor.js";
import { FormTabs } from "./form_tabs.js";

const TABS = 4;
const ASK_AGAIN = 250;      // ms between two looks at a job
// of the form's fields, those by which finds are painted
const COMMON = [
  "prompt", "negative_prompt", "styles", "steps", "sampler_name", "scheduler", "cfg_scale", "seed", "width", "height",
  "control",
];

export class Detailer {
  constructor(owner) {
    Object.assign(this, { owner, form: owner.form });
    this.forms = Array.from({ length: TABS }, (_, number) =>
      new DetailerTabForm(owner.tab, number, () => this.tabs.changed(), () => this.look()));
    this.only = h("input", { type: "checkbox", onchange: () => this.form.fill({ detailer_only: this.only.checked }) });
    this.editor = new FindEditor((boxes) => this.paint(boxes));
    const fold = byId(`${owner.tab}_detailer`);
    this.tabs = new FormTabs(fold, this.form, "detailer", this.forms, {
      title: (place) => t("Tab {n}", { n: place + 1 }), load: () => this.load(),
    });
    fold.querySelector(".control-place").append(
      this.tabs.row, this.tabs.more,
      owner.tab === "img2img"
        ? h("label.control-checks", {}, this.only, t("Skip img2img: paint nothing but the finds"))
        : "",
      ...this.forms.map(({ element }) => element), this.editor.element);
    this.tabs.follow();
    this.form.onChange(() => this.showOnly());
    this.showOnly();
  }

  showOnly() { this.only.checked = Boolean(this.form.get("detailer_only")); }

  /** The form that is shown. */
  get shown() { return this.forms[this.tabs.shown]; }

  async load() {
    try {
      const [{ ad_model: detectors }, samplers, schedules, { lists }, { model_list: nets }, { module_list: modules }] =
        await Promise.all([
          ask("../../adetailer/v1/ad_model"), ask("../../sdapi/v1/samplers"), ask("../../sdapi/v1/schedulers"),
          server.choices(), ask("../../controlnet/model_list?update=false"),
          ask("../../controlnet/module_list?alias_names=true"),
        ]);
      for (const tab of this.forms) {
        tab.offer("ad_model", ["None", ...detectors]);
        tab.offer("ad_sampler", samplers.map(({ name }) => name));
        tab.offer("ad_scheduler", ["Use same scheduler", ...schedules.map(({ label }) => label)]);
        tab.offer("ad_vae", ["Use same VAE", ...lists.titled_vaes.map(([, value]) => value)]);
        tab.offer("ad_controlnet_module", ["None", ...modules.filter((name) => name !== "none")]);
        tab.offer("ad_checkpoint", ["Use same checkpoint", ...lists.checkpoints.map(([, value]) => value)]);
        tab.offer("ad_controlnet_model", ["None", "Passthrough", ...nets]);
      }
    } catch (error) {
      notice("detailer", reasonOf(error));
    }
  }

  // Finds before they are painted --------------------------------------------------------------------------

  /** Look for things in the picture that the tab shows, else in img2img's own. */
  async look() {
    const { shown } = this;
    if (shown.values.ad_model === "None") return notice("detailer", t("Choose a detector first."));
    try {
      const picture = await this.picture();
      if (!picture) return notice("detailer", t("There is no picture yet to look at."));
      const fields = {
        init_images: [picture.name], detailer_only: true, detailer_finds: true,
        detailer: [{ ...shown.value, ad_boxes: [] }],
      };
      const { job } = await server.begin({ kind: "img2img", fields: { ...this.common(), ...fields }, save: false });
      const ended = await endOf(job);
      if (!ended.pictures.length) throw new Error(ended.error?.message ?? t("Nothing came back."));
      const { infotext } = await server.infotext(job, ended.pictures[0].index);
      const read = await server.readInfotext(infotext, "img2img");
      this.editor.show(picture, read.fields.detailer[0]?.ad_boxes ?? []);
    } catch (error) {
      notice("detailer", reasonOf(error));
    }
  }

  /** → { name, url, seed } of the picture to look at, kept on the server; null without one. */
  async picture() {
    const shown = this.owner.results.picture;
    if (shown?.url) {
      const file = await (await fetch(shown.url)).blob();
      const { name } = await server.keep(new File([file], "picture.png", { type: file.type }));
      return { name, url: URL.createObjectURL(file), seed: shown.seed };
    }
    await this.owner.prepare?.();
    const [name] = this.form.get("init_images") ?? [];
    return name ? { name, url: this.owner.shownUrl?.() ?? "", seed: null } : null;
  }

  common() {
    const values = this.form.request().fields;
    return Object.fromEntries(COMMON.filter((name) => name in values).map((name) => [name, values[name]]));
  }

  /** Paint these boxes of the picture that was looked at. */
  async paint(boxes) {
    const { name, seed } = this.editor.picture;
    const { settings } = this.form.request();
    const detailer = [{ ...this.shown.value, ad_boxes: boxes }];
    const own = seed === null || seed === undefined || seed === "" ? {} : { seed };
    const fields = { ...this.common(), ...own, init_images: [name], detailer_only: true, detailer };
    try {
      this.owner.follow(await server.begin({ kind: "img2img", fields, settings }));
    } catch (error) {
      notice("detailer", reasonOf(error));
    }
  }
}

/** A job's record once it has ended. */
async function endOf(id) {
  for (;;) {
    const record = await server.job(id);
    if (["done", "failed", "interrupted"].includes(record.state)) return record;
    await pause(ASK_AGAIN);
  }
}

/** Starts the fold of a tab that has one. */
export function startDetailer(owner) {
  owner.detailer = new Detailer(owner);
}
