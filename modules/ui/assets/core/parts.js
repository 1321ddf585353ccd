// The page in parts: gradio is given the description of what is seen first, and of each other tab once it is opened, as
// an application of its own inside that tab. Runs after boot.js, before gradio.
"use strict";

{
  const { easel } = window;
  const SMALLEST_PART = 20;      // components; a smaller tab costs less than an application
  // what ui/store.py writes for a store: its controls' names follow
  const OF_STORE = /^\((?:\.\.\.values)?\) => easel\.store\('(\w+)'\)\.(hear|owed)\((\[.*\])(?:, values)?\)$/s;
  const whole = easel.page = window.gradio_config;      // of all tabs, whatever gradio is given
  const described = new Map(whole.components.map((component) => [component.id, component]));

  // gradio's component of HTML brings a language of templates along, which nothing of ours is written in: what only
  // holds HTML is drawn as a column, what a store fills controls by as an unseen button.
  const BRIDGE = /^easel\.store\('(\w+)'\)\.connect\(\(\) => trigger\('fill'\)\)$/;
  const PLAIN = "${value}";
  const anyOf = (kind) => whole.components.find(({ type }) => type === kind);
  const kinds = { column: anyOf("column"), button: anyOf("button") };
  const held = new Map();         // element id → HTML that is put into it
  const connecting = new Map();   // element id → the store that it is to be connected with

  const asKind = (kind, { id }, props) => {
    const { component_class_id: known, props: { name } } = kinds[kind];
    const of = { name, preserved_by_key: [], ...props };
    return { id, type: kind, component_class_id: known, key: null, skip_api: true, props: of };
  };

  function withoutHtml(component) {
    const { type, props } = component;
    const [, store] = (type === "html" && props.js_on_load?.match(BRIDGE)) || [];
    if (easel.facts.extensions || type !== "html" || !kinds.column || !kinds.button) return component;
    if (store) return bridgeOf(component, store);
    const { html_template: template, css_template: sheet, show_label: labelled, visible } = props;
    if (template !== PLAIN || sheet || labelled || typeof visible === "string") return component;
    const { elem_id: element = `html_${component.id}`, elem_classes: classes = [] } = props;
    if (props.value) held.set(element, props.value);
    return asKind("column", component, {
      visible, elem_id: element, elem_classes: ["block", "html-place", ...classes], scale: null, min_width: 0,
      variant: "default", show_progress: false,
    });
  }

  function bridgeOf(component, store) {
    const element = `fill_${component.id}`;      // no tab's name, whose buttons' clicks are held at first (boot.js)
    connecting.set(element, store);
    return asKind("button", component, {
      elem_id: element, elem_classes: [], value: "", visible: "hidden", interactive: true, variant: "secondary",
    });
  }

  /** HTML inside the elements that give it gradio's look: of ticks, of tables. */
  function inGradiosLook(html) {
    const outer = document.createElement("div"), inner = document.createElement("div");
    outer.className = "html-container";
    inner.classList.add("prose", "gradio-style");
    inner.innerHTML = html;
    outer.append(inner);
    return outer;
  }

  /** What is drawn by now gets its HTML, and its store. */
  function furnish() {
    for (const [element, html] of held) {
      const place = document.getElementById(element);
      if (place && !place.dataset.held) {
        place.dataset.held = "yes";
        place.append(inGradiosLook(html));
      }
    }
    for (const [element, store] of connecting) {
      if (!document.getElementById(element)) continue;
      connecting.delete(element);
      easel.store(store).connect(() => document.getElementById(element)?.click());
    }
  }

  // nothing but gradio's event is meant by such a click
  const silent = (event) => { if (event.target.id?.startsWith("fill_")) event.stopPropagation(); };

  const below = ({ id, children = [] }) => [id, ...children.flatMap(below)];
  let lastId = Math.max(0, ...below(whole.layout), ...whole.dependencies.map(({ id }) => id));
  const elementId = (id) => described.get(id)?.props.elem_id ?? "";

  function nodeOf(element, node = whole.layout) {
    if (elementId(node.id) === element) return node;
    for (const child of node.children ?? []) {
      const found = nodeOf(element, child);
      if (found) return found;
    }
    return null;
  }

  /** An event of a store: { store, act: "hear" or "owed", names }; null for any other. */
  function ofStore({ js }) {
    const [, store, act, names] = (typeof js === "string" && js.match(OF_STORE)) || [];
    return store ? { store, act, names: JSON.parse(names) } : null;
  }

  const touched = ({ targets, inputs, outputs }) => [...targets.map(([id]) => id), ...inputs, ...outputs];

  /**
   * The tabs that may wait until they are opened: large ones, which no function but a store's names. Scripts of
   * extensions look for the whole page at its start.
   */
  function later() {
    if (easel.facts.extensions) return [];
    const [, ...others] = nodeOf("tabs")?.children ?? [];
    const foreign = new Set(whole.dependencies.filter((event) => !ofStore(event)).flatMap(touched));
    return others.filter((tab) => {
      const ids = below(tab);
      return elementId(tab.id) && ids.length >= SMALLEST_PART && !ids.some((id) => foreign.has(id));
    });
  }

  /** A control's change is heard alone: gradio reads each value that it is asked for with much labour. */
  const heardAlone = (event, { store, names }, own) =>
    event.inputs.flatMap((id, i) => {
      if (!own.has(id) || !event.targets.some(([target]) => target === id)) return [];
      const js = `(value) => easel.store('${store}').hear(['${names[i]}'], [value])`;
      return [{ ...event, id: ++lastId, js, inputs: [id], targets: event.targets.filter(([target]) => target === id) }];
    });

  const heardTogether = (event, own) => (event.inputs.every((id) => own.has(id)) ? [event] : []);

  /** A store's way to set those of its controls that are in this part, by a bridge of the part's own. */
  function filled(event, { store, names }, own, bridges) {
    const mine = event.outputs.flatMap((id, i) => (own.has(id) ? [[id, names[i]]] : []));
    if (!mine.length) return [];
    const [[bridge, trigger]] = event.targets, id = ++lastId;
    const { elem_id: element, ...props } = described.get(bridge).props;
    bridges.push(withoutHtml({ ...described.get(bridge), id, props: { ...props, elem_id: `${element}_${id}` } }));
    const act = bridges.at(-1).type === "button" ? "click" : trigger;
    const js = `() => easel.store('${store}').owed(${JSON.stringify(mine.map(([, name]) => name))})`;
    return [{ ...event, id: ++lastId, js, targets: [[id, act]], outputs: mine.map(([output]) => output) }];
  }

  /** gradio's description of a part: of these nodes, and of the events among their components. */
  function partOf(children) {
    const ids = children.flatMap(below), own = new Set(ids), bridges = [];
    const dependencies = whole.dependencies.flatMap((event) => {
      const found = ofStore(event);
      if (!found) return touched(event).every((id) => own.has(id)) ? [event] : [];
      if (found.act === "owed") return filled(event, found, own, bridges);
      return found.store.endsWith("_extensions") ? heardTogether(event, own) : heardAlone(event, found, own);
    });
    const components = [...ids.map((id) => described.get(id)).filter(Boolean).map(withoutHtml), ...bridges];
    const layout = { id: whole.layout.id, children: [...children, ...bridges.map(({ id }) => ({ id, children: [] }))] };
    const page = { layout, components: components.map(({ id }) => id), dependencies: dependencies.map(({ id }) => id) };
    return { ...whole, components, layout, dependencies, page: { "": page } };
  }

  const filling = whole.dependencies.filter((event) => ofStore(event)?.act === "owed");
  const bridgesOf = new Set(filling.map(({ targets: [[bridge]] }) => bridge));
  const waiting = new Map(later().map((tab) => [elementId(tab.id), tab.children]));
  const emptied = (node) =>
    waiting.has(elementId(node.id))
      ? { ...node, children: [] }
      : { ...node, children: (node.children ?? []).filter(({ id }) => !bridgesOf.has(id)).map(emptied) };

  // gradio's scripts read this name while an application starts; all others find the whole page there.
  let starting = { part: partOf(emptied(whole.layout).children), app: () => document.querySelector("gradio-app") };
  Object.defineProperty(window, "gradio_config", { configurable: true, get: () => starting?.part ?? whole });

  const isDrawn = (app) => Boolean(app?.querySelector("main")?.childElementCount);

  /** Draw the tab in view if it is not drawn yet; one application starts after the other. */
  function open() {
    furnish();
    if (starting && !isDrawn(starting.app())) return;
    if (starting?.inside) oneMain(starting.app());
    starting = null;
    if (!waiting.size && !held.size) return observer.disconnect();
    const panel = window.get_uiCurrentTabContent(), children = waiting.get(panel?.id);
    if (!children) return;
    if (!children.every(({ id }) => described.has(id))) return void easel.whole().then(open);
    waiting.delete(panel.id);
    const app = applicationIn(panel);
    starting = { part: partOf(children), app: () => app, inside: true };
  }

  const AGAIN = 3000;      // ms until what did not come is asked for once more
  let completing = null;

  /** Resolves once the description holds every tab: that of some comes in a file of its own (ui/description.py). */
  easel.whole = () => completing ??= easel.rest ? complete() : Promise.resolve();

  async function complete() {
    for (let times = 0; ; times++) {
      try {
        const { components } = await import(times ? `${easel.rest}?again=${times}` : easel.rest);
        easel.adapt(components);
        whole.components.push(...components);
        for (const component of components) described.set(component.id, component);
        return;
      } catch (error) {
        console.warn(error);
        document.dispatchEvent(new CustomEvent("easel-lost"));
        await new Promise((resolve) => setTimeout(resolve, AGAIN));
      }
    }
  }

  /** gradio's element reads its attributes as it is made, so it is made with them. */
  function applicationIn(panel) {
    const how = `embed="false" eager="true" theme_mode="${easel.theme.wanted}"`;
    panel.insertAdjacentHTML("beforeend", `<gradio-app ${how}></gradio-app>`);
    return panel.lastElementChild;
  }

  /** A page has one <main>; that of an application inside it becomes a plain element. */
  function oneMain(app) {
    const main = app.querySelector("main"), plain = document.createElement("div");
    plain.className = main.className;
    plain.append(...main.childNodes);
    main.replaceWith(plain);
  }

  document.addEventListener("DOMContentLoaded", () => document.body.addEventListener("click", silent));
  const observer = new MutationObserver(open);
  observer.observe(document, {
    subtree: true, childList: true, attributes: true, attributeFilter: ["aria-selected"],
  });
}
