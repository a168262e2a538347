/**
 * Lists outside the form: register records, choice lists and attached tables, read by `instance('x')`.
 * @import {ExternalInstance, XNode} from '../types.js'
 */

/**
 * @param {Record<string, string>[]} rows
 * @returns {ExternalInstance & {items: XNode[]}}
 */
export function externalInstance(rows) {
  /** @type {XNode} */
  const root = { name: 'root' };
  /** @type {XNode} */
  const document = { name: '', kids: new Map([['root', root]]) };
  root.up = document;
  const items = rows.map((row, at) => ({ name: 'item', up: root, row, at }));
  /** @type {XNode} */
  const list = { name: 'item', up: root, list: items };
  for (const item of /** @type {XNode[]} */ (items)) item.slot = list;
  root.kids = new Map([['item', list]]);
  /** @type {Map<string, Map<string, XNode[]>>} */
  const indexes = new Map();

  /** @param {string} column */
  function indexOf(column) {
    let index = indexes.get(column);
    if (!index) {
      index = new Map();
      for (const item of items) {
        const key = item.row[column];
        if (key === undefined) continue;
        const bucket = index.get(key);
        if (bucket) bucket.push(item);
        else index.set(key, [item]);
      }
      indexes.set(column, index);
    }
    return index;
  }

  return { document, items, find: (column, text) => indexOf(column).get(text) ?? [] };
}
