/**
 * Asking the checks of one household, or of one visit, as forms/rules/running.py does;
 * tests/vectors/rules.json holds both together.
 * @import {Tree, XNode, Env} from '../types.js'
 */

import { ExpressionError, evaluate } from './evaluate.js';
import { membersFacts } from './facts.js';
import { toBoolean } from './values.js';

/**
 * @typedef {{name: string, over: 'household'|'member'|'visit', severity: 'block'|'query'|'flag', when: Tree,
 *   fields: string[], message: Record<string, string>, todo: Record<string, string>}} Rule
 * @typedef {{rules: Rule[], limits: Record<string, string>, off?: string[], hash: string}} RuleSet
 * @typedef {Record<string, string>} Fields
 * @typedef {{rule: string, member: string}} Finding  member: '' for the household
 */

/** Children by name, made when they are first asked for; a text that is not there reads as ''. */
class Kids {
  /** @param {XNode} up @param {Fields} texts */
  constructor(up, texts) {
    this.up = up;
    this.texts = texts;
    /** @type {Map<string, any>} */
    this.made = new Map();
  }

  /** @param {string} name */
  get(name) {
    let kid = this.made.get(name);
    if (!kid) {
      kid = { name, v: this.texts[name] ?? '', up: this.up };
      this.made.set(name, kid);
    }
    return kid;
  }

  /** @param {string} name @param {any} kid */
  set(name, kid) {
    this.made.set(name, kid);
  }

  keys() {
    return this.made.keys();
  }
}

/** @param {string} name @param {XNode | undefined} up @param {Fields} texts @returns {any} */
function thing(name, up, texts) {
  /** @type {any} */
  const node = { name, up };
  node.kids = new Kids(node, texts);
  return node;
}

/**
 * What is true of a household and its members, the household first.
 * @param {RuleSet} set @param {Fields} household @param {(Fields & {id: string})[]} members every one ever listed
 * @param {{now: Date, today: string, last?: Fields}} at today: the local date
 * @returns {Finding[]}
 */
export function checkHousehold(set, household, members, { now, today, last = {} }) {
  const root = rootOf(set, household, last);
  const facts = membersFacts(members, today);
  const people = members.map((member, place) => thing('member', root, { ...member, ...facts[place] }));
  root.kids.set('member', { name: 'member', list: people, up: root });
  const env = envOf(root, now);
  return [
    ...trueOnes(set, 'household', env, root).map((rule) => ({ rule, member: '' })),
    ...members.flatMap((member, place) => trueOnes(set, 'member', env, people[place]).map((rule) => ({ rule, member: member.id }))),
  ];
}

/** What is true of how a visit was made. @param {RuleSet} set @param {Fields} facts @param {Date} now @returns {Finding[]} */
export function checkVisit(set, facts, now) {
  const root = rootOf(set, facts, {});
  return trueOnes(set, 'visit', envOf(root, now), root).map((rule) => ({ rule, member: '' }));
}

/** @param {RuleSet} set @param {Fields} texts @param {Fields} last */
function rootOf(set, texts, last) {
  const root = thing('data', undefined, texts);
  root.kids.set('last', thing('last', root, last));
  root.kids.set('limit', thing('limit', root, set.limits));
  return root;
}

/** Rules without an answer for these values (a date that is none) say nothing. @param {RuleSet} set @param {string} over @param {Env} env @param {XNode} node */
function trueOnes(set, over, env, node) {
  return set.rules.filter((rule) => rule.over === over && !set.off?.includes(rule.name) && isTrue(rule.when, env, node)).map((rule) => rule.name);
}

/** @param {Tree} when @param {Env} env @param {XNode} node */
function isTrue(when, env, node) {
  try {
    return toBoolean(evaluate(when, env, node));
  } catch (error) {
    if (error instanceof ExpressionError) return false;
    throw error;
  }
}

/** @param {XNode} root @param {Date} now @returns {Env} */
function envOf(root, now) {
  return {
    root, version: '', now: () => now.getTime(), random: () => 0, ids: () => '',
    instance: () => { throw new ExpressionError('rules know no lists'); }, choiceName: (value) => value,
  };
}
