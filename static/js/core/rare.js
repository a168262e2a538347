/** Which definitions need functions-rare.js. */

const RARE = /"(?:digest|base64-decode|extract-signed|area|distance|geofence|intersects|randomize)"/;

/** @param {import('../types.js').Definition} definition */
export const needsRare = (definition) => RARE.test(JSON.stringify(definition));
