// What is drawn by hand for a unit: a scribble, a pose, the masks of its picture.
import { textButton } from "../core/dialog.js";
import { h, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { dataUrl, reasonOf } from "../core/server.js";
import { browser } from "../core/storage.js";
import { detectPose } from "./lists.js";
import { PaintDialog } from "./paint_dialog.js";
import { readPose } from "./pose.js";

const POSES = "control.poses";      // the newest poses by the names of their maps
const MOST_POSES = 20;
const INVERT = "invert (from white bg & black line)";

export class UnitDrawing {
  /** unit: whose it is; place: { size() of the picture to be drawn, ground() the picture that img2img starts from } */
  constructor(unit, place) {
    const key = `control.${unit.tab}.${unit.number}`;
    Object.assign(this, { unit, place });
    this.scribbles = new PaintDialog({
      kind: "scribble", key: `${key}.scribble`, title: t("Draw a scribble"), done: t("Use this scribble"),
    });
    this.masks = ["effective_region_mask", "mask"].map((field) => new PaintDialog({
      kind: "region", key: `${key}.${field}`, title: t("Paint the mask"), done: t("Use this mask"),
    }));
    this.maskButton = textButton(t("Paint the mask"), () => this.paint(this.masks[1], unit.mask));
    this.element = h("div.control-drawing", {},
      textButton(t("Draw a scribble"), () => this.scribble()), textButton(t("Edit a pose"), () => this.pose()),
      textButton(t("Paint the effective region"), () => this.paint(this.masks[0], unit.region)), this.maskButton);
  }

  /** The mask is for inpainting alone. */
  show(masked) { this.maskButton.hidden = !masked; }

  async scribble() {
    const { picture } = this.unit;
    const found = await this.scribbles.open({
      ground: await picture.content(), size: this.place.size(), last: picture.name,
    });
    if (found)
      this.scribbles.made(await this.follows(found.file, "Scribble", found.inverted ? INVERT : "none"));
  }

  /** Let a pose be edited: one that was found in the picture behind it, else what made the unit's picture, else a new
   * one before that picture.
   */
  async pose(found = null, picture = null) {
    const { name } = this.unit.picture, known = browser.get(POSES) ?? {}, size = this.place.size();
    const json = found ?? known[name], behind = json ? picture : await this.unit.picture.content();
    const detect = this.unit.poseModule ? (blob) => this.detected(blob) : null;
    const { editPose } = await import("./pose_editor.js");
    const edited = await editPose({ pose: json ? readPose(json, size) : null, picture: behind, size, detect });
    const kept = edited && await this.follows(edited.file, "OpenPose", "none");
    if (kept) browser.set(POSES, newest({ ...known, [kept]: edited.pose }));
  }

  /** Let the unit follow what was drawn, once the server has it; returns its name there, "" if it was not taken. */
  async follows(file, type, module) {
    const kept = await this.unit.picture.sent(file);
    if (!kept) return "";
    await this.unit.becomes(type, module);
    this.unit.picture.put(kept);
    return kept;
  }

  async detected(blob) { return detectPose(this.unit.poseModule, await dataUrl(blob)); }

  /** Paint one of the unit's masks over its picture, else over img2img's, else over an empty place of its shape. */
  async paint(dialog, box) {
    try {
      const ground = (await this.unit.picture.content()) ?? (await this.place.ground());
      const found = await dialog.open({ ground, size: this.place.size(), last: box.name });
      if (found) dialog.made(await box.keep(found.file));
    } catch (error) {
      notice("control", reasonOf(error));
    }
  }
}

const newest = (poses) => Object.fromEntries(Object.entries(poses).slice(-MOST_POSES));
