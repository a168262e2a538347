/**
 * What a finished form says about the register: its entities sheet and save_to columns, applied.
 * The server derives the same again (forms/entities.py).
 * @import {Definition, EntityChange, EntityDefinition, Instance, Tree, XNode} from '../types.js'
 */

import { ExpressionError, textOf, toBoolean, toText } from './values.js';

/**
 * The changes in the order of the entities sheet, instances in order.
 * Only relevant answers are saved. A field that stays as it was is there too, with old equal to new:
 * the visit confirms it. What was and stays blank is not, and a new record has no blank fields.
 * @param {Definition} definition
 * @param {Instance} instance  finished
 * @param {Record<string, {id: string, fields: Record<string, any>}[]>} base  records as they were when the form was opened, by list
 * @returns {EntityChange[]}
 */
export function changes(definition, instance, base) {
  return (definition.entities ?? []).flatMap((entity) =>
    instance.instancesOf(entity.scope)
      .filter((scope) => instance.isRelevant(scope))
      .map((scope) => changeOf(entity, scope, instance, base[entity.list] ?? []))
      .filter((change) => change !== null));
}

/**
 * @param {EntityDefinition} entity @param {string} scope path of the group or repeat instance
 * @param {Instance} instance @param {{id: string, fields: Record<string, any>}[]} records
 * @returns {EntityChange|null}
 */
function changeOf(entity, scope, instance, records) {
  /** @param {Tree|null|undefined} tree */
  const given = (tree) => tree !== null && tree !== undefined;
  /** An expression that fails must not keep a form from being finished. @param {Tree|null|undefined} tree */
  const valueOf = (tree) => {
    try {
      return given(tree) ? instance.evaluate(/** @type {Tree} */ (tree), scope) : '';
    } catch (error) {
      if (error instanceof ExpressionError) return '';
      throw error;
    }
  };
  /** @param {Tree|null|undefined} tree */
  const holds = (tree) => toBoolean(valueOf(tree));

  const updates = given(entity.update_if) ? holds(entity.update_if) : given(entity.entity_id) && !given(entity.create_if);
  const creates = !updates && (given(entity.create_if) ? holds(entity.create_if) : !given(entity.entity_id));
  if (!updates && !creates) return null;
  const id = toText(valueOf(given(entity.entity_id) ? entity.entity_id : ['fn', 'uuid'])).trim();
  if (!id) return null;

  const before = updates ? records.find((record) => record.id === id)?.fields ?? {} : {};
  /** @type {EntityChange['fields']} */
  const fields = {};
  for (const [property, path] of Object.entries(entity.save_to)) {
    const [node] = /** @type {XNode[]} */ (instance.evaluate(['ref', path], scope));
    if (!node || node.rel === false) continue;
    const now = textOf(node);
    const old = before[property] ?? '';
    if (updates && (old !== '' || now !== '')) fields[property] = { old, new: now };
    else if (!updates && now !== '') fields[property] = { old: null, new: now };
  }
  return { entity: entity.list, id, kind: updates ? 'update' : 'create', fields };
}
