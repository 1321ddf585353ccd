// Runs before any module: names and addresses of gradio's small scripts lead to the texts that came with this file
// (ui/carried_scripts.py), and names of ours that scripts of extensions import to their addresses.
"use strict";

{
  const { texts, wanted, names } = window.easelCarried;
  const addressOf = (name) => new URL(`./assets/${name}`, document.baseURI).href;
  const imports = { ...names };
  for (const name of wanted) imports[`gradio/${name}`] = addressOf(name);
  for (const [name, text] of Object.entries(texts)) {
    imports[addressOf(name)] = imports[`gradio/${name}`] = `data:text/javascript,${encodeURIComponent(text)}`;
    // gradio asks for each script that is to come soon, unless a link names it
    const link = { rel: "easel-carried", href: addressOf(name) };
    document.head.append(Object.assign(document.createElement("link"), link));
  }
  if (Object.keys(imports).length) {
    const map = { type: "importmap", textContent: JSON.stringify({ imports }) };
    document.head.append(Object.assign(document.createElement("script"), map));
  }
}
