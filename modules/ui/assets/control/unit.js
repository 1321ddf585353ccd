// One ControlNet unit as a form: its picture, the map made of it, and how it counts.
import { textButton } from "../core/dialog.js";
import { h, iconButton, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { dataUrl, reasonOf } from "../core/server.js";
import { BatchPictures } from "./batch_pictures.js";
import { FieldsForm } from "./fields.js";
import { LayerWeights } from "./layer_weights.js";
import { controlLists, detectMap } from "./lists.js";
import { PictureBox, PictureRow } from "./picture_box.js";
import { UnitDrawing } from "./unit_drawing.js";

const MODES = ["Balanced", "My prompt is more important", "ControlNet is more important"];
const RESIZES = ["Just Resize", "Crop and Resize", "Resize and Fill"], FILL = RESIZES[2];
const WEIGHT_TYPES = [
  "normal", "ease in", "ease out", "ease in-out", "reverse in-out", "weak input", "weak middle", "weak output",
  "strong middle", "style transfer", "composition", "strong style transfer", "style and composition",
];
const UNION_TYPES = [
  "Unknown", "OpenPose", "Depth", "Soft Edge", "Hard Edge", "Normal Map", "Segmentation", "Tile", "Inpaint",
];
// a union model's type of map by the control type, where they differ
const UNION_TYPE_OF = {
  Scribble: "Soft Edge", SoftEdge: "Soft Edge", Canny: "Hard Edge", Lineart: "Hard Edge", MLSD: "Hard Edge",
  NormalMap: "Normal Map",
};
const PASSES = ["Both", "Low res only", "High res only"];

/** A unit as the form begins with it. */
export const emptyUnit = (tab) => ({
  enabled: false,
  image: "",
  more_images: [],
  mask: "",
  effective_region_mask: "",
  module: "none",
  model: "None",
  weight: 1,
  resize_mode: RESIZES[1],
  processor_res: -1,
  threshold_a: -1,
  threshold_b: -1,
  guidance_start: 0,
  guidance_end: 1,
  pixel_perfect: false,
  control_mode: MODES[0],
  weight_type: WEIGHT_TYPES[0],
  advanced_weighting: [],
  union_control_type: UNION_TYPES[0],
  ...(tab === "img2img" ? { inpaint_crop_input_image: false } : { hr_option: PASSES[0] }),
});

const paints = (module) => module.startsWith("inpaint");
const fills = (module) => module.startsWith("inpaint_only+");
const prompts = (module) => module.startsWith("ip-adapter");
const isUnion = (model) => /union|promax/i.test(model);
const unionType = (type) => {
  const found = UNION_TYPE_OF[type] ?? type;
  return UNION_TYPES.includes(found) ? found : UNION_TYPES[0];
};

export class UnitForm extends FieldsForm {
  /** changed: called after each change of `values`; place: what is drawn where, as UnitDrawing asks for it */
  constructor(tab, number, changed, place) {
    super(`${tab}_controlnet_ControlNet-${number}_controlnet`, emptyUnit(tab), changed);
    Object.assign(this, { tab, number, place, type: "All", lists: null });
    this.picture = new PictureBox(t("Picture"), (image) => this.pictured(image));
    this.mask = new PictureBox(t("Mask"), (mask) => this.set({ mask }));
    this.region = new PictureBox(t("Effective Region Mask"), (mask) => this.set({ effective_region_mask: mask }));
    this.further = new PictureRow(t("Another picture"), MOST_FURTHER, (more_images) => this.set({ more_images }));
    this.batch = new BatchPictures(this, place);
    this.map = h("figure.control-map", { hidden: true });
    this.drawing = new UnitDrawing(this, place);
    this.drawing.element.append(this.batch.more, this.batch.input);
    this.types = h("div.control-types", { role: "radiogroup", "aria-label": t("Control Type") });
    this.sliders = h("div.control-sliders");
    this.lacking = h("p.control-wrong", { role: "status", hidden: true });
    this.element = h("div.control-unit", { id: this.id, role: "tabpanel" }, this.parts());
  }

  parts() {
    this.weightType = this.choice("weight_type", "Weight Type");
    this.weight_typeList.append(...WEIGHT_TYPES.map((value) => h("option", { value }, t(value))));
    this.unionType = this.choice("union_control_type", "Union Control Type");
    this.union_control_typeList.append(...UNION_TYPES.map((value) => h("option", { value }, t(value))));
    this.layers = new LayerWeights(this, MODES[0], prompts);
    const own = this.tab === "txt2img";
    const hint = own ? null : h("p.hint", {}, t("Without a picture of its own, the unit takes img2img's."));
    return [
      h("div.control-pictures", {},
        this.picture.element, this.further.element, this.mask.element, this.region.element, this.map),
      this.drawing.element,
      this.batch.element,
      hint,
      h("div.control-checks", {}, this.check("enabled", "Enable"), this.check("pixel_perfect", "Pixel Perfect"),
        own ? null : this.check("inpaint_crop_input_image", "Crop input image based on A1111 mask")),
      this.types,
      h("div.control-row", {},
        this.choice("module", "Preprocessor"),
        iconButton("sparkles", t("Run preprocessor: see the map"), () => this.preview()),
        this.choice("model", "Model"),
        iconButton("refresh", t("Read the folders again"), () => this.refresh())),
      this.lacking,
      this.unionType,
      this.slider("weight", "Control Weight", 0, 2, 0.05),
      this.weightType,
      this.layers.element,
      h("div.control-row", {}, this.slider("guidance_start", "Starting Control Step", 0, 1, 0.01),
        this.slider("guidance_end", "Ending Control Step", 0, 1, 0.01)),
      this.sliders,
      this.radio("control_mode", "Control Mode", MODES),
      this.radio("resize_mode", "Resize Mode", RESIZES),
      own ? this.radio("hr_option", "Hires-Fix Option", PASSES) : null,
    ];
  }

  /** Take values from elsewhere, such as pasted data; `pictures` are addresses that show them, by field. */
  take(values) {
    this.values = { ...emptyUnit(this.tab), ...values };
    this.markType("All");      // by which nothing is left out
    this.picture.take(this.values.image);
    this.mask.take(this.values.mask);
    this.region.take(this.values.effective_region_mask);
    this.show();
  }

  show() {
    super.show();
    this.mask.element.hidden = !paints(this.values.module);
    this.drawing.show(paints(this.values.module));
    for (const element of [this.further.element, this.weightType]) element.hidden = !prompts(this.values.module);
    if (prompts(this.values.module)) this.further.take(this.values.more_images);
    this.batch.show(!prompts(this.values.module));
    this.unionType.hidden = !isUnion(this.values.model);
    this.layers.show();
    this.lacking.textContent = (this.lists?.modules[this.values.module]?.why ?? []).join(" ");
    this.lacking.hidden = !this.lacking.textContent;
    this.showSliders();
  }

  /** The sliders of the chosen preprocessor, under its own labels; what it does not have is its usual value. */
  showSliders() {
    const found = this.lists?.modules[this.values.module]?.sliders ?? [];
    const key = JSON.stringify([this.values.module, this.values.pixel_perfect, Boolean(this.lists)]);
    if (this.shownSliders === key) return;
    this.shownSliders = key;
    for (const name of SLIDER_FIELDS) delete this.controls[name];
    const names = found[0]?.name === "Resolution" ? SLIDER_FIELDS : SLIDER_FIELDS.slice(1);
    const shown = found.map((slider, place) => [names[place], slider])
      .filter(([name]) => !(name === "processor_res" && this.values.pixel_perfect));
    this.sliders.replaceChildren(...shown.map(([name, { name: label, min, max, step, value }]) => {
      const element = this.slider(name, label === "Resolution" ? "Preprocessor Resolution" : label, min, max, step);
      const tell = this.controls[name];
      this.controls[name] = (own) => tell(own < min || own > max ? value : own);      // the usual value
      this.controls[name](this.values[name]);
      return element;
    }));
  }

  /** A picture enables the unit. Without a model it would be refused: the only one there is, or a word about it. */
  async pictured(image) {
    this.set({ image, ...(image ? { enabled: true } : {}) });
    if (!image || this.values.model !== "None") return;
    if (!this.lists) await this.load();
    if (this.lists?.modules[this.values.module]?.model_free) return;      // a reference needs no model
    const models = (this.lists?.types.All.model_list ?? []).filter((name) => name !== "None");
    if (models.length === 1) return this.set({ model: models[0] });
    notice("control", models.length
      ? t("Choose the unit's model: without one the picture is refused.")
      : t("There is no ControlNet yet: put one into models/ControlNet, then read the folders again."));
  }

  // Lists --------------------------------------------------------------------------------------------------

  async load(again = false) {
    try {
      this.lists = await controlLists(this.place.checkpoint(), again);
    } catch (error) {
      return notice("control", reasonOf(error));
    }
    this.types.replaceChildren(...Object.keys(this.lists.types).map((name) =>
      h("button", {
        type: "button", role: "radio", "aria-checked": String(name === this.type), onclick: () => this.chooseType(name),
      }, t(name)),
    ));
    this.fillLists();
    this.show();
  }

  async refresh() {
    await this.load(true);
    notice("control", t("The lists are read again."), 3);
  }

  fillLists() {
    const { module_list: modules, model_list: models } = this.lists.types[this.type];
    this.moduleList.replaceChildren(...modules.map((name) => this.moduleOption(name)));
    this.modelList.replaceChildren(...models.map((name) => h("option", { value: name }, name)));
  }

  moduleOption(name) {
    const needs = this.lists.modules[name]?.needs;
    return h("option", { value: name }, needs ? t("{name} (not here: {file})", { name, file: needs }) : name);
  }

  /** A type's lists alone. */
  markType(name) {
    this.type = name;
    for (const button of this.types.children)
      button.setAttribute("aria-checked", String(button.textContent === t(name)));
    if (this.lists) this.fillLists();
  }

  /** A type's lists alone, and its usual preprocessor and model for the checkpoint that is chosen by now. */
  async chooseType(name) {
    this.lists = await controlLists(this.place.checkpoint()).catch(() => this.lists);
    this.markType(name);
    if (name === "All") return this.set({ union_control_type: unionType(name) });
    const { default_option: module, default_model: model } = this.lists.types[name];
    const runs = !this.lists.modules[module]?.needs;
    this.chosen("module", runs ? module : "none", { model, union_control_type: unionType(name) });
  }

  /** What was drawn by hand is a map of that type: the preprocessor, and a model for it if the own one is not. */
  async becomes(type, module) {
    if (!this.lists) await this.load();
    const { model } = this.values;
    if (this.lists) await this.chooseType(type);
    const { model_list: models = [], default_model: usual = "None" } = this.lists?.types[type] ?? {};
    const own = model !== "None" && models.includes(model);
    this.chosen("module", module, { model: own || usual === "None" ? model : usual });
  }

  /** The first preprocessor here that finds poses; undefined if none can run. */
  get poseModule() {
    const runs = (name) => /^(dw_)?openpose|^vitpose|^mediapipe_pose/.test(name) && !this.lists.modules[name]?.needs;
    return this.lists?.types.OpenPose?.module_list.find(runs);
  }

  chosen(name, value, more = {}) {
    this.set({ [name]: value, ...(name === "module" ? USUAL_SLIDERS : {}), ...more });
  }

  // Preview ------------------------------------------------------------------------------------------------

  async preview() {
    if (prompts(this.values.module))
      return notice("control", t("An IP-Adapter reads the picture as a prompt: there is no map."));
    const picture = (await this.picture.content()) ?? (await this.place.ground());
    if (!picture) return notice("control", t("The unit has no picture yet."));
    const mask = fills(this.values.module) ? await this.mask.content() : picture;
    if (!mask) return notice("control", t("Paint the mask first: what it marks is filled."));
    try {
      const unit = await this.asDrawn(picture);
      const { url, pose } = await detectMap(unit, ...await Promise.all([picture, mask].map(dataUrl)));
      const close = iconButton("close", t("Close the preview"), () => { this.map.hidden = true; });
      const edits = pose && textButton(t("Edit this pose"), () => this.drawing.pose(pose, picture));
      this.map.replaceChildren(...[h("img", { src: url, alt: t("The map") }), close, edits].filter(Boolean));
      this.map.hidden = false;
    } catch (error) {
      notice("control", reasonOf(error));
    }
  }

  /** The values by which the picture's map will be made: at the resolution that Pixel Perfect comes to. */
  async asDrawn(picture) {
    const { pixel_perfect: perfect, resize_mode: mode } = this.values;
    if (!perfect) return this.values;
    const { width, height } = await createImageBitmap(picture), frame = this.place.frame();
    const factors = [frame.width / width, frame.height / height];
    const factor = mode === FILL ? Math.min(...factors) : Math.max(...factors);
    return { ...this.values, processor_res: Math.round(factor * Math.min(width, height)) };
  }

  // What its tab tells --------------------------------------------------------------------------------------

  get value() { return this.values; }

  /** A unit that nobody touched says nothing. A plot may switch on what is off here. */
  get counts() { return Boolean(this.values.enabled || this.values.image); }

  /** Its type, or what makes its map. */
  get state() {
    const what = this.type === "All" ? this.values.module.split(" ")[0] : t(this.type);
    return this.values.enabled ? [what, t(this.values.resize_mode)].join(", ") : "";
  }
}

const MOST_FURTHER = 8;
const SLIDER_FIELDS = ["processor_res", "threshold_a", "threshold_b"];
const USUAL_SLIDERS = Object.fromEntries(SLIDER_FIELDS.map((name) => [name, -1]));
