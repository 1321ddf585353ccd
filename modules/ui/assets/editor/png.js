// Canvases to PNGs, in a worker: `toBlob` waits until the page is idle, which may be a second, and then works in its
// way.
let worker = null;      // one for all editors, started when first needed

export async function png(canvas) {
  worker ??= new Worker(new URL("./png_worker.js", import.meta.url));
  const bitmap = await createImageBitmap(canvas);
  const { port1: answers, port2: port } = new MessageChannel();
  worker.postMessage({ bitmap, port }, [bitmap, port]);
  const blob = await new Promise((done) => { answers.onmessage = ({ data }) => done(data); });
  answers.close();
  if (!blob) throw new Error("The picture could not be encoded.");
  return blob;
}
