// Pointer and keys of the pose editor: people are dragged by their joints, and by the frame around them.
import { Pointers } from "../editor/pointers.js";
import { bounds, centre, mapped, turned, withJoint } from "./pose.js";
import { COMMANDS } from "./pose_commands.js";
import { cornersOf, hitOf } from "./pose_drawing.js";

const REACH = { mouse: 9, pen: 12, touch: 20 };      // pixels of the page within which a point is taken hold of
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class PoseGestures {
  constructor(editor) {
    const { stage, view } = editor;
    Object.assign(this, { editor, view, drag: null });      // drag: what is held, and the pose so far
    this.pointers = new Pointers(stage, {
      pans: (event) => this.misses(event),
      begin: (event) => this.press(event),
      paint: (events) => this.pull(events.at(-1)),
      end: () => this.release(),
      cancel: () => { this.drag = null; editor.draw(); },
      pan: (dx, dy) => view.pan(dx, dy),
      pinch: (...fingers) => view.pinch(...fingers),
      hover: () => {}, leave: () => {},
      wheel: (event) => { event.preventDefault(); view.wheel(event); },
    });
    stage.addEventListener("contextmenu", (event) => this.hideAt(event));
    stage.addEventListener("keydown", (event) => this.pressed(event));
  }

  at(event) {
    const { x, y } = this.view.onPicture(event);
    return [x, y];
  }

  hit(event) {
    const pixel = 1 / this.view.scale, reach = (REACH[event.pointerType] ?? REACH.mouse) * pixel;
    return hitOf(this.editor.pose.people, this.editor.chosen.person, this.at(event), { reach, pixel });
  }

  /** Beside all people a press moves the view. */
  misses(event) {
    if (this.hit(event)) return false;
    this.editor.chosen = {};
    this.editor.draw();
    return true;
  }

  press(event) {
    const found = this.hit(event);
    if (!found) return;
    this.editor.chosen = found;
    this.drag = { ...found, from: this.at(event), person: this.editor.person, number: found.person, pose: null };
    this.editor.stage.focus();
    this.editor.draw();
  }

  pull(event) {
    if (!this.drag) return;
    const { number, person } = this.drag, before = this.editor.steps.value;
    this.drag.pose = { ...before, people: before.people.with(number, this.pulled(person, this.at(event))) };
    this.editor.draw();
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
    if (pose) this.editor.put(pose);
    this.editor.draw();
  }

  hideAt(event) {
    event.preventDefault();
    event.stopPropagation();
    const found = this.hit(event);
    if (!found?.part) return;
    this.editor.chosen = found;
    this.editor.hide();
  }

  pressed(event) {
    if (this.drag) return;
    const [across, down] = ARROWS[event.key] ?? [], far = event.shiftKey ? 10 : 1;
    if (across !== undefined) this.nudge(across * far, down * far);
    else if (!this.command(event)) return;
    event.preventDefault();
    event.stopPropagation();
    this.editor.draw();
  }

  nudge(dx, dy) {
    const { person, chosen: { part, place } } = this.editor;
    if (!person) return this.view.pan(-40 * Math.sign(dx), -40 * Math.sign(dy));
    const [x, y] = part ? person[part][place] : [];
    this.editor.change(part ? withJoint(person, part, place, [x + dx, y + dy])
      : mapped(person, (px, py) => [px + dx, py + dy]));
  }

  /** Whether a key is a command's, which then has run. */
  command(event) {
    const name = event.key.length === 1 ? event.key.toUpperCase() : event.key;
    const control = event.ctrlKey || event.metaKey;
    const key = [control && "Ctrl+", control && event.shiftKey && "Shift+", name].filter(Boolean).join("");
    const found = COMMANDS.find((each) => [each.key, each.alias].includes(key));
    const able = found && (!found.able || found.able(this.editor));
    if (able) found.run(this.editor);
    return able;
  }
}
