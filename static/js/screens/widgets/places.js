/** Coordinates as people write them and as forms store them; lines and areas as a sketch and in words. Pure. */

import { area, distance, intersects } from '../../core/geometry.js';

/** @typedef {{lat: number, lon: number, alt: number, acc: number}} Place */

const WIDE = '0123456789.,;-－';
const NARROW = '0123456789.,;--';
const MU = 666.6667;

/** @param {string} text */
const narrow = (text) => [...text].map((one) => (WIDE.includes(one) ? NARROW[WIDE.indexOf(one)] : one)).join('')
  .replace(/北纬/g, 'N').replace(/南纬/g, 'S').replace(/东经/g, 'E').replace(/西经/g, 'W')
  .replace(/纬度|经度|[::、()()]/g, ' ').replace(/[度]/g, '°').replace(/[分′’]/g, "'").replace(/[秒″”]|''/g, '"');

const NUMBER = "(-?\\d+(?:\\.\\d+)?)\\s*(?:°\\s*(?:(\\d+(?:\\.\\d+)?)\\s*'\\s*(?:(\\d+(?:\\.\\d+)?)\\s*\"?)?)?)?";
const PART = new RegExp(`([NSEW])\\s*${NUMBER}|${NUMBER}\\s*([NSEW])?`, 'gi');

/**
 * A place as a person writes it: "30.1234, 108.5678", "N30°12′36″ E108°34′", "东经108.5 北纬30.1", or with altitude
 * and accuracy behind. A longitude written first is known by its size or its letter.
 * @param {string} text @returns {Place | null} null: no place on earth
 */
export function placeOf(text) {
  const bare = narrow(text).trim();
  if (bare.replace(PART, '').replace(/[\s,]/g, '') !== '') return null;
  const parts = [...bare.matchAll(PART)].map((found) => {
    const [degrees, minutes, seconds] = found[1] ? found.slice(2, 5) : found.slice(5, 8);
    const side = (found[1] ?? found[8] ?? '').toUpperCase();
    const size = Math.abs(Number(degrees)) + Number(minutes ?? 0) / 60 + Number(seconds ?? 0) / 3600;
    const sign = degrees?.startsWith('-') || side === 'S' || side === 'W' ? -1 : 1;
    return { value: size * sign, side };
  });
  const [first, second, alt, acc] = parts;
  if (!first || !second || parts.length > 4) return null;
  const turned = first.side ? 'EW'.includes(first.side) : Math.abs(first.value) > 90 && Math.abs(second.value) <= 90;
  const [lat, lon] = turned ? [second.value, first.value] : [first.value, second.value];
  if (Math.abs(lat) > 90 || Math.abs(lon) > 180) return null;
  return { lat: short(lat, 7), lon: short(lon, 7), alt: alt?.value ?? 0, acc: acc?.value ?? 0 };
}

/** @param {number} value @param {number} digits */
const short = (value, digits) => Number(value.toFixed(digits));

/** As an answer stores it. @param {Place} place */
export const placeText = ({ lat, lon, alt, acc }) => `${short(lat, 7)} ${short(lon, 7)} ${short(alt, 1)} ${short(acc, 1)}`;

/** From the browser's. @param {{latitude: number, longitude: number, altitude: number | null, accuracy: number}} coords @returns {Place} */
export const placeFrom = ({ latitude, longitude, altitude, accuracy }) => ({ lat: latitude, lon: longitude, alt: altitude ?? 0, acc: accuracy });

/** @param {string} value of a geotrace or geoshape @returns {Place[]} without the repeated first point that closes a shape */
export function placesOf(value) {
  const found = value.split(';').map((one) => one.trim()).filter(Boolean).map(placeOf).filter((one) => one !== null);
  const [first, last] = [found[0], found[found.length - 1]];
  if (found.length > 3 && first && last && first.lat === last.lat && first.lon === last.lon) found.pop();
  return found;
}

/** @param {Place[]} places @param {boolean} shape a shape is closed by its first point @returns {string} */
export function placesText(places, shape) {
  const all = shape && places.length > 2 && places[0] ? [...places, places[0]] : places;
  return all.map(placeText).join(';');
}

/**
 * Wanted of a fix: take it at once at accept metres, warn above warn metres.
 * @param {{parameters?: {[name: string]: string}, body?: {[name: string]: string}}} node
 */
export function wantedAccuracy({ parameters = {}, body = {} }) {
  const number = (/** @type {(string | undefined)[]} */ ...texts) => texts.map(Number).find((one) => one > 0);
  return {
    accept: number(parameters['capture-accuracy'], parameters.accuracyThreshold, body.accuracyThreshold) ?? 5,
    warn: number(parameters['warning-accuracy'], parameters.unacceptableAccuracyThreshold, body.unacceptableAccuracyThreshold) ?? 100,
  };
}

/** @param {Place[]} places @returns {[number, number][]} */
const pairs = (places) => places.map(({ lat, lon }) => [lat, lon]);

/**
 * Length, area and whether the border crosses itself.
 * @param {Place[]} places @param {boolean} shape
 */
export function measured(places, shape) {
  const points = pairs(places);
  const first = points[0];
  const ring = shape && first && points.length > 2 ? [...points, first] : points;
  return { metres: distance(ring), square: shape ? area(ring) : 0, crossed: shape && intersects(ring) };
}

/** @param {number} metres @param {boolean} chinese */
export function lengthText(metres, chinese) {
  if (metres < 1000) return `${Math.round(metres)} ${chinese ? '米' : 'm'}`;
  return `${(metres / 1000).toFixed(2)} ${chinese ? '公里' : 'km'}`;
}

/** In 亩, as fields are counted. @param {number} square metres @param {boolean} chinese */
export function areaText(square, chinese) {
  const mu = (square / MU).toFixed(square < MU * 100 ? 2 : 0);
  return chinese ? `${mu} 亩(${Math.round(square)} 平方米)` : `${mu} mu (${Math.round(square)} m²)`;
}

/**
 * The points laid out on a paper, north up.
 * @param {Place[]} places @param {number} width @param {number} height @param {number} margin
 * @returns {{dots: [number, number][], scale: number}} scale: pixels a metre
 */
export function sketched(places, width, height, margin) {
  if (places.length === 0) return { dots: [], scale: 0 };
  const middle = places.reduce((sum, one) => sum + one.lat, 0) / places.length;
  const across = places.map((one) => one.lon * 111_320 * Math.cos((middle * Math.PI) / 180));
  const up = places.map((one) => one.lat * 111_320);
  const [left, right, low, high] = [Math.min(...across), Math.max(...across), Math.min(...up), Math.max(...up)];
  const scale = Math.min((width - 2 * margin) / Math.max(right - left, 1), (height - 2 * margin) / Math.max(high - low, 1));
  return {
    scale,
    dots: places.map((_, i) => [
      short(width / 2 + (/** @type {number} */ (across[i]) - (left + right) / 2) * scale, 1),
      short(height / 2 - (/** @type {number} */ (up[i]) - (low + high) / 2) * scale, 1),
    ]),
  };
}
