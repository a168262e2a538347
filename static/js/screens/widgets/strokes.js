/** The strokes of a drawing, kept as parts of the paper's width so that a turned or smaller screen shows them whole. Pure. */

/** @typedef {import('signature_pad').PointGroup} Stroke */

/** @param {number} n */
const short = (n) => Math.round(n * 10_000) / 10_000;

/**
 * Strokes drawn on a paper of one width, on a paper of another.
 * @param {Stroke[]} strokes @param {number} factor @returns {Stroke[]}
 */
export function scaled(strokes, factor) {
  return strokes.map((stroke) => ({
    ...stroke,
    dotSize: stroke.dotSize * factor, minWidth: stroke.minWidth * factor, maxWidth: stroke.maxWidth * factor,
    points: stroke.points.map((point) => /** @type {Stroke['points'][0]} */ ({
      x: point.x * factor, y: point.y * factor, pressure: point.pressure, time: point.time,
    })),
  }));
}

/** Strokes as they are stored: on a paper of width 1, rounded. @param {Stroke[]} strokes @param {number} width @returns {Stroke[]} */
export function stored(strokes, width) {
  return scaled(strokes, 1 / width).map((stroke) => {
    const start = stroke.points[0]?.time ?? 0;
    return {
      ...stroke,
      points: stroke.points.map((point) => /** @type {Stroke['points'][0]} */ ({
        x: short(point.x), y: short(point.y), pressure: short(point.pressure), time: point.time - start,
      })),
    };
  });
}
