// A long touch is a click of the other button also where the browser makes none of it (Safari on a phone).
const LONG = 550, SLIP = 10;      // ms; pixels that a resting finger may move

let rest = null;      // { timer, x, y } of the finger that is down

function begin(event) {
  end();
  if (event.pointerType === "touch") rest = { x: event.clientX, y: event.clientY, timer: setTimeout(act, LONG, event) };
}

function end() {
  clearTimeout(rest?.timer);
  rest = null;
}

function move({ clientX, clientY }) {
  if (rest && Math.hypot(clientX - rest.x, clientY - rest.y) > SLIP) end();
}

/** Whoever takes the click puts the browser's own menu off; then the lifted finger clicks nothing. */
function act({ target, clientX, clientY }) {
  end();
  const taken = !target.dispatchEvent(
    new MouseEvent("contextmenu", { bubbles: true, cancelable: true, clientX, clientY }),
  );
  if (!taken) return;
  addEventListener("click", swallow, { capture: true, once: true });
  addEventListener("pointerdown", () => removeEventListener("click", swallow, true), { capture: true, once: true });
}

function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}

export function startLongTouch() {
  addEventListener("pointerdown", begin);
  addEventListener("pointermove", move, { passive: true });
  for (const ending of ["pointerup", "pointercancel", "contextmenu"]) addEventListener(ending, end, true);
}
