/**
 * One widget a question: shows a value in the controls the page came with, and reports what a
 * person does with them. Heavy ones load when they are first needed.
 */

import { choicesWidget } from './choices.js';
import { numberWidget, textWidget } from './fields.js';
import { laterWidget } from './later.js';
import { menuWidget } from './menu.js';

/** @typedef {import('../form-types.d.ts').DefinitionNode} DefinitionNode */
/** @typedef {import('../form-types.d.ts').Choice} Choice */
/** @typedef {import('../form-types.d.ts').StoredBlob} StoredBlob */
/**
 * set: an answer given, on disk now. typing: on disk shortly. files: stores a file and answers its name.
 * advance: on to the next question. decorate: shows the pictures in a part that was just made. fileOf: a media file's
 * name in the language of now. beforeCamera: everything on disk before the page may be killed. flush: what is still in the hand becomes an
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
 *   advance?: () => void,
 *   decorate?: (part: HTMLElement) => void,
 *   fileOf?: (names: unknown) => string,
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
  const own = { keep: true };
  if (type === 'rank') return laterWidget(question, host, () => import('./rank.js').then((one) => one.rankWidget), own);
  if (question.querySelector('.finder')) return laterWidget(question, host, () => import('./find.js').then((one) => one.findWidget), own);
  if (question.querySelector('.header')) return null;
  if (question.querySelector('select')) return menuWidget(question, host);
  if (question.querySelector('.choices .rows')) return choicesWidget(question, host);
  const dated = { date: 'dateWidget', time: 'timeWidget', dateTime: 'dateTimeWidget' }[type];
  if (dated) return laterWidget(question, host, () => import('./date.js').then((one) => /** @type {any} */ (one)[dated]), own);
  if (type === 'range') return laterWidget(question, host, () => import('./range.js').then((one) => one.rangeWidget), own);
  if (type === 'integer' && appearance.includes('counter')) return laterWidget(question, host, () => import('./range.js').then((one) => one.counterWidget), own);
  if (type === 'integer' || type === 'decimal') return numberWidget(question, host);
  if (question.querySelector('input:not([type=file]), textarea')) return textWidget(question, host);
  return null;
}
