/** Lengths and areas on the globe, and points in shapes, from the text of geo questions. */

import { fail } from './values.js';

const RADIUS = 6378100;

/** @typedef {[number, number]} LatLon degrees */

/**
 * The points of "lat lon alt acc;…". Blank: none.
 * @param {string} text @returns {LatLon[]}
 */
export function pointsOf(text) {
  return text.split(';').map((part) => part.trim()).filter(Boolean).map((part) => {
    const [lat, lon] = part.split(/\s+/).map(Number);
    if (!(Math.abs(lat) <= 90) || !(Math.abs(lon) <= 180)) return fail('not coordinates');
    return [lat, lon];
  });
}

/** @param {number} degrees */
const radians = (degrees) => degrees * (Math.PI / 180);

/** Metres along the points. @param {LatLon[]} points */
export function distance(points) {
  let sum = 0;
  for (let i = 1; i < points.length; i++) {
    const [[a, b], [c, d]] = [points[i - 1], points[i]];
    const cosine = Math.sin(radians(a)) * Math.sin(radians(c)) +
      Math.cos(radians(a)) * Math.cos(radians(c)) * Math.cos(radians(d - b));
    sum += Math.acos(Math.min(1, Math.max(-1, cosine))) * RADIUS;
  }
  return sum;
}

/** Square metres within the points. @param {LatLon[]} points */
export function area(points) {
  if (points.length < 3) return 0;
  let sum = 0;
  points.forEach(([lat, lon], i) => {
    const [lat2, lon2] = points[(i + 1) % points.length];
    sum += radians(lon2 - lon) * (2 + Math.sin(radians(lat)) + Math.sin(radians(lat2)));
  });
  return (Math.abs(sum) * RADIUS * RADIUS) / 2;
}

/** Ray casting; the shape is closed if it was not. @param {LatLon} point @param {LatLon[]} shape */
export function within([x, y], shape) {
  let inside = false;
  shape.forEach(([x1, y1], i) => {
    const [x2, y2] = shape[(i + 1) % shape.length];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  });
  return inside;
}

/** @param {LatLon} a @param {LatLon} b @param {LatLon} c positive: c is left of a→b */
const side = (a, b, c) => Math.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));

/** @param {LatLon} a @param {LatLon} b @param {LatLon} c c lies in the box of a and b */
const inBox = (a, b, c) => Math.min(a[0], b[0]) <= c[0] && c[0] <= Math.max(a[0], b[0]) &&
  Math.min(a[1], b[1]) <= c[1] && c[1] <= Math.max(a[1], b[1]);

/** @param {LatLon} a @param {LatLon} b @param {LatLon} c @param {LatLon} d */
function cross(a, b, c, d) {
  const [p, q, r, s] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)];
  if (p !== q && r !== s) return true;
  return (!p && inBox(a, b, c)) || (!q && inBox(a, b, d)) || (!r && inBox(c, d, a)) || (!s && inBox(c, d, b));
}

/** Does the line meet itself, other than where neighbours join and where it closes? @param {LatLon[]} points */
export function intersects(points) {
  const last = points.length - 1;
  const closed = last > 0 && points[0][0] === points[last][0] && points[0][1] === points[last][1];
  for (let i = 0; i < last; i++) {
    for (let j = i + 2; j < last; j++) {
      if (closed && i === 0 && j === last - 1) continue;
      if (cross(points[i], points[i + 1], points[j], points[j + 1])) return true;
    }
  }
  return false;
}
