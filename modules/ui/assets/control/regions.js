// The fold of regional prompts: rectangles drawn over the picture's shape, or masks, each with its prompt.
import { byId, h, iconButton, t } from "../core/dom.js";
import { BoxFrame } from "./box_frame.js";
import { FieldsForm } from "./fields.js";
import { PaintDialog } from "./paint_dialog.js";
import { PictureBox } from "./picture_box.js";

const MODES = ["Attention", "Latent"];
const MOST_REGIONS = 16;

const emptyRegion = () => ({ prompt: "", left: 0, top: 0, right: 1, bottom: 1, mask: "", weight: 1, feather: 0 });

const boxOf = ({ left, top, right, bottom }) => [left, top, right, bottom];

/** One region's prompt, figures and mask. */
class RegionForm extends FieldsForm {
  constructor(id, values, { changed, taken, paints }) {
    super(id, { ...emptyRegion(), ...values }, changed);
    this.title = h("b", {});
    this.mask = new PictureBox(t("Mask instead of the rectangle"), (mask) => this.set({ mask }));
    this.mask.take(this.values.mask);
    this.element = h("div.region-form", {},
      h("div.control-row", {}, this.title, iconButton("brush", t("Paint its mask"), () => paints(this)),
        iconButton("trash", t("Take the region away"), () => taken(this))),
      this.text("prompt", "Region's prompt"),
      h("div.control-row", {}, this.slider("weight", "Weight", 0, 3, 0.05),
        this.slider("feather", "Feather", 0, 0.5, 0.01)),
      this.mask.element);
    this.show();
  }
}

export class Regions {
  constructor(owner) {
    Object.assign(this, { owner, form: owner.form, own: null, forms: [], next: 0 });
    const fold = byId(`${owner.tab}_regions`);
    this.ground = h("div.region-ground");
    this.frame = new BoxFrame({
      ground: this.ground, most: MOST_REGIONS, name: "Region {n}",
      changed: (boxes) => this.boxed(boxes), taken: (place) => this.forms.splice(place, 1),
    });
    this.painter = new PaintDialog({
      kind: "region", key: `${owner.tab}.regions`, title: t("Paint the region"), done: t("Use this mask"),
    });
    this.list = h("div.control-unit");
    this.whole = new FieldsForm(`${owner.tab}_region`, {}, () => this.form.fill(this.whole.values));
    fold.querySelector(".control-place").append(h("div.control-unit", {},
      h("p.hint", {}, t("Drag in the frame to add a region; the picture's own prompt rules elsewhere.")),
      this.frame.element, this.list,
      this.whole.radio("region_mode", "Region mode", MODES),
      this.whole.slider("region_base", "Base ratio", 0, 1, 0.01)));
    this.form.onChange((values) => this.take(values));
    this.take(this.form.values);
  }

  /** What the form holds, also what somebody else put there. */
  take({ regions = [], region_mode: mode, region_base: base, width, height }) {
    this.ground.style.aspectRatio = `${Number(width) || 1} / ${Number(height) || 1}`;
    this.whole.values = { region_mode: mode, region_base: base };
    this.whole.show();
    if (regions === this.own) return;
    this.own = regions;
    this.forms = regions.map((region) => this.formOf(region));
    this.layOut();
  }

  formOf(values) {
    return new RegionForm(`${this.owner.tab}_region_${this.next++}`, values, {
      changed: () => this.changed(),
      taken: (form) => this.frame.take(this.forms.indexOf(form)),
      paints: (form) => this.paint(form.mask),
    });
  }

  async paint(box) {
    const size = { width: Number(this.form.get("width")), height: Number(this.form.get("height")) };
    const found = await this.painter.open({ ground: null, size, last: box.name });
    if (found) this.painter.made(await box.keep(found.file));
  }

  layOut() {
    this.frame.show(this.forms.map(({ values }) => boxOf(values)));
    this.listForms();
  }

  listForms() {
    this.forms.forEach((form, place) => { form.title.textContent = t("Region {n}", { n: place + 1 }); });
    this.list.replaceChildren(...this.forms.map(({ element }) => element));
  }

  /** Rectangles were drawn, moved or taken away. */
  boxed(boxes) {
    boxes.forEach(([left, top, right, bottom], place) => {
      const edges = { left, top, right, bottom };
      if (this.forms[place]) this.forms[place].values = { ...this.forms[place].values, ...edges };
      else this.forms.push(this.formOf(edges));
    });
    this.listForms();
    this.changed();
  }

  changed() {
    this.own = this.forms.map(({ values }) => values);
    this.form.fill({ regions: this.own });
  }
}

/** Starts the fold of a tab that has one. */
export function startRegions(owner) {
  owner.regions = new Regions(owner);
}
