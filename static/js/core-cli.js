/**
 * The evaluator on the command line, for the vectors: reads prepared cases, one JSON object a line,
 * and writes one answer a line. `node static/js/core-cli.js eval|play`. Python prepares the cases,
 * for it alone parses (forms/vectors.py).
 * @import {Answers, Definition, Finished, Instance, Tree} from './types.js'
 */

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { createInstance } from './core/instance.js';
import './core/functions-rare.js';
import { toText } from './core/values.js';

/** @param {number} n */
const jsonNumber = (n) => (Number.isFinite(n) ? n + 0 : String(n));

/** ids that are valid and never the same twice; tests look at their form only. */
function counterIds() {
  let n = 0;
  return () => `00000000-0000-4000-8000-${(++n * 7919).toString(16).padStart(12, '0')}`;
}

/** @param {string|null|undefined} tz @param {string|null|undefined} now */
function clockOf(tz, now) {
  process.env.TZ = tz || 'UTC';
  return now ? Date.parse(now) : Date.now();
}

/** @param {any} prepared */
export function evaluateCase({ id, definition, answers, at, tree, now, tz, lang, external }) {
  try {
    const instance = createInstance(definition, {
      now: clockOf(tz, now), answers, external, ids: counterIds(), random: Math.random, lang: lang ?? undefined,
    });
    const value = instance.evaluate(tree, at);
    if (typeof value === 'number') return { id, value: jsonNumber(value), type: 'number' };
    if (typeof value === 'boolean') return { id, value, type: 'boolean' };
    return { id, value: toText(value), type: 'string' };
  } catch (error) {
    return { id, error: String(/** @type {Error} */ (error).message) };
  }
}

/** What an `expect` block asks of the instance. @param {Instance} form @type {Record<string, (form: Instance, path: string) => any>} */
const QUESTIONS = {
  values: (form, path) => form.value(path),
  relevant: (form, path) => form.isRelevant(path),
  readonly: (form, path) => form.isReadonly(path),
  required: (form, path) => form.isRequired(path),
  count: (form, path) => form.count(path),
  choices: (form, path) => form.choices(path).map((choice) => choice.name),
  choice_labels: (form, path) => form.choices(path).map((choice) => choice.label),
  label: (form, path) => form.label(path),
  hint: (form, path) => form.hint(path),
  violation: (form, path) => form.violation(path)?.code ?? null,
  message: (form, path) => form.violation(path)?.message ?? null,
};

/** Everything a person could see now, by path. @param {Instance} form */
function look(form) {
  const kinds = new Map(form.definition.nodes.map((node) => [node.path, node]));
  const paths = form.paths();
  const selects = paths.filter((path) => {
    const node = kinds.get(path.replace(/\[\d+\]/g, ''));
    return node?.list !== undefined || node?.items !== undefined;
  });
  const seen = found(form, Object.fromEntries(['values', 'relevant', 'readonly', 'required', 'label', 'violation', 'message']
    .map((what) => [what, paths])));
  return { ...seen, ...found(form, { choices: selects, choice_labels: selects }) };
}

/** @param {Instance} form @param {any} block */
function found(form, block) {
  return Object.fromEntries(Object.entries(block).map(([what, paths]) => {
    const names = Array.isArray(paths) ? paths : Object.keys(paths);
    const ask = QUESTIONS[what];
    return [what, ask ? Object.fromEntries(names.map((path) => [path, ask(form, path)])) : null];
  }));
}

/** Path → text of everything in the answers. @param {Answers} answers @param {string} above @param {Record<string, string>} flat */
function flatten(answers, above, flat) {
  for (const [name, value] of Object.entries(answers)) {
    if (typeof value === 'string') flat[`${above}/${name}`] = value;
    else if (Array.isArray(value)) value.forEach((each, i) => flatten(each, `${above}/${name}[${i + 1}]`, flat));
    else flatten(value, `${above}/${name}`, flat);
  }
  return flat;
}

/** @param {Instance} form @param {Finished} finished */
function submissionOf(form, finished) {
  const flat = flatten(finished.answers, form.definition.root, {});
  if (form.definition.instance_name) flat[`${form.definition.root}/meta[1]/instanceName`] = finished.instanceName;
  const top = (form.definition.entities ?? []).find((each) => each.scope === form.definition.root);
  if (top?.label !== null && top?.label !== undefined) {
    flat[`${form.definition.root}/meta[1]/entity[1]/label`] = toText(form.evaluate(top.label, form.definition.root));
  }
  return flat;
}

/** @param {Instance} form @param {any} step */
function play(form, step) {
  if (step.expect && !step.do) return found(form, step.expect);
  switch (step.do) {
    case 'set':
      return { result: form.set(step.path, step.value) };
    case 'add_repeat':
      return { result: form.addRepeat(step.path) ? 'ok' : 'not allowed' };
    case 'remove_repeat':
      return { result: form.removeRepeat(step.path) ? 'ok' : 'not allowed' };
    case 'language':
      form.setLanguage(step.lang);
      return { result: 'ok' };
    case 'finalize': {
      const finished = form.finalize();
      const violations = Object.fromEntries(finished.violations.map(({ path, code }) => [path, code]));
      return { form_valid: finished.valid, violations, submission: submissionOf(form, finished) };
    }
  }
  if (step.do === 'look') return look(form);
  return { result: 'unknown step' };
}

/** A step that cannot be taken says so; the others are taken all the same. @param {Instance} form @param {any} step */
function taken(form, step) {
  try {
    return play(form, step);
  } catch (error) {
    return { result: 'error', error: String(/** @type {Error} */ (error).message) };
  }
}

/** @param {any} prepared */
export function playCase({ id, definition, steps, now, tz, external, prefill }) {
  try {
    const form = createInstance(definition, { now: clockOf(tz, now), external, prefill, ids: counterIds(), random: Math.random });
    return { id, steps: steps.map((/** @type {any} */ step) => taken(form, step)) };
  } catch (error) {
    return { id, load_error: String(/** @type {Error} */ (error).message) };
  }
}

/** @param {string} command */
function main(command) {
  if (command === 'serve') {
    // One scenario a line, answered at once: for holding the two engines against each other.
    createInterface({ input: process.stdin }).on('line', (line) => process.stdout.write(JSON.stringify(playCase(JSON.parse(line))) + '\n'));
    return;
  }
  const run = { eval: evaluateCase, play: playCase }[command];
  if (!run) {
    console.error('usage: core-cli.js eval|play < cases');
    process.exitCode = 2;
    return;
  }
  const lines = readFileSync(0, 'utf8').split('\n').filter((line) => line.trim());
  process.stdout.write(lines.map((line) => JSON.stringify(run(JSON.parse(line))) + '\n').join(''));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv[2] ?? '');
