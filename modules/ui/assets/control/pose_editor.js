// The pose editor: people over a picture, dragged by their joints, and the map that the server draws of them.
import { dialogOf, opened, textButton } from "../core/dialog.js";
import { h, t } from "../core/dom.js";
import { told } from "../core/png_metadata.js";
import { saveAs } from "../core/save_as.js";
import { ask, reasonOf } from "../core/server.js";
import { icon } from "../editor/icons.js";
import { Pointers } from "../editor/pointers.js";
import { View } from "../editor/view.js";
import {
  JOINTS, Steps, bounds, centre, mapped, poseJson, readPose, standing, turned, withFace, withHands, withJoint,
  withPoint,
} from "./pose.js";
import { COMMANDS } from "./pose_commands.js";
import { cornersOf, hitOf, poseShapes } from "./pose_drawing.js";

const REACH = { mouse: 9, pen: 12, touch: 20 };      // pixels of the page within which a point is taken hold of
const WHEEL = 1.15;
const LARGEST_SIDE = 4096;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

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
    Object.assign(this, { steps: new Steps(pose), detect, result: null, drag: null, trouble: "" });
    Object.assign(this, { picture: null, ground: null });      // behind the people: the Blob, and its image
    this.chosen = { person: 0 };      // { person, part, place } or { person, grip }
    this.build();
    this.view = new View(this.stage, this.paper, () => this.draw());
    this.pointers = new Pointers(this.stage, {
      pans: (event) => this.misses(event),
      begin: (event) => this.press(event),
      paint: (events) => this.pull(events.at(-1)),
      end: () => this.release(),
      cancel: () => { this.drag = null; this.draw(); },
      pan: (dx, dy) => this.view.pan(dx, dy),
      pinch: (factor, at, dx, dy) => { this.view.pan(dx, dy); this.view.zoom(factor, this.view.onStage(at)); },
      hover: () => {}, leave: () => {},
      wheel: (event) => {
        event.preventDefault();
        this.view.zoom(WHEEL ** -Math.sign(event.deltaY || event.deltaX), this.view.onStage(event));
      },
    });
    this.stage.addEventListener("contextmenu", (event) => this.hideAt(event));
    this.stage.addEventListener("keydown", (event) => this.pressed(event));
  }

  get pose() { return this.drag?.pose ?? this.steps.value; }
  get person() { return this.pose.people[this.chosen.person]; }

  // The dialog -----------------------------------------------------------------------------------------------

  build() {
    this.svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.paper = h("div.editor-paper.pose-paper", {}, this.svg);
    this.stage = h("div.editor-stage", {
      tabIndex: 0, role: "application", "aria-label": t("Pose"), ondragover: (event) => event.preventDefault(),
      ondrop: (event) => { event.preventDefault(); event.stopPropagation(); this.open(event.dataTransfer.files[0]); },
    }, this.paper);
    this.status = h("span.pose-status", { role: "status" });
    this.chooser = h("input", {
      type: "file", hidden: true, accept: ".json,application/json,image/*",
      onchange: () => { this.open(this.chooser.files[0]); this.chooser.value = ""; },
    });
    const body = h("div.editor.editor-filled.pose-editor", {}, h("div.editor-bars", {}, this.tools(), this.figures()),
      this.stage, this.chooser);
    this.use = textButton(t("Use this pose"), () => this.finish(), ".card-primary");
    const foot = [
      this.status, textButton(t("Open"), () => this.chooser.click()), textButton(t("Save JSON"), () => this.saveJson()),
      textButton(t("Save PNG"), () => this.savePng()), this.use,
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
    this.finder = textButton(t("From the picture"), () => this.find());
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

  resize() {
    const [width, height] = [this.width, this.height].map(({ value, min }) =>
      Math.min(LARGEST_SIDE, Math.max(Number(min), Math.round(Number(value)) || Number(min))));
    this.put({ width, height });
    [this.width.value, this.height.value] = [width, height];
    this.measure();
    this.view.fit();
    this.draw();
  }

  // Pointer and keys -----------------------------------------------------------------------------------------

  at(event) {
    const { x, y } = this.view.onPicture(event);
    return [x, y];
  }

  hit(event) {
    const pixel = 1 / this.view.scale, reach = (REACH[event.pointerType] ?? REACH.mouse) * pixel;
    return hitOf(this.pose.people, this.chosen.person, this.at(event), { reach, pixel });
  }

  /** Beside all people a press moves the view. */
  misses(event) {
    if (this.hit(event)) return false;
    this.chosen = {};
    this.draw();
    return true;
  }

  press(event) {
    const found = this.hit(event);
    if (!found) return;
    this.chosen = found;
    this.drag = { ...found, from: this.at(event), person: this.person, number: found.person, pose: null };
    this.stage.focus();
    this.draw();
  }

  pull(event) {
    if (!this.drag) return;
    const { number, person } = this.drag, to = this.at(event);
    const people = this.steps.value.people.with(number, this.pulled(person, to));
    this.drag.pose = { ...this.steps.value, people };
    this.draw();
  }

  /** The person as dragging so far makes them. */
  pulled(person, [x, y]) {
    const { part, place, grip, from } = this.drag, [dx, dy] = [x - from[0], y - from[1]];
    if (part) return withJoint(person, part, place, [person[part][place][0] + dx, person[part][place][1] + dy]);
    if (grip === "whole") return mapped(person, (px, py) => [px + dx, py + dy]);
    const middle = centre(bounds(person)), angle = ([px, py]) => Math.atan2(py - middle[1], px - middle[0]);
    if (grip === "turn") return turned(person, middle, 1, angle([x, y]) - angle(from));
    const fixed = cornersOf(person, 1 / this.view.scale)[(grip + 2) % 4];
    const far = (point) => Math.hypot(point[0] - fixed[0], point[1] - fixed[1]);
    return turned(person, fixed, Math.max(0.05, far([x, y]) / (far(from) || 1)), 0);
  }

  release() {
    const pose = this.drag?.pose;
    this.drag = null;
    if (pose) this.put(pose);
    this.draw();
  }

  hideAt(event) {
    event.preventDefault();
    event.stopPropagation();
    const found = this.hit(event);
    if (!found?.part) return;
    this.chosen = found;
    this.hide();
  }

  pressed(event) {
    if (this.drag) return;
    const [across, down] = ARROWS[event.key] ?? [], far = event.shiftKey ? 10 : 1;
    if (across !== undefined) this.nudge(across * far, down * far);
    else if (!this.command(event)) return;
    event.preventDefault();
    event.stopPropagation();
    this.draw();
  }

  nudge(dx, dy) {
    if (!this.person) return this.view.pan(-40 * Math.sign(dx), -40 * Math.sign(dy));
    const { part, place } = this.chosen, [x, y] = part ? this.person[part][place] : [];
    this.change(part ? withJoint(this.person, part, place, [x + dx, y + dy])
      : mapped(this.person, (px, py) => [px + dx, py + dy]));
  }

  /** Whether a key is a command's, which then has run. */
  command(event) {
    const name = event.key.length === 1 ? event.key.toUpperCase() : event.key;
    const control = event.ctrlKey || event.metaKey;
    const key = [control && "Ctrl+", control && event.shiftKey && "Shift+", name].filter(Boolean).join("");
    const found = COMMANDS.find((each) => [each.key, each.alias].includes(key));
    const able = found && (!found.able || found.able(this));
    if (able) found.run(this);
    return able;
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

  // Files ----------------------------------------------------------------------------------------------------

  /** A pose's JSON, or a picture: with a pose in it, or to have behind. */
  async open(file) {
    if (!file) return;
    try {
      if (!file.type.startsWith("image/")) return this.take(JSON.parse(await file.text()));
      const { texts } = await told(file);
      if (texts.openpose) return this.take(JSON.parse(texts.openpose));
      await this.behind(file);
    } catch {
      this.tell(t("{name} has no pose of openpose's 18 points.", { name: file.name }));
    }
  }

  take(json) {
    this.put(readPose(json, this.pose));
    this.chosen = this.pose.people.length ? { person: 0 } : {};
    this.begin();
  }

  async find() {
    try {
      const found = await this.detect(this.picture);
      if (!found?.people?.length) return this.tell(t("Nobody was found in the picture."));
      this.take(found);
    } catch (error) {
      this.tell(reasonOf(error));
    }
  }

  async drawn() {
    const { images: [image] } = await ask("../../controlnet/render_openpose_json", "POST", [poseJson(this.pose)]);
    const bytes = Uint8Array.from(atob(image), (letter) => letter.charCodeAt(0));
    return new File([bytes], "pose.png", { type: "image/png" });
  }

  async finish() {
    try {
      this.result = { file: await this.drawn(), pose: poseJson(this.pose) };
      this.dialog.close();
    } catch (error) {
      this.tell(reasonOf(error));
    }
  }

  saveJson() { this.save(new Blob([JSON.stringify(poseJson(this.pose))], { type: "application/json" }), "pose.json"); }

  async savePng() {
    try {
      this.save(await this.drawn(), "pose.png");
    } catch (error) {
      this.tell(reasonOf(error));
    }
  }

  save(blob, name) {
    const url = URL.createObjectURL(blob);
    saveAs(url, name);
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }
}
