/** Pictures made small enough for a slow network. Drawing them anew also drops their EXIF. */

const SIDE = 1600;
const BYTES = 300 * 1024;
/** What canvases of old phones still take. */
const LARGEST_SIDE = 4096;

/**
 * How large a photo may be kept. An author who asks for more pixels gets them, and the bytes they need.
 * @param {{[name: string]: string} | undefined} parameters of the question
 */
export function photoLimits(parameters) {
  const asked = Number(parameters?.['max-pixels']);
  const side = asked > 0 ? Math.min(LARGEST_SIDE, Math.max(64, Math.round(asked))) : SIDE;
  return { side, bytes: Math.round(BYTES * Math.max(1, (side / SIDE) ** 2)) };
}

/** Width and height within a longest side; never enlarged. @param {number} width @param {number} height @param {number} side */
export function fitted(width, height, side) {
  const scale = Math.min(1, side / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** @param {HTMLCanvasElement} canvas @param {string} type @param {number} [quality] @returns {Promise<Blob>} */
export const encoded = (canvas, type, quality) =>
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
 * The pixels of a picture file, turned upright.
 * @param {Blob} file @returns {Promise<{source: CanvasImageSource, width: number, height: number, close: () => void}>}
 */
export async function opened(file) {
  try {
    const bitmap = await createImageBitmap(file);
    return { source: bitmap, width: bitmap.width, height: bitmap.height, close: () => bitmap.close() };
  } catch {
    // A phone short of memory may still manage through an element, which decodes at a smaller scale.
    const image = new Image();
    image.src = URL.createObjectURL(file);
    const close = () => URL.revokeObjectURL(image.src);
    try {
      await image.decode();
    } catch (error) {
      close();
      throw error;
    }
    return { source: image, width: image.naturalWidth, height: image.naturalHeight, close };
  }
}

/**
 * A canvas as JPEG of at most that many bytes; quality goes before size.
 * @param {HTMLCanvasElement} canvas @param {number} bytes @returns {Promise<Blob>}
 */
export async function smallJpeg(canvas, bytes) {
  for (let paper = canvas; ; paper = drawn(paper, paper.width * 0.8, paper.height * 0.8)) {
    for (const quality of [0.82, 0.7, 0.58, 0.46]) {
      const blob = await encoded(paper, 'image/jpeg', quality);
      if (blob.size <= bytes || paper.width < 40) return blob;
    }
  }
}

/** A photo as JPEG of at most side pixels and bytes. @param {Blob} file @param {{side: number, bytes: number}} limit */
export async function smallPhoto(file, { side, bytes }) {
  const picture = await opened(file);
  try {
    const { width, height } = fitted(picture.width, picture.height, side);
    return await smallJpeg(drawn(picture.source, width, height), bytes);
  } finally {
    picture.close();
  }
}

/** A drawing as PNG of at most that many bytes. @param {HTMLCanvasElement} drawing @param {{side: number, bytes: number}} limit */
export async function smallDrawing(drawing, { side, bytes }) {
  let { width, height } = fitted(drawing.width, drawing.height, side);
  for (;;) {
    const blob = await encoded(drawn(drawing, width, height), 'image/png');
    if (blob.size <= bytes || width < 60) return blob;
    width *= 0.8;
    height *= 0.8;
  }
}
