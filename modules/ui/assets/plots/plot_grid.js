// The cells of a plot or a matrix by their values, filled in while they are drawn; each can be looked at, compared,
// voted for.
import { debounced, h, iconButton, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { reasonOf, server } from "../core/server.js";
import { browser } from "../core/storage.js";
import { Viewer } from "../viewer/viewer.js";
import { numberAt, placesOf, shapeOf, volume } from "./cells.js";

const SCRIPTS = ["X/Y/Z plot", "Prompt matrix"];
const SMALL = 200;      // pixels of a cell up to which a thumbnail is sharp enough

/** What was voted, in words: "3 of 4". */
const won = ([better, worse]) => (better + worse ? t("{n} of {all} votes", { n: better, all: better + worse }) : "");

export class PlotGrid {
  /** use(infotext): fill the form from a cell's data; extend(job): fill it with the plot's request, to draw more */
  constructor({ use, extend }) {
    Object.assign(this, { use, extend, job: null, plot: null, cells: new Map(), fold: [], last: null });
    Object.assign(this, { asked: 0, answered: 0 });      // requests for what is drawn, and the newest that was answered
    this.bar = h("div.plot-bar");
    this.table = h("div.plot-table", { tabIndex: 0, role: "region", "aria-label": t("Cells of the plot") });
    this.element = h("section.plot", { hidden: true }, this.bar, this.table);
    this.viewer = new Viewer({
      turn: (by) => this.turn(by), beside: (by) => this.seen(this.neighbour(by)), panel: (cell) => this.panel(cell),
      buttons: (cell) => this.buttons(cell), keys: (event, cell) => this.across(event, cell),
    });
    this.fetchSoon = debounced(() => this.fetch(), 150);
    this.resize(browser.get("plot.cell") ?? 128);
  }

  /** Show the job's cells, if it is a plot; returns whether it is. */
  follow(record) {
    const is = Boolean(record && SCRIPTS.includes(record.params?.script_name));
    if (!is || record.id !== this.job) this.forget();
    this.element.hidden = !is || !this.plot?.axes.every(({ labels }) => labels.length);
    if (!is) return false;
    this.job = record.id;
    const news = `${record.made} ${record.state}`;      // its grids come between the last cell and its end
    if (news !== this.news) {
      this.news = news;
      this.fetchSoon();
    }
    return true;
  }

  forget() {
    Object.assign(this, { job: null, news: "", plot: null, fold: [], last: null });
    this.cells.clear();
    this.element.hidden = true;
  }

  async fetch() {
    const { job } = this, asked = (this.asked += 1);
    const found = await server.plot(job).catch(() => null);      // one of an older version has no map
    if (!found || job !== this.job || asked < this.answered) return;      // an answer may overtake an older one
    this.answered = asked;
    const fresh = !this.plot;
    this.plot = { ...found, drawn: new Set(found.drawn) };
    if (fresh) this.fold = found.axes.slice(2).map(() => 0);
    this.element.hidden = !found.axes.every(({ labels }) => labels.length);
    if (fresh) this.build();
    this.fill();
    this.drawBar();
  }

  // What is on the page

  build() {
    const [x, y] = this.plot.axes;
    this.cells.clear();
    const row = (label, down) =>
      h("tr", {}, h("th", { scope: "row" }, label), x.labels.map((_, right) => this.place(right, down)));
    const head = h("tr", {}, h("td"), x.labels.map((label) => h("th", { scope: "col" }, label)));
    this.table.replaceChildren(h("table", {}, h("thead", {}, head), h("tbody", {}, y.labels.map(row))));
    this.table.classList.toggle("unlabelled-rows", y.labels.every((label) => !label));
    this.table.classList.toggle("unlabelled-columns", x.labels.every((label) => !label));
  }

  place(right, down) {
    const cell = h("td.plot-cell"), number = numberAt([right, down, ...this.fold], shapeOf(this.plot));
    this.cells.set(number, cell);
    return cell;
  }

  /** Put in what has been drawn since. */
  fill() {
    for (const [number, cell] of this.cells) {
      if (!this.plot.drawn.has(number)) continue;
      if (!cell.firstChild) cell.replaceChildren(this.button(number));
      cell.dataset.votes = won(this.plot.votes[number] ?? [0, 0]);
    }
    const marks = this.table.querySelectorAll("thead th, tbody th");
    const sums = [...this.plot.axes[0].sums, ...this.plot.axes[1].sums];
    marks.forEach((mark, at) => { mark.dataset.votes = won(sums[at]); });
  }

  button(number) {
    const name = this.called(number);
    return h("button", {
      type: "button", title: t("{name}\nShift and click compares it with the one before", { name }),
      onclick: ({ shiftKey }) => this.open(number, shiftKey),
    }, h("img", { src: this.address(number), alt: name, loading: "lazy" }));
  }

  address(number) {
    const small = this.size <= SMALL / devicePixelRatio * 1.28;
    return small ? server.thumbnail(this.job, number * this.plot.each) : this.url(number);
  }

  url(number) { return server.picture(this.job, number * this.plot.each); }

  called(number) {
    const places = placesOf(number, shapeOf(this.plot));
    return this.plot.axes.map(({ labels }, axis) => labels[places[axis]]).filter(Boolean).join(" · ") || t("Picture");
  }

  drawBar() {
    const { axes, drawn, grids } = this.plot, all = volume(shapeOf(this.plot));
    const sliders = axes.slice(2).map((axis, at) => (axis.labels.length > 1 ? this.slider(axis, at) : null));
    const size = h("input", {
      type: "range", min: 48, max: 512, value: this.size, ariaLabel: t("Size of the cells"),
      title: t("Size of the cells"), oninput: ({ target }) => this.resize(Number(target.value)),
      onchange: () => this.sharpen(),
    });
    const said = drawn.size < all ? t("{n} of {all} cells", { n: drawn.size, all }) : t("{all} cells", { all });
    const file = (href, name) => h("a", { href, download: "" }, name);
    this.bar.replaceChildren(
      h("span", { role: "status" }, said), h("label", {}, size), ...sliders.filter(Boolean),
      h("span.plot-acts", {},
        grids.slice(0, 1).map((index) => file(server.picture(this.job, index), t("One picture"))),
        file(server.plotFile(this.job, "csv"), t("Table")), file(server.plotFile(this.job, "html"), t("Page")),
        this.plot.script === SCRIPTS[0] ? this.extending() : [],
      ),
    );
  }

  extending() {
    return h("button", {
      type: "button", onclick: () => this.extend(this.job),
      title: t("The plot into the form: add values, and only new cells are drawn"),
    }, t("Extend"));
  }

  /** One of the axes behind the two that are seen. */
  slider({ name, labels }, at) {
    const said = h("output", {}, labels[this.fold[at]]);
    return h("label.plot-fold", { title: name }, h("input", {
      type: "range", min: 0, max: labels.length - 1, value: this.fold[at], ariaLabel: name,
      oninput: ({ target }) => {
        this.fold[at] = Number(target.value);
        said.textContent = labels[this.fold[at]];
        this.build();
        this.fill();
      },
    }), said);
  }

  resize(size) {
    this.size = size;
    this.table.style.setProperty("--cell", `${size}px`);
  }

  /** Pictures that suit the size, once it is chosen. */
  sharpen() {
    browser.set("plot.cell", this.size);
    for (const [number, cell] of this.cells) {
      const image = cell.querySelector("img");
      if (image) image.src = this.address(number);
    }
  }

  // One cell in the whole window

  open(number, both) {
    const cell = this.seen(number);
    const before = both && this.last !== null && this.last !== number ? this.seen(this.last) : null;
    this.last = number;
    return before ? this.viewer.openBoth(before, cell) : this.viewer.open(cell);
  }

  seen(number) {
    if (number === null || number === undefined) return null;
    return { number, url: this.url(number), name: this.called(number), caption: this.called(number) };
  }

  turn(by) {
    const number = this.neighbour(by);
    if (number !== null) this.last = number;
    return this.seen(number);
  }

  /** The next cell that is drawn, of those that are seen. */
  neighbour(by) {
    const there = [...this.cells.keys()].filter((number) => this.plot.drawn.has(number));
    const at = there.indexOf(this.last);
    return there.length ? there[(at + by + there.length) % there.length] : null;
  }

  /** ↑ and ↓ go along Y. */
  across({ key }, { number }) {
    const by = { ArrowUp: -1, ArrowDown: 1 }[key], columns = this.plot.axes[0].labels.length;
    if (!by) return false;
    const next = number + by * columns;
    if (this.cells.has(next) && this.plot.drawn.has(next)) {
      this.last = next;
      this.viewer.show(this.seen(next));
    }
    return true;
  }

  async data(number) { return (await server.infotext(this.job, number * this.plot.each)).infotext; }

  async panel({ number }) {
    const votes = won(this.plot.votes[number] ?? [0, 0]);
    return h("div", {}, h("p.infotext", {}, await this.data(number)), votes ? h("p.hint", {}, votes) : null);
  }

  buttons(cell) {
    const pinned = this.viewer.pinned;
    const mine = iconButton("paste", t("Make these settings mine"), async () => {
      this.viewer.dialog.close();
      this.use(await this.data(cell.number));
    });
    if (!pinned || pinned.number === undefined || pinned.number === cell.number) return [mine];
    const vote = (name, better, worse) =>
      h("button.vote", { type: "button", onclick: () => this.vote(better, worse) }, name);
    const [left, right] = [pinned.number, cell.number];
    return [vote(t("Left is better"), left, right), vote(t("Right is better"), right, left), mine];
  }

  async vote(better, worse) {
    const { each } = this.plot;
    try {
      await server.vote(this.job, { better: better * each, worse: worse * each });
      await this.fetch();
      notice("vote", t("Noted: {name}", { name: this.called(better) }), 2);
    } catch (error) {
      notice("vote", reasonOf(error));
    }
  }
}
