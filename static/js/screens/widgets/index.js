/**
 * One widget a question: shows a value in the controls the page came with, and reports what a
 * person does with them. Heavy ones load when they are first needed.
 */

import { choicesWidget } from './choices.js';
import { dateWidget } from './date.js';
import { numberWidget, textWidget } from './fields.js';
import { laterWidget } from './later.js';
import { rankWidget } from './rank.js';
import { selectWidget } from './select-search.js';

/** @typedef {import('../form-types.d.ts').DefinitionNode} DefinitionNode */
/** @typedef {import('../form-types.d.ts').Choice} Choice */
/** @typedef {import('../form-types.d.ts').StoredBlob} StoredBlob */
/**
 * set: an answer given, on disk now. typing: on disk shortly. files: stores a file and answers its name.
 * beforeCamera: everything on disk before the page may be killed. flush: what is still in the hand becomes an
 * answer; false when it could not be kept. stay: the person stays on this page, so a recording goes on.
 * @typedef {{
 *   node: DefinitionNode,
 *   t: (zh: string, vars?: {[name: string]: string | number}) => string,
 *   set: (value: string) => void,
 *   typing: (value: string) => void,
 *   path: string,
 *   files: import('../form-files.js').Files,
 *   beforeCamera: () => Promise<unknown>,
 *   choices: () => Choice[],
 * }} Host
 * @typedef {{
 *   show: (value: string) => void,
 *   lock?: (readonly: boolean) => void,
 *   offer?: (choices: Choice[]) => void,
 *   flush?: (stay?: boolean) => Promise<unknown>,
 *   destroy?: () => void,
 * }} Widget
 */

/**
 * What a first screen seldom shows loads when it is met.
 * @typedef {(question: HTMLElement, host: Host) => Widget} Make
 * @type {{[type: string]: (appearance: string[]) => Promise<Make>}}
 */
const LATER = {
  image: (appearance) => (['signature', 'draw', 'annotate'].some((word) => appearance.includes(word))
    ? import('./drawing.js').then((one) => one.drawingWidget) : import('./photo.js').then((one) => one.photoWidget)),
  draw: () => import('./drawing.js').then((one) => one.drawingWidget),
  audio: () => import('./recorded.js').then((one) => one.recordedWidget),
  video: () => import('./recorded.js').then((one) => one.recordedWidget),
  file: () => import('./file.js').then((one) => one.fileWidget),
  barcode: () => import('./barcode.js').then((one) => one.barcodeWidget),
  geopoint: () => import('./geopoint.js').then((one) => one.geopointWidget),
  geotrace: () => import('./geotrace.js').then((one) => one.geotraceWidget),
  geoshape: () => import('./geotrace.js').then((one) => one.geotraceWidget),
};
LATER.signature = LATER.annotate = LATER.image;

/**
 * @param {HTMLElement} question @param {Host} host
 * @returns {Widget | null} null for what takes no answer
 */
export function widgetFor(question, host) {
  const { type, appearance = [] } = host.node;
  const later = LATER[type];
  if (later) return laterWidget(question, host, () => later(appearance));
  if (type === 'rank') return rankWidget(question, host);
  if (question.querySelector('select')) return selectWidget(question, host);
  if (question.querySelector('input[type=radio], input[type=checkbox]')) return choicesWidget(question, host);
  if (type === 'date') return dateWidget(question, host);
  if (type === 'integer' || type === 'decimal') return numberWidget(question, host);
  if (question.querySelector('input:not([type=file]), textarea')) return textWidget(question, host);
  return null;
}
