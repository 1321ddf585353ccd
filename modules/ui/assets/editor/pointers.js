// Mouse, pen and fingers become gestures: one pointer paints or pans, two pinch.
export class Pointers {
  /** `does` answers begin(event), paint(events), end(), cancel(); pans(event): does this press pan?, pan(dx, dy);
   * pinch(factor, at, dx, dy); hover(event, dx, dy), leave(), wheel(event). */
  constructor(stage, does) {
    Object.assign(this, { stage, does, down: new Map(), mode: null, last: null });
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    stage.addEventListener("pointerup", (event) => this.lift(event, "end"));
    stage.addEventListener("pointercancel", (event) => this.lift(event, "cancel"));
    stage.addEventListener("pointerleave", () => { this.last = null; does.leave(); });
    // pans, does not scroll
    stage.addEventListener("mousedown", (event) => { if (event.button === 1) event.preventDefault(); });
    stage.addEventListener("wheel", (event) => does.wheel(event), { passive: false });
  }

  press(event) {
    if (event.target.closest("button, input") || event.button === 2) return;
    this.stage.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, event);
    if (this.down.size > 1) return this.another();
    this.mode = event.button === 1 || this.does.pans(event) ? "pan" : "paint";
    if (this.mode === "paint") this.does.begin(event);
  }

  /** A second finger: what the first one began was no stroke. */
  another() {
    if (this.mode === "paint") this.does.cancel();
    this.mode = "pinch";
  }

  move(event) {
    const [dx, dy] = this.last ? [event.clientX - this.last.clientX, event.clientY - this.last.clientY] : [0, 0];
    if (this.down.size < 2) { this.last = event; this.does.hover(event, dx, dy); }
    const before = this.down.get(event.pointerId);
    if (!before) return;
    if (this.mode === "paint") this.does.paint(coalesced(event));
    if (this.mode === "pan") this.does.pan(event.clientX - before.clientX, event.clientY - before.clientY);
    if (this.mode === "pinch" && this.down.size === 2) this.pinch(event);
    this.down.set(event.pointerId, event);
  }

  pinch(event) {
    const old = span([...this.down.values()]);
    const now = span([...this.down].map(([id, other]) => id === event.pointerId ? event : other));
    this.does.pinch(now.length / (old.length || 1), now, now.clientX - old.clientX, now.clientY - old.clientY);
  }

  lift(event, how) {
    if (!this.down.delete(event.pointerId)) return;
    if (this.mode === "paint") this.does[how]();
    // the finger left over from a pinch does nothing
    if (this.mode !== "pinch" || !this.down.size) this.mode = null;
  }
}

function span([one, other]) {
  return {
    length: Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY),
    clientX: (one.clientX + other.clientX) / 2, clientY: (one.clientY + other.clientY) / 2,
  };
}

/** All that happened since the last frame. */
function coalesced(event) {
  const all = event.getCoalescedEvents?.() ?? [];
  return all.length ? all : [event];
}
