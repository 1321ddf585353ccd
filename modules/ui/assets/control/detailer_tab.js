// One tab of the detailer as a form: what is looked for, and how each find is painted.
import { h, iconButton, t } from "../core/dom.js";
import { FieldsForm } from "./fields.js";

const METHODS = ["Area", "Confidence"];
const MERGES = ["None", "Merge", "Merge and Invert"];

/** A tab as the form begins with it. */
export const emptyDetailer = () => ({
  ad_model: "None",
  ad_model_classes: "",
  ad_tab_enable: true,
  ad_prompt: "",
  ad_negative_prompt: "",
  ad_confidence: 0.3,
  ad_mask_filter_method: METHODS[0],
  ad_mask_k: 0,
  ad_mask_min_ratio: 0,
  ad_mask_max_ratio: 1,
  ad_dilate_erode: 4,
  ad_x_offset: 0,
  ad_y_offset: 0,
  ad_mask_merge_invert: MERGES[0],
  ad_mask_blur: 4,
  ad_denoising_strength: 0.4,
  ad_inpaint_only_masked: true,
  ad_inpaint_only_masked_padding: 32,
  ad_use_inpaint_width_height: false,
  ad_inpaint_width: 512,
  ad_inpaint_height: 512,
  ad_use_steps: false,
  ad_steps: 28,
  ad_use_cfg_scale: false,
  ad_cfg_scale: 7,
  ad_use_sampler: false,
  ad_sampler: "DPM++ 2M Karras",
  ad_scheduler: "Use same scheduler",
  ad_use_checkpoint: false,
  ad_checkpoint: "Use same checkpoint",
  ad_use_vae: false,
  ad_vae: "Use same VAE",
  ad_use_noise_multiplier: false,
  ad_noise_multiplier: 1,
  ad_use_clip_skip: false,
  ad_clip_skip: 1,
  ad_restore_face: false,
  ad_controlnet_model: "None",
  ad_controlnet_module: "None",
  ad_controlnet_weight: 1,
  ad_controlnet_guidance_start: 0,
  ad_controlnet_guidance_end: 1,
});

export class DetailerTabForm extends FieldsForm {
  /** finds: called when somebody wants to see the finds first */
  constructor(tab, number, changed, finds) {
    super(`${tab}_detailer_${number}`, emptyDetailer(), changed);
    this.own = {};      // what pasted data have beyond the form: boxes by hand
    const more = h("details.control-more", {}, h("summary", {}, t("More: masks, size, steps, model")), this.further());
    this.element = h("div.control-unit", { role: "tabpanel" },
      h("div.control-checks", {}, this.check("ad_tab_enable", "Enable")),
      h("div.control-row", {}, this.choice("ad_model", "Detector"),
        iconButton("sparkles", t("Show what is found in the picture"), finds)),
      this.boxes(),
      this.text("ad_prompt", "Detailer prompt", "Empty is the picture's prompt; [SEP] parts those of the finds"),
      this.text("ad_negative_prompt", "Detailer negative prompt", "Empty is the picture's"),
      this.slider("ad_confidence", "Detection confidence", 0, 1, 0.01),
      this.slider("ad_denoising_strength", "Denoising strength", 0, 1, 0.01),
      this.slider("ad_mask_k", "Only so many finds (0 is all)", 0, 10, 1),
      more);
    this.offer("ad_model", ["None"]);
    this.show();
  }

  further() {
    const sized = this.slider.bind(this);
    return h("div.control-unit", {},
      this.text("ad_model_classes", "Classes", "Labels with commas between; empty is all that the detector knows"),
      this.radio("ad_mask_filter_method", "Finds are chosen by", METHODS),
      h("div.control-row", {}, sized("ad_mask_min_ratio", "Least area", 0, 1, 0.001),
        sized("ad_mask_max_ratio", "Largest area", 0, 1, 0.001)),
      sized("ad_dilate_erode", "Mask erosion (-) / dilation (+)", -128, 128, 4),
      h("div.control-row", {}, sized("ad_x_offset", "Mask x offset", -200, 200, 1),
        sized("ad_y_offset", "Mask y offset", -200, 200, 1)),
      this.radio("ad_mask_merge_invert", "Masks are", MERGES),
      sized("ad_mask_blur", "Mask blur", 0, 64, 1),
      this.check("ad_inpaint_only_masked", "Inpaint only masked"),
      sized("ad_inpaint_only_masked_padding", "Only masked padding, pixels", 0, 256, 4),
      this.switched("ad_use_inpaint_width_height", "Use separate width/height",
        sized("ad_inpaint_width", "Inpaint width", 64, 2048, 8),
        sized("ad_inpaint_height", "Inpaint height", 64, 2048, 8)),
      this.switched("ad_use_steps", "Use separate steps", sized("ad_steps", "Detailer steps", 1, 150, 1)),
      this.switched("ad_use_cfg_scale", "Use separate CFG scale",
        sized("ad_cfg_scale", "Detailer CFG scale", 1, 30, 0.5)),
      this.switched("ad_use_sampler", "Use separate sampler", this.choice("ad_sampler", "Detailer sampling method"),
        this.choice("ad_scheduler", "Detailer schedule type")),
      this.switched("ad_use_checkpoint", "Use separate checkpoint",
        this.choice("ad_checkpoint", "Detailer checkpoint")),
      this.switched("ad_use_vae", "Use separate VAE", this.choice("ad_vae", "Detailer VAE")),
      this.switched("ad_use_noise_multiplier", "Use separate noise multiplier",
        sized("ad_noise_multiplier", "Detailer noise multiplier", 0.5, 1.5, 0.01)),
      this.switched("ad_use_clip_skip", "Use separate CLIP skip",
        sized("ad_clip_skip", "Detailer CLIP skip", 1, 12, 1)),
      this.check("ad_restore_face", "Restore faces after it"),
      h("div.control-row", {}, this.choice("ad_controlnet_model", "Detailer ControlNet"),
        this.choice("ad_controlnet_module", "Its preprocessor")),
      sized("ad_controlnet_weight", "Its weight", 0, 1, 0.01),
      h("div.control-row", {}, sized("ad_controlnet_guidance_start", "Its start", 0, 1, 0.01),
        sized("ad_controlnet_guidance_end", "Its end", 0, 1, 0.01)));
  }

  /** A line about boxes by hand, which are painted whatever the detector would find. */
  boxes() {
    const told = h("span", { role: "status" }), line = h("p.control-boxes", {}, told, " ",
      h("button.link", { type: "button", onclick: () => this.forgetBoxes() }, t("Let the detector look again")));
    this.controls.ad_boxes = () => {
      const count = this.own.ad_boxes?.length ?? 0;
      line.hidden = !count;
      told.textContent = t("Painted where boxes by hand are: {n}.", { n: count });
    };
    return line;
  }

  forgetBoxes() {
    this.own = {};
    this.set({});
  }

  /** Another detector finds other things. */
  chosen(name, value) {
    if (name === "ad_model") this.own = {};
    super.chosen(name, value);
  }

  /** A box, and what it switches on. */
  switched(name, label, ...parts) {
    const inner = h("div.control-row", {}, ...parts);
    const box = this.check(name, label);
    const tell = this.controls[name];
    this.controls[name] = (value) => { tell(value); inner.hidden = !value; };
    return h("div.control-switched", {}, box, inner);
  }

  /** The options of a list; what is chosen stays, also if it is not among them. */
  offer(name, options) {
    this[`${name}List`].replaceChildren(...options.map((value) => h("option", { value }, value)));
    this.controls[name](this.values[name]);
  }

  /** Take values from elsewhere, such as pasted data. */
  take(values) {
    const begin = emptyDetailer();
    this.own = Object.fromEntries(Object.entries(values).filter(([name]) => !(name in begin)));
    this.values = { ...begin, ...Object.fromEntries(Object.entries(values).filter(([name]) => name in begin)) };
    this.show();
  }

  get value() { return { ...this.own, ...this.values }; }

  get counts() { return this.values.ad_model !== "None" || Boolean(this.own.ad_boxes?.length); }

  get state() { return this.counts && this.values.ad_tab_enable ? this.values.ad_model : ""; }
}
