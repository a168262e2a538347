/**
 * The definition as a tree, with every expression's place in the order of evaluation.
 * @import {Definition, Schema} from '../types.js'
 */

const PARTS = ['calculation', 'relevant', 'required', 'readonly', 'count', 'choice_filter'];

/** @param {Definition} definition */
export function buildSchema(definition) {
  /** @type {Schema} */
  const schema = {
    path: definition.root, name: definition.root.slice(1), kind: 'group', parent: '', children: [], parts: [], repeated: false,
  };
  /** @type {Map<string, Schema>} */
  const byPath = new Map([[schema.path, schema]]);
  /** @type {Map<string, Schema>} */
  const byName = new Map();
  /** trigger's path → the nodes it sets @type {Map<string, Schema[]>} */
  const triggered = new Map();
  const order = new Map(definition.order.map(([path, part], i) => [`${path} ${part}`, i]));
  let ranks = order.size;

  for (const node of definition.nodes) {
    const above = byPath.get(node.parent);
    /** @type {Schema} */
    const d = { ...node, children: [], parts: [], repeated: Boolean(above?.repeated || above?.kind === 'repeat') };
    byPath.set(d.path, d);
    byName.set(d.name, d);
    above?.children.push(d);
    for (const trigger of d.trigger ?? []) triggered.set(trigger, [...(triggered.get(trigger) ?? []), d]);
    for (const part of PARTS) {
      if (/** @type {any} */ (d)[part] === undefined && !(part === 'choice_filter' && d.items?.repeat)) continue;
      if (part === 'calculation' && d.trigger?.length) continue;
      d.parts.push([part, order.get(`${d.path} ${part}`) ?? ranks++]);
    }
  }
  return { schema, byPath, byName, triggered, ranks };
}
