/**
 * One widget a question: shows a value in the controls the page came with, and reports what a
 * person does with them. Heavy ones load when they are first needed.
 */

import { choicesWidget } from './choices.js';
import { dateWidget } from './date.js';
import { numberWidget, textWidget } from './fields.js';
import { geopointWidget } from './geopoint.js';
import { photoWidget } from './photo.js';
import { rankWidget } from './rank.js';
import { selectWidget } from './select-search.js';
import { signatureWidget } from './signature.js';

/** @typedef {import('../form-types.d.ts').DefinitionNode} DefinitionNode */
/** @typedef {import('../form-types.d.ts').Choice} Choice */
/** @typedef {import('../form-types.d.ts').StoredBlob} StoredBlob */
/**
 * set: an answer given, on disk now. typing: on disk shortly. keep: stores a file and answers its name.
 * beforeCamera: everything on disk before the page may be killed. flush: what is still in the hand becomes an answer.
 * @typedef {{
 *   node: DefinitionNode,
 *   t: (zh: string, vars?: {[name: string]: string | number}) => string,
 *   set: (value: string) => void,
 *   typing: (value: string) => void,
 *   keep: (bytes: Blob, extension: string) => Promise<string>,
 *   open: (name: string) => Promise<Blob | null>,
 *   beforeCamera: () => Promise<unknown>,
 *   choices: () => Choice[],
 * }} Host
 * @typedef {{
 *   show: (value: string) => void,
 *   lock?: (readonly: boolean) => void,
 *   offer?: (choices: Choice[]) => void,
 *   flush?: () => Promise<unknown>,
 *   destroy?: () => void,
 * }} Widget
 */

/**
 * @param {HTMLElement} question @param {Host} host
 * @returns {Widget | null} null for what takes no answer
 */
export function widgetFor(question, host) {
  const { type, appearance = [] } = host.node;
  if (type === 'image' || type === 'draw') {
    const drawn = type === 'draw' || ['signature', 'draw', 'annotate'].some((word) => appearance.includes(word));
    return drawn ? signatureWidget(question, host) : photoWidget(question, host);
  }
  if (type === 'geopoint') return geopointWidget(question, host);
  if (type === 'rank') return rankWidget(question, host);
  if (question.querySelector('select')) return selectWidget(question, host);
  if (question.querySelector('input[type=radio], input[type=checkbox]')) return choicesWidget(question, host);
  if (type === 'date') return dateWidget(question, host);
  if (type === 'integer' || type === 'decimal') return numberWidget(question, host);
  if (question.querySelector('input:not([type=file]), textarea')) return textWidget(question, host);
  return null;
}
