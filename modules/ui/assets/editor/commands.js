// Everything the editor can be told to do: one table for its buttons and its keys.

/** The commands that this kind of editor has. */
export const commandsFor = (editor) => COMMANDS.filter(({ only = always }) => only(editor.abilities));

const PAN = 40;            // pixels of the page an arrow key moves the picture
const ZOOM = 1.25;         // what one press zooms by
const always = () => true;
const paints = (abilities) => abilities.paints;
const coloured = (abilities) => abilities.coloured;
const extensible = (abilities) => abilities.extends;

/** A way to use the pointer, chosen until another is. */
const tool = (name, label, key, only = paints) => ({
  icon: name,
  group: "tools",
  label,
  keys: [key],
  only,
  run: (editor) => editor.choose(name),
  pressed: (editor) => editor.tool === name,
});

// icon, group and label make a button of a command; `keys` act on it (the first is shown); `only` says which kinds of
// editor have it;
// `able` when it can be used, `pressed` whether it is on; `byKey` is what its key does if that is not what its button
// does.
const COMMANDS = [
  tool("brush", "Brush", "b"),
  tool("eraser", "Eraser", "e"),
  tool("fill", "Fill an area", "g"),
  { ...tool("pick", "Take a colour from the picture", "i", coloured), byKey: (editor) => editor.pickUnderPointer() },
  { icon: "undo", group: "history", label: "Undo", keys: ["ctrl+z"], only: paints,
    run: ({ painting }) => painting.undo(), able: ({ painting }) => painting.history.canUndo },
  { icon: "redo", group: "history", label: "Redo", keys: ["ctrl+shift+z", "ctrl+y"], only: paints,
    run: ({ painting }) => painting.redo(), able: ({ painting }) => painting.history.canRedo },
  { icon: "wipe", group: "history", label: "Clear all strokes", keys: [], only: paints,
    run: ({ painting }) => painting.wipe(), able: ({ painting }) => !painting.empty },
  { icon: "extend", group: "history", label: "Extend the canvas", keys: [], only: extensible,
    run: (editor) => editor.toggleBorder(), pressed: (editor) => editor.extending },
  { icon: "smaller", group: "view", label: "Zoom out", keys: ["-"], run: ({ view }) => view.zoom(1 / ZOOM) },
  { icon: "larger", group: "view", label: "Zoom in", keys: ["+", "="], run: ({ view }) => view.zoom(ZOOM) },
  { icon: "fit", group: "view", label: "Fit the picture", keys: ["r"], run: ({ view }) => view.fit() },
  { icon: "overlap", group: "view", label: "Hide the strokes", keys: ["o"], only: paints,
    run: (editor) => editor.toggleStrokes(), pressed: (editor) => !editor.showsStrokes },
  { icon: "full", group: "view", label: "Full screen", keys: ["s"],
    run: ({ fullScreen }) => fullScreen.toggle(), pressed: ({ fullScreen }) => fullScreen.on },
  { icon: "open", group: "file", label: "Choose another picture", keys: [], run: ({ intake }) => intake.choose() },
  { icon: "remove", group: "file", label: "Remove the picture", keys: [], run: (editor) => editor.clear() },
  { keys: ["q"], only: paints, run: (editor) => editor.resize(-1) },
  { keys: ["w"], only: paints, run: (editor) => editor.resize(1) },
  { keys: ["arrowleft"], run: ({ view }) => view.pan(PAN, 0) },
  { keys: ["arrowright"], run: ({ view }) => view.pan(-PAN, 0) },
  { keys: ["arrowup"], run: ({ view }) => view.pan(0, PAN) },
  { keys: ["arrowdown"], run: ({ view }) => view.pan(0, -PAN) },
  { keys: ["escape"], run: ({ fullScreen }) => fullScreen.toggle(), able: ({ fullScreen }) => fullScreen.on },
];
