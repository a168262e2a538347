/** Which definitions need functions-rare.js. */

const RARE = /"fn","(?:digest|base64-decode|extract-signed|area|distance|geofence|intersects|randomize)"|"randomize":|"fn","regex".*\)[*+{]/;

/** Of a choice only a text with moving parts can hold an expression; there may be thousands of choices. @param {any} text */
const moves = (text) => typeof text !== 'string' && RARE.test(JSON.stringify(text));

/** @param {import('../types.js').Definition} definition */
export const needsRare = ({ lists, ...rest }) => RARE.test(JSON.stringify(rest))
  || Object.values(lists ?? {}).some((list) => list.some(({ label }) => Object.values(label ?? {}).some(moves)));
