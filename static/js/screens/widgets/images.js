/** Pictures made small enough for a slow network. Drawing them anew also drops their EXIF. */

/** @param {HTMLCanvasElement} canvas @param {string} type @param {number} [quality] @returns {Promise<Blob>} */
const encoded = (canvas, type, quality) =>
  new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('no image'))), type, quality);
  });

/** @param {CanvasImageSource} source @param {number} width @param {number} height */
function drawn(source, width, height) {
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  const paper = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  paper.fillStyle = '#fff';
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/**
 * A photo as JPEG of at most side pixels and bytes; quality goes before size.
 * @param {Blob} file @param {{side: number, bytes: number}} limit
 */
export async function smallPhoto(file, { side, bytes }) {
  const picture = await createImageBitmap(file);
  try {
    let scale = Math.min(1, side / Math.max(picture.width, picture.height));
    for (;;) {
      const canvas = drawn(picture, picture.width * scale, picture.height * scale);
      for (const quality of [0.82, 0.7, 0.58, 0.46]) {
        const blob = await encoded(canvas, 'image/jpeg', quality);
        if (blob.size <= bytes) return blob;
      }
      scale *= 0.8;
    }
  } finally {
    picture.close();
  }
}

/** A drawing as PNG of at most that many bytes. @param {HTMLCanvasElement} drawing @param {{side: number, bytes: number}} limit */
export async function smallDrawing(drawing, { side, bytes }) {
  let scale = Math.min(1, side / Math.max(drawing.width, drawing.height));
  for (;;) {
    const blob = await encoded(drawn(drawing, drawing.width * scale, drawing.height * scale), 'image/png');
    if (blob.size <= bytes || drawing.width * scale < 60) return blob;
    scale *= 0.8;
  }
}
