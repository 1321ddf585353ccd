import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

openPage();
const { flooded } = await import("../assets/editor/fill.js");
const { capped, likeModel } = await import("../assets/img2img/sizes.js");
const { told } = await import("../assets/core/png_metadata.js");

/** Rows of letters, each a colour of its own → an ImageData. */
function image(...rows) {
  const [height, width] = [rows.length, rows[0].length];
  const data = new Uint8ClampedArray(
    rows
      .join("")
      .split("")
      .flatMap((letter) => {
        const grey = letter === "." ? 255 : 0;
        return [grey, grey, grey, 255];
      }),
  );
  return { data, width, height };
}
const shape = (marks, width) =>
  marks.reduce((text, mark, i) => text + (i && i % width === 0 ? "/" : "") + (mark ? "x" : " "), "");

test("a fill covers what is connected, and its edge, and goes round no corner", () => {
  const walls = image(".#...", ".#.#.", ".#...", ".####");
  assert.equal(shape(flooded(walls, 0, 0, 10), 5), "xx   /xx   /xx   /xx   ");
  assert.equal(shape(flooded(walls, 2, 0, 10), 5), " xxxx/ xxxx/ xxxx/  xxx");
});

const ENDS = { smallest: 64, largest: 2048 };

test("sizes are whole eighths within the sliders, in the picture's proportions", () => {
  assert.deepEqual(capped({ width: 4096, height: 1024 }, ENDS), { width: 2048, height: 512 });
  assert.deepEqual(capped({ width: 500, height: 301 }, ENDS), { width: 504, height: 304 });
  assert.deepEqual(likeModel({ width: 3000, height: 1500 }, 512 * 512, ENDS), { width: 728, height: 360 });
  assert.deepEqual(likeModel({ width: 10, height: 10 }, 512 * 512, ENDS), { width: 512, height: 512 });
});

test("what a picture tells comes from the server, its own words apart from those of others", async () => {
  globalThis.FileReader = class { readAsDataURL() { this.result = "data:,x"; this.onload(); } };
  globalThis.fetch = async (url, { body }) => {
    assert.deepEqual(JSON.parse(body), { image: "data:,x" });
    return {
      ok: true,
      status: 200,
      text: async () => '{"info": "a fox", "items": {"parameters": "a fox", "easel": "{}", "Comment": "hi"}}',
    };
  };
  assert.deepEqual(await told({}), { infotext: "a fox", manifest: "{}", texts: { Comment: "hi" } });
});
