// The Library tab: every picture found again.
import { debounced, facts, h, number, replaceKeepingFocus, t } from "../core/dom.js";
import { connected, notice } from "../core/notices.js";
import { reasonOf } from "../core/server.js";
import { shelf } from "../core/shelf.js";
import { browser } from "../core/storage.js";
import { Acts } from "./acts.js";
import { Again } from "./again.js";
import { LibraryBar } from "./bar.js";
import { confirmed, textFor } from "./dialogs.js";
import { LibraryFeed } from "./feed.js";
import { chosenFolder } from "./folder_chooser.js";
import { Grid } from "./grid.js";
import { Panel } from "./panel.js";
import { Pictures } from "./pictures.js";
import { Places } from "./places.js";
import { toggled } from "./search.js";
import { Selection } from "./selection.js";
import { LibraryViewing } from "./viewing.js";

const ROOMY = matchMedia("(min-width: 1000px)");      // where both sides stand beside the grid
const ONE_BY_ONE = 200;                               // pictures that are chosen by their ids
const SIDES = 250;                                    // ms until what stands beside the grid is asked for

/** What this browser shows at windows of this width. */
function remembered() {
  const roomy = ROOMY.matches, usual = { sort: "newest", tile: roomy ? 168 : 112, places: roomy, panel: roomy };
  return { ...usual, ...browser.get(roomy ? "library" : "library.narrow") };
}

export class LibraryPage {
  albums = [];
  folders = [];
  facets = {};
  indexing = null;
  docking = 0;        // the last drawing of the dock
  fresh = false;      // there are pictures that the list does not show yet

  constructor() {
    this.kept = remembered();
    ROOMY.addEventListener("change", () => this.keep(remembered()));
    this.pictures = new Pictures({ q: "", in: "", sort: this.kept.sort }, () => this.draw());
    this.selection = new Selection(() => this.chosen());
    this.grid = new Grid(this.pictures, this.selection, { open: (i) => this.view(i), key: (event) => this.key(event) });
    this.viewing = new LibraryViewing(this);
    this.again = new Again((picture, url) => this.viewing.openBoth({ url, name: t("Made again") }, picture));
    this.acts = new Acts(this);
    this.panel = new Panel(this.panelDeeds());
    this.places = new Places(this.placeDeeds());
    this.bar = new LibraryBar(this.kept, {
      wish: (patch) => this.wish(patch), keep: (patch) => this.keep(patch), refresh: () => this.refresh(),
      down: () => this.grid.go(0),
    });
    this.askSides = debounced(() => this.sides(), SIDES);
    this.build();
  }

  build() {
    this.count = h("p.library-status", { role: "status" });
    this.note = h("p.library-notes", { role: "status" });
    this.message = h("div.library-message");
    this.links = {
      none: link(t("Choose none"), () => this.selection.clear()),
      fresh: link(t("Show what is new"), () => { this.grid.top(); this.reload(); }),
      trash: link(t("Empty the trash"), () => this.acts.emptyTrash()),
      all: link(t("Show all"), () => this.go("")),
    };
    this.head = h("div.library-head", {}, this.count, ...Object.values(this.links));
    this.dock = h("div.library-dock.library-acts", { hidden: true });
    const middle = h("div.library-middle", {}, this.head, this.note, this.grid.element, this.message, this.dock);
    this.element = h("div.library", {}, this.bar.element,
      h("div.library-body", {}, this.places.element, middle, this.panel.element));
    document.addEventListener("keydown", (event) => this.pageKey(event));
    this.drawSides();
  }

  panelDeeds() {
    return {
      change: (which, patch) => this.change(which, patch), search: (term) => this.term(term),
      place: (place) => this.go(place), open: (id) => this.viewing.openId(id), albums: () => this.albumNames(),
      tags: () => (this.facets.tag ?? []).map(({ value }) => String(value)),
      buttons: (selection, picture) => (picture ? this.acts.forOne(picture) : this.acts.forMany(selection)),
      above: (picture) => this.again.line(picture),
    };
  }

  placeDeeds() {
    return {
      go: (place) => this.go(place), day: (name) => this.grid.showSection(name), term: (term) => this.term(term),
      addAlbum: () => this.addAlbum(), editAlbum: (album) => this.editAlbum(album),
      fillAlbum: ({ id }) => this.change(this.selection.which, { add_albums: [id] }),
      addFolder: () => this.addFolder(),
      removeFolder: (folder) => this.removeFolder(folder),
    };
  }

  get inTrash() { return this.pictures.wishes.in === "trash"; }

  albumNames() { return this.albums.map(({ name }) => name); }

  /** Folders that pictures may be moved to, as the server takes them and as a person knows them. */
  destinations() {
    const roots = new Map(this.folders.filter((root) => !root.read_only).map((root) => [String(root.id), root]));
    return (this.facets.folder ?? []).flatMap(({ value }) => {
      const [, id, path] = value.match(/^([^/]*)\/(.*)$/), root = roots.get(id);
      if (!root || (root.own && !path)) return [];
      return [root.own ? { value: path, label: path } : { value, label: [root.name, path].filter(Boolean).join("/") }];
    });
  }

  /** Follow the library while somebody looks at it. */
  look(seen) {
    if (seen === Boolean(this.feed)) return;
    if (!seen) {
      this.feed.stop();
      this.feed = null;
      return;
    }
    this.reload();
    this.feed = new LibraryFeed({
      take: (state) => this.heard(state), answers: connected, isSeen: () => !document.hidden,
    });
    this.feed.run();
  }

  heard({ revision, indexing }) {
    this.indexing = indexing?.total ? indexing : null;
    if (this.pictures.known && revision !== this.pictures.revision) {
      if (this.grid.element.scrollTop < 40) this.reload();
      else this.fresh = true;
    }
    this.say();
  }

  reload() {
    this.fresh = false;
    this.askSides();
    return this.pictures.reload();
  }

  /** After a change of one's own. */
  async changed() {
    this.selection.clear();
    await this.reload();
  }

  /** Another search begins at its top; it is for what has been typed by now, however quickly this comes. */
  async wish(change) {
    const patch = { q: this.bar.search.value, ...change };
    if (Object.entries(patch).every(([name, value]) => this.pictures.wishes[name] === value)) return;
    if ("sort" in patch) this.keep({ sort: patch.sort });
    this.selection.clear();
    this.askSides();
    await this.pictures.wish(patch);
    this.grid.top();
    this.draw();
  }

  go(place) {
    if (!ROOMY.matches) this.keep({ places: false });
    return this.wish({ in: place });
  }

  term(term) {
    const q = toggled(this.bar.search.value, term);
    this.bar.search.value = q;
    return this.wish({ q });
  }

  /** A place and words, as another part of the page asks for them. */
  show({ q = "", in: place = "" }) {
    this.bar.search.value = q;
    return this.wish({ q, in: place });
  }

  keep(patch) {
    Object.assign(this.kept, patch);
    browser.set(ROOMY.matches ? "library" : "library.narrow", this.kept);
    this.bar.show(this.kept);
    this.grid.tile = this.kept.tile;
    this.drawSides();
    this.grid.draw();
  }

  drawSides() {
    this.grid.tile = this.kept.tile;
    this.places.element.hidden = !this.kept.places;
    this.panel.element.hidden = !this.kept.panel;
    if (this.kept.places) this.drawPlaces();
    if (this.kept.panel) this.drawPanel();
    this.drawDock();
  }

  /** Without the panel, what can be done with what is chosen lies over the grid's end: no picture moves. */
  async drawDock() {
    const { only, size } = this.selection, shown = size > 0 && !this.kept.panel, turn = ++this.docking;
    const whole = shown && only ? await shelf.picture(only.id).catch(() => only) : null;      // the list has no data
    if (turn !== this.docking) return;
    this.dock.hidden = !shown;
    this.grid.element.classList.toggle("docked", shown);
    if (shown) replaceKeepingFocus(this.dock, only ? this.acts.forOne(whole) : this.acts.forMany(this.selection));
  }

  drawPanel() { if (this.kept.panel) this.panel.show(this.selection); }

  drawPlaces() {
    const { albums, folders, facets, pictures } = this;
    this.places.show({
      albums, folders, facets, wishes: pictures.wishes, sections: pictures.sections,
      administers: facts.start.administrator,
    });
  }

  /** Facets, albums and folders: asked for after the pictures, which matter more. */
  async sides() {
    const whole = this.pictures.whole ?? { q: "", in: "" };
    const found = await Promise.allSettled([shelf.facets(whole), shelf.albums(), shelf.folders()]);
    const [facets, albums, folders] = found.map(({ value }) => value);
    Object.assign(this, { facets: facets ?? {}, albums: albums ?? [], folders: folders ?? [] });
    if (this.kept.places) this.drawPlaces();
  }

  chosen() {
    this.grid.mark();
    this.say();
    this.drawPanel();
    this.drawDock();
  }

  draw() {
    const { pictures } = this, shown = pictures.known && pictures.total > 0 && !pictures.error;
    this.grid.element.hidden = !shown;
    this.message.hidden = shown;
    if (shown) this.grid.draw();
    else this.message.replaceChildren(...this.said());
    this.note.textContent = pictures.notes.join(" ");
    if (this.kept.places && pictures.known && this.drawn !== pictures.turn) this.drawPlaces();
    this.drawn = pictures.turn;
    this.say();
  }

  said() {
    const { pictures } = this, { error, wishes } = pictures;
    if (error) {
      return [h("p", { role: "alert" }, [error.message, error.hint].filter(Boolean).join(" ")),
        button(t("Try again"), () => this.reload())];
    }
    if (!pictures.known) return [h("p", {}, t("Looking…"))];
    if (wishes.in === "trash" && !wishes.q) return [h("p", {}, t("The trash is empty."))];
    if (pictures.isDuplicates) return [h("p", {}, t("No picture is here twice."))];
    if (wishes.q || wishes.in)
      return [h("p", {}, t("Nothing matches.")), button(t("Show all"), () => this.show({}))];
    const own = h("p", {}, t("There are no pictures yet. What you make appears here by itself."));
    return facts.start.administrator
      ? [own, h("p", {}, t("Those that you have already are shown too, once their folder is added.")),
        button(t("Add a folder"), () => this.addFolder())]
      : [own];
  }

  /** How many there are, how many are chosen, and what goes on. */
  say() {
    const { pictures, selection, indexing } = this;
    const many = pictures.total === 1 ? t("1 picture") : t("{n} pictures", { n: number(pictures.total) });
    const words = [
      pictures.known && !pictures.error ? many : null,
      indexing ? t("reading {done} of {total}", indexing) : null,
      selection.size ? t("{n} chosen", { n: number(selection.size) }) : null,
    ].filter(Boolean).join(" · ");
    if (this.count.textContent !== words) this.count.textContent = words;
    // shown and hidden, not made anew: news come at any moment, also while one is being pressed
    this.links.none.hidden = !selection.size;
    this.links.fresh.hidden = !this.fresh;
    this.links.trash.hidden = !this.inTrash || !pictures.total;
    this.links.all.hidden = !pictures.wishes.in.startsWith("job:");
  }

  /** Write about pictures: shown at once, undone by the next look if the server refuses. */
  async change(which, patch) {
    const ids = new Set(which.pictures ?? []), shown = Object.fromEntries(
      Object.entries(patch).filter(([name]) => name === "favourite" || name === "rating"));
    this.selection.patch(ids, shown);
    try {
      const whole = await this.pictures.change(ids, shown, () => shelf.change(which, patch));
      if (!whole || !which.pictures) this.reload();
    } catch (error) {
      notice("library", reasonOf(error));
      this.reload();
    }
    this.askSides();
    this.drawPanel();
  }

  view(index) { return this.viewing.open(index); }

  compare(first, second) { return this.viewing.openBoth(first, second); }

  /** Keys on a tile; whether it meant something. */
  key(event) {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey, which = this.selection.which;
    if ((event.ctrlKey || event.metaKey) && event.key === "a") this.chooseAll();
    else if (!plain || !this.selection.size) return false;
    else if (event.key === "Escape") this.selection.clear();
    else if (event.key === "Delete" && !this.inTrash) this.acts.trash(which);
    else if (/^[0-5]$/.test(event.key)) this.change(which, { rating: Number(event.key) });
    else if (event.key === "h") this.change(which, { favourite: !this.selection.pictures[0]?.favourite });
    else return false;
    return true;
  }

  /** Of many, the search itself is chosen; few are chosen one by one, so that they can be compared. */
  async chooseAll() {
    const { pictures } = this, { whole, total } = pictures;
    if (whole && total > ONE_BY_ONE) this.selection.all({ ...whole, total });
    else this.selection.set(await pictures.range(0, total - 1));
  }

  /** Keys beside the tiles: `/`, and those of what is chosen. */
  pageKey(event) {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.target.matches("input, textarea, select") || document.querySelector("dialog[open]")) return;
    if (!this.element.offsetParent) return;
    if (event.key === "/" && plain) this.bar.search.input.focus();
    else if (!this.key(event)) return;
    event.preventDefault();
  }

  async refresh() {
    await this.acts.attempt(() => shelf.refresh());
  }

  async addAlbum() {
    const name = await textFor(t("New album"), { label: t("Name"), yes: t("Create") });
    if (name) await this.acts.attempt(() => shelf.addAlbum(name), () => this.sides());      // what is chosen stays so
  }

  async editAlbum(album) {
    const name = await textFor(t("Album"), {
      label: t("Name"), value: album.name, yes: t("Rename"), more: { name: t("Remove the album"), value: REMOVE },
    });
    if (name === REMOVE) {
      const sure = await confirmed(album.name, t("The album goes; its pictures stay."), t("Remove the album"));
      if (!sure) return;
      if (this.pictures.wishes.in === `album:${album.id}`) await this.go("");
      await this.acts.attempt(() => shelf.removeAlbum(album.id));
    } else if (name) await this.acts.attempt(() => shelf.renameAlbum(album.id, name), () => this.sides());
  }

  async addFolder() {
    const chosen = await chosenFolder();
    if (chosen) await this.acts.attempt(() => shelf.addFolder(chosen.path, chosen.readOnly));
  }

  async removeFolder(folder) {
    const words = t("Its pictures stay where they are; they are not shown here any more.");
    const sure = await confirmed(folder.name, words, t("Look into it no more"));
    if (sure) await this.acts.attempt(() => shelf.removeFolder(folder.id));
  }
}

const REMOVE = Symbol("remove");
const button = (name, onclick) => h("button.card-button", { type: "button", onclick }, name);
const link = (name, onclick) => h("button.library-link", { type: "button", onclick }, name);
