/** Which definitions need functions-rare.js. */

const RARE = /"fn","(?:digest|base64-decode|extract-signed|area|distance|geofence|intersects|randomize)"|"randomize":/;

/** @param {import('../types.js').Definition} definition */
export const needsRare = (definition) => RARE.test(JSON.stringify(definition));
