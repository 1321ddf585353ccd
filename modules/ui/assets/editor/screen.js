// The whole window for the editor, above everything else; its place on the page is kept open.
export class FullScreen {
  constructor(host, root, changed) {
    Object.assign(this, { host, root, changed, on: false });
  }

  toggle() {
    this.on = !this.on;
    this.host.style.minHeight = this.on ? `${this.root.offsetHeight}px` : "";
    this.root.classList.toggle("editor-full", this.on);
    if (this.root.showPopover) this.lift();      // the top layer; older browsers make do with a fixed place
    this.changed();
  }

  lift() {
    if (this.on) {
      this.root.popover = "manual";
      this.root.showPopover();
    } else {
      this.root.hidePopover();
      this.root.popover = null;
    }
  }
}
