// What the pose editor can be told to do: one table for its buttons and its keys.
import { flipped } from "./pose.js";

const ZOOM = 1.25;
const MOST_PEOPLE = 20;      // that the server draws at once

const somebody = (editor) => Boolean(editor.person);

export const COMMANDS = [
  { icon: "person", group: "people", label: "Add a person", key: "A", run: (editor) => editor.add(),
    able: ({ pose }) => pose.people.length < MOST_PEOPLE },
  { icon: "remove", group: "people", label: "Take the person away", key: "Delete", alias: "Backspace", able: somebody,
    run: (editor) => editor.remove() },
  { icon: "flip", group: "people", label: "Flip the person", key: "M", able: somebody,
    run: (editor) => editor.change(flipped(editor.person)) },
  { icon: "hand", group: "people", label: "Hands", key: "D", able: somebody, run: (editor) => editor.toggleHands() },
  { icon: "face", group: "people", label: "Face", key: "F", able: somebody, run: (editor) => editor.toggleFace() },
  { icon: "undo", group: "history", label: "Undo", key: "Ctrl+Z", able: ({ steps }) => steps.before.length > 0,
    run: (editor) => editor.step("undo") },
  { icon: "redo", group: "history", label: "Redo", key: "Ctrl+Shift+Z", alias: "Ctrl+Y",
    able: ({ steps }) => steps.after.length > 0, run: (editor) => editor.step("redo") },
  { icon: "smaller", group: "view", label: "Zoom out", key: "-", run: ({ view }) => view.zoom(1 / ZOOM) },
  { icon: "larger", group: "view", label: "Zoom in", key: "+", alias: "=", run: ({ view }) => view.zoom(ZOOM) },
  { icon: "fit", group: "view", label: "Fit the picture", key: "R", run: ({ view }) => view.fit() },
  { icon: "people", group: "joint", label: "Next person", key: "P", able: ({ pose }) => pose.people.length > 0,
    run: (editor) => editor.nextPerson() },
  { icon: "previous", group: "joint", label: "Previous joint", key: "[", able: somebody,
    run: (editor) => editor.next(-1) },
  { icon: "next", group: "joint", label: "Next joint", key: "]", able: somebody, run: (editor) => editor.next(1) },
  { icon: "hide", group: "joint", label: "Hide or show the joint", key: "H",
    able: ({ chosen }) => Boolean(chosen.part), run: (editor) => editor.hide() },
];
