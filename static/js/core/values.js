/**
 * The four value types of expressions and the ways from one to another.
 * A node-set is an array of nodes; node values are stored text.
 * @import {XNode, Value} from '../types.js'
 */

import { calendarDays } from './dates.js';

/** A mistake in an expression or in what it was given; callers decide what it means for the question. */
export class ExpressionError extends Error {}

/** @param {string} message @returns {never} */
export function fail(message) {
  throw new ExpressionError(message);
}

/** What an expression reads from a node: nothing while it is not relevant. @param {XNode} node */
export function textOf(node) {
  return node.rel === false || node.void ? '' : node.v ?? '';
}

/** A number as text: no exponent, no negative zero. @param {number} n */
export function numberText(n) {
  const text = String(n || (n === 0 ? 0 : n));
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!match) return text;
  const [, sign, first, rest = '', exponent] = match;
  const digits = first + rest;
  const power = Number(exponent);
  return sign + (power < 0 ? '0.' + '0'.repeat(-power - 1) + digits : digits.padEnd(power + 1, '0'));
}

/** @param {Value} value @returns {string} */
export function toText(value) {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'boolean') return String(value);
  return value.length ? textOf(value[0]) : '';
}

/** @param {Value} value @returns {number} */
export function toNumber(value) {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  const text = toText(value).trim();
  if (/^-?(\d+\.?\d*|\.\d+)$/.test(text)) return Number(text);
  return calendarDays(text);
}

/** @param {Value} value @returns {boolean} */
export function toBoolean(value) {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return value !== 0 && !Number.isNaN(value);
  if (typeof value === 'string') return value !== '';
  return value.some((node) => node.rel !== false);
}

/** The relevant nodes of a node-set; anything else is an error. @param {Value} value @returns {XNode[]} */
export function nodes(value) {
  if (!Array.isArray(value)) fail('a node-set is needed here');
  return value.filter((node) => node.rel !== false);
}

/** Texts of all arguments, node-sets spread out. @param {Value[]} values @returns {string[]} */
export function allTexts(values) {
  return values.flatMap((value) => (Array.isArray(value) ? nodes(value).map(textOf) : [toText(value)]));
}

/** The form in which a calculation's result is kept: NaN is blank, half a character U+FFFD. @param {Value} value */
export function stored(value) {
  return typeof value === 'number' && Number.isNaN(value) ? '' : toText(value).replace(/\p{Cs}/gu, '\ufffd');
}
