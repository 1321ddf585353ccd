// A closed accordion says what in it is at work, so that nothing acts unseen.
import { byId, t } from "../core/dom.js";

/** Marks the accordions of a tab by what the form holds. */
export function startAccordions({ tab, form }) {
  function look(values) {
    for (const [id, says] of Object.entries(SAYS)) mark(byId(id.replace("*", tab)), says(values));
  }
  form.onChange(look);
  look(form.values);
}

function mark(fold, text) {
  const head = fold?.querySelector(".label-wrap");
  if (text) head?.setAttribute("data-counts", text);
  else head?.removeAttribute("data-counts");
}

function hires(values) {
  if (!values.enable_hr) return "";
  const [width, height, scale, wide, high] = ["width", "height", "hr_scale", "hr_resize_x", "hr_resize_y"].map((name) =>
    Number(values[name]),
  );
  if (!wide && !high) return size(width * scale, height * scale);
  return size(wide || (high * width) / height, high || (wide * height) / width);
}

const size = (width, height) => `${Math.floor(width)} × ${Math.floor(height)}`;

function variation({ subseed_strength, seed_resize_from_w, seed_resize_from_h }) {
  const resized = Number(seed_resize_from_w) > 0 && Number(seed_resize_from_h) > 0;
  return [
    Number(subseed_strength) > 0 && String(subseed_strength),
    resized && size(seed_resize_from_w, seed_resize_from_h),
  ]
    .filter(Boolean)
    .join(" · ");
}

/** How many units take part. */
const units = ({ control = [] }) => String(control.filter(({ enabled }) => enabled).length || "");

/** How many tabs of the detailer take part. */
const details = ({ detailer = [] }) => String(detailer.filter(({ ad_model: name }) => name !== "None").length || "");

/** How many regions there are. */
const parts = ({ regions = [] }) => String(regions.length || "");

const on = (field) => (values) => (values[field] ? t("on") : "");

// An accordion's id, * for the tab's name → what it says, "" for nothing.
const SAYS = {
  "*_hr": hires,
  "*_enable": ({ refiner_checkpoint }) => refiner_checkpoint ?? "",
  "*_seed_extras": variation,
  "*_controlnet": units,
  "*_detailer": details,
  "*_regions": parts,
  "soft_inpainting": on("soft_inpainting"),
  "img2img_batch_png_info": on("batch_use_png_info"),
};
