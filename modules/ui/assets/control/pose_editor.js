// The pose editor: people over a picture, dragged by their joints, and the map that the server draws of them.
import { dialogOf, opened, textButton } from "../core/dialog.js";
import { h, t } from "../core/dom.js";
import { icon } from "../editor/icons.js";
import { View } from "../editor/view.js";
import { JOINTS, Steps, standing, withFace, withHands, withPoint } from "./pose.js";
import { COMMANDS } from "./pose_commands.js";
import { poseShapes } from "./pose_drawing.js";
import { PoseFiles } from "./pose_files.js";
import { PoseGestures } from "./pose_gestures.js";

const LARGEST_SIDE = 4096;

/** Let somebody change a pose; resolves with { file, pose } once it is used, null if it is not.
 *
 * pose: to begin with, null for one person who stands; picture: a Blob behind it, or null; size: of a new canvas;
 * detect: null, or finds the pose of a Blob that lies behind
 */
export async function editPose({ pose, picture, size, detect }) {
  const editor = new PoseEditor(pose ?? { people: [standing(size.width, size.height)], ...size }, detect);
  const shown = opened(editor.dialog);
  if (picture) await editor.behind(picture);
  editor.begin();
  await shown;
  editor.ended();
  return editor.result;
}

class PoseEditor {
  constructor(pose, detect) {
    Object.assign(this, { steps: new Steps(pose), detect, result: null, trouble: "" });
    Object.assign(this, { picture: null, ground: null });      // behind the people: the Blob, and its image
    this.chosen = { person: 0 };      // { person, part, place } or { person, grip }
    this.files = new PoseFiles(this);
    this.build();
    this.view = new View(this.stage, this.paper, () => this.draw());
    this.gestures = new PoseGestures(this);
  }

  get pose() { return this.gestures.drag?.pose ?? this.steps.value; }
  get person() { return this.pose.people[this.chosen.person]; }

  // The dialog -----------------------------------------------------------------------------------------------

  build() {
    this.svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.paper = h("div.editor-paper.pose-paper", {}, this.svg);
    this.stage = h("div.editor-stage", {
      tabIndex: 0, role: "application", "aria-label": t("Pose"), ondragover: (event) => event.preventDefault(),
      ondrop: (event) => this.dropped(event),
    }, this.paper);
    this.status = h("span.pose-status", { role: "status" });
    this.chooser = h("input", {
      type: "file", hidden: true, accept: ".json,application/json,image/*",
      onchange: () => { this.files.open(this.chooser.files[0]); this.chooser.value = ""; },
    });
    const body = h("div.editor.editor-filled.pose-editor", {}, h("div.editor-bars", {}, this.tools(), this.figures()),
      this.stage, this.chooser);
    this.use = textButton(t("Use this pose"), () => this.files.use(), ".card-primary");
    const foot = [
      this.status, textButton(t("Open"), () => this.chooser.click()),
      textButton(t("Save JSON"), () => this.files.saveJson()), textButton(t("Save PNG"), () => this.files.savePng()),
      this.use,
    ];
    this.dialog = dialogOf({
      title: t("Pose editor"), kind: "pose-dialog", body, foot, holds: () => this.steps.before.length > 0,
    });
  }

  tools() {
    this.buttons = COMMANDS.map((command) => [command, h("button.editor-button", {
      type: "button", title: `${t(command.label)} (${command.key})`, "aria-label": t(command.label),
      "aria-keyshortcuts": command.key, onclick: () => { command.run(this); this.draw(); },
    }, icon(command.icon))]);
    const groups = Object.values(Object.groupBy(this.buttons, ([{ group }]) => group));
    this.finder = textButton(t("From the picture"), () => this.files.find());
    this.finder.hidden = true;
    return h("div.editor-bar", { role: "toolbar", "aria-label": t("Pose editor") },
      groups.map((group) => h("div.editor-group", {}, group.map(([, button]) => button))),
      this.finder);
  }

  figures() {
    const side = (name, label) => h("label.pose-side", {}, h("span", {}, t(label)), this[name] = h("input", {
      type: "number", min: 64, max: LARGEST_SIDE, step: 8, onchange: () => this.resize(),
    }));
    this.joints = h("select", {
      "aria-label": t("Joint"), onchange: () => { this.choosePoint(this.joints.value); this.draw(); },
    }, h("option", { value: "" }, t("Joint")),
    ...JOINTS.map((name, place) => h("option", { value: place }, t(name))));
    this.hides = h("input", { type: "checkbox", onchange: () => this.hide() });
    this.shade = h("input", {
      type: "range", min: 0, max: 1, step: 0.05, value: 0.5, "aria-label": t("Picture behind"),
      oninput: () => this.shaded(),
    });
    this.shadeLabel = h("label.pose-side", { hidden: true }, h("span", {}, t("Picture behind")), this.shade);
    return h("div.editor-bar.pose-figures", {}, this.joints,
      h("label.pose-side", {}, this.hides, h("span", {}, t("Hidden"))),
      side("width", "Width"), side("height", "Height"), this.shadeLabel);
  }

  dropped(event) {
    event.preventDefault();
    event.stopPropagation();
    this.files.open(event.dataTransfer.files[0]);
  }

  begin() {
    this.measure();
    this.view.fit();
    this.draw();
    this.stage.focus();
  }

  /** The canvas is what the view holds in sight. */
  measure() {
    const { width, height } = this.pose;
    this.view.sheet = { left: 0, top: 0, right: width, bottom: height };
  }

  ended() { if (this.ground) URL.revokeObjectURL(this.ground.src); }

  /** A picture behind the people. */
  async behind(blob) {
    this.ended();
    this.picture = blob;
    this.finder.hidden = !this.detect;
    this.ground = h("img", { alt: "", draggable: false, src: URL.createObjectURL(blob) });
    await this.ground.decode().catch(() => {});
    this.paper.replaceChildren(this.ground, this.svg);
    this.shadeLabel.hidden = false;
    this.shaded();
  }

  shaded() { this.ground?.style.setProperty("opacity", this.shade.value); }

  draw() {
    const { people, width, height } = this.pose, pixel = 1 / this.view.scale;
    Object.assign(this.paper.style, { width: `${width}px`, height: `${height}px` });
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(...poseShapes(people, this.chosen, pixel));
    for (const [{ able }, button] of this.buttons) button.disabled = able ? !able(this) : false;
    const { part, place } = this.chosen, point = part && this.person?.[part]?.[place];
    this.joints.value = part === "body" ? place : "";
    this.joints.disabled = !this.person;
    this.hides.disabled = !point;
    this.hides.checked = Boolean(point) && !point[2];
    if (document.activeElement !== this.width) this.width.value = width;
    if (document.activeElement !== this.height) this.height.value = height;
    this.use.disabled = !people.length;
    if (!this.trouble) this.tell();
  }

  tell(trouble = "") {
    const { people, width, height } = this.pose;
    this.trouble = trouble;
    this.status.textContent = trouble || t("People: {n}, {width} × {height}", { n: people.length, width, height });
    this.status.classList.toggle("wrong", Boolean(trouble));
  }

  // Steps ----------------------------------------------------------------------------------------------------

  put(pose) {
    this.trouble = "";
    this.steps.put({ ...this.steps.value, ...pose });
    this.settle();
  }

  /** What was chosen and is no longer there is chosen no more. */
  settle() {
    const { person, part } = this.chosen;
    if (!this.person) this.chosen = {};
    else if (part && !this.person[part]) this.chosen = { person };
  }

  change(person) {
    this.put({ people: this.steps.value.people.with(this.chosen.person, person) });
  }

  step(way) {
    this.steps[way]();
    this.trouble = "";
    this.settle();
    this.measure();
  }

  add() {
    const { people, width, height } = this.pose;
    this.put({ people: [...people, standing(width, height, people.length)] });
    this.chosen = { person: people.length };
  }

  remove() {
    this.put({ people: this.pose.people.toSpliced(this.chosen.person, 1) });
    this.chosen = {};
  }

  toggleHands() { this.change(this.person.left || this.person.right
    ? { ...this.person, left: null, right: null } : withHands(this.person)); }

  toggleFace() { this.change(this.person.face ? { ...this.person, face: null } : withFace(this.person)); }

  hide() {
    const { part, place } = this.chosen, [x, y, seen] = this.person[part][place];
    this.change(withPoint(this.person, part, place, [x, y, seen ? 0 : 1]));
    this.draw();
  }

  choosePoint(value) {
    const { person } = this.chosen;
    this.chosen = value === "" ? { person } : { person, part: "body", place: Number(value) };
  }

  next(by) {
    if (!this.person) return;
    const { part, place } = this.chosen, count = JOINTS.length;
    const at = part === "body" ? (place + by + count) % count : by > 0 ? 0 : count - 1;
    this.chosen = { person: this.chosen.person, part: "body", place: at };
  }

  nextPerson() {
    const { people } = this.pose;
    if (people.length) this.chosen = { person: ((this.chosen.person ?? -1) + 1) % people.length };
  }

  resize() {
    const [width, height] = [this.width, this.height].map(({ value, min }) =>
      Math.min(LARGEST_SIDE, Math.max(Number(min), Math.round(Number(value)) || Number(min))));
    this.put({ width, height });
    [this.width.value, this.height.value] = [width, height];
    this.measure();
    this.view.fit();
    this.draw();
  }
}
