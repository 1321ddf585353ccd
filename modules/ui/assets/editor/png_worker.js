// Answers { bitmap, port } with a PNG through the port; null if there was no memory for it.
self.onmessage = async ({ data: { bitmap, port } }) => {
  try {
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    port.postMessage(await canvas.convertToBlob({ type: "image/png" }));
  } catch {
    port.postMessage(null);
  } finally {
    bitmap.close();
  }
};
