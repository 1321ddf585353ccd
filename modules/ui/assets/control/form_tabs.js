// Forms side by side in a fold, each below a button whose text tells its state; together they are one field's value.
import { h, t } from "../core/dom.js";

/** The forms of one field, which is a list: those after the last that counts are left out of it. Pasted data may have
 * more values than there are forms: these take part until somebody leaves them out.
 */
export class FormTabs {
  /**
   * page: the form that has the field; forms: each with `element`, `value`, `counts`, `state` ("" while it does
   * nothing) and take(value); title: a button's text by the form's place; load: called once they are seen or filled
   */
  constructor(fold, page, field, forms, { title, load }) {
    Object.assign(this, { page, field, forms, title, load, own: null, rest: [], shown: 0 });
    this.buttons = forms.map((_, place) =>
      h("button", { type: "button", role: "tab", onclick: () => this.open(place) }));
    this.row = h("div.control-tabs", { role: "tablist" }, ...this.buttons);
    this.told = h("span", { role: "status" });
    this.more = h("p.control-rest", { hidden: true }, this.told, " ",
      h("button.link", { type: "button", onclick: () => this.leaveOut() }, t("Leave them out")));
    if (fold.querySelector("details").open) load();
    else fold.addEventListener("click", load, { once: true });      // unopened, it costs nothing
  }

  /** Show what the page's form has, from now on. */
  follow() {
    this.page.onChange((values) => this.take(values[this.field] ?? []));
    this.open(0);
    this.take(this.page.get(this.field) ?? []);
  }

  open(place) {
    this.shown = place;
    this.forms.forEach(({ element }, each) => { element.hidden = each !== place; });
    this.buttons.forEach((button, each) => button.setAttribute("aria-selected", String(each === place)));
  }

  /** Put the forms' values into the page's form. */
  changed() {
    const last = this.forms.findLastIndex(({ counts }) => counts);
    const counting = this.rest.length ? this.forms : this.forms.slice(0, last + 1);
    this.own = [...counting.map(({ value }) => value), ...this.rest];
    this.page.fill({ [this.field]: this.own });
    this.name();
  }

  /** What somebody else put into the page's form, such as pasted data. */
  take(values) {
    if (values === this.own) return this.name();
    this.own = values;
    this.rest = values.slice(this.forms.length);
    this.forms.forEach((form, place) => form.take(values[place] ?? {}));
    if (values.length) this.load();
    this.name();
  }

  leaveOut() {
    this.rest = [];
    this.changed();
  }

  name() {
    this.more.hidden = !this.rest.length;
    this.told.textContent = t("{n} more of the pasted data take part.", { n: this.rest.length });
    this.forms.forEach(({ state }, place) => {
      this.buttons[place].textContent = this.title(place) + (state ? ` [${state}]` : "");
      this.buttons[place].classList.toggle("on", Boolean(state));
    });
  }
}
