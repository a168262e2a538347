/**
 * How the fields of an op relate to what is there: three-way, per field, groups as one.
 * The same rule is in sync/conflict.py; both read tests/vectors/merge.json.
 */

/** Fields that mean nothing apart: half of a changed pair would name another person or day. */
const GROUPS = [['head_name', 'head_id_no'], ['full_name', 'id_no'], ['status', 'status_date']];

/** @typedef {Record<string, {old?: any, new?: any}>} Changes */

/** null and '' are both "unknown". @param {any} a @param {any} b @returns {boolean} */
function equal(a, b) {
  if ((a ?? '') === (b ?? '')) return true;
  return typeof a === 'object' && typeof b === 'object' && !!a && !!b && JSON.stringify(a) === JSON.stringify(b);
}

/** @param {any} head @param {{old?: any, new?: any}} change */
function verdict(head, change) {
  if (equal(change.old, change.new)) return equal(head, change.new) ? 'same' : 'stale';
  if (equal(head, change.old)) return 'set';
  return equal(head, change.new) ? 'same' : 'conflict';
}

/**
 * set: values to write; same: names already so, or confirmed; conflicts: one list of names a unit.
 * An unchanged field (old equals new) confirms the head when it is the same and is silent when it is
 * not, except in a group whose other field changes: then the whole pair conflicts.
 * @param {Record<string, any>} head
 * @param {Changes} changes
 */
export function merge(head, changes) {
  /** @type {{set: Record<string, any>, same: string[], conflicts: string[][]}} */
  const merged = { set: {}, same: [], conflicts: [] };
  const done = new Set();
  for (const name of Object.keys(changes)) {
    if (done.has(name)) continue;
    const group = GROUPS.find((names) => names.includes(name));
    const unit = group ? group.filter((each) => each in changes) : [name];
    unit.forEach((each) => done.add(each));
    const verdicts = unit.map((each) => verdict(head[each], changes[each]));
    if (verdicts.includes('conflict') || (verdicts.includes('set') && verdicts.includes('stale'))) {
      merged.conflicts.push(unit.filter((each) => !equal(changes[each].old, changes[each].new)));
      continue;
    }
    unit.forEach((each, i) => {
      if (verdicts[i] === 'set') merged.set[each] = changes[each].new ?? '';
      else if (verdicts[i] === 'same') merged.same.push(each);
    });
  }
  return merged;
}
