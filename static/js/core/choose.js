/**
 * Finding in a long list of choices: by words of the label, by the stored value, or by pinyin initials from any
 * character on. Five thousand are looked through at each key.
 */

/** @typedef {{name: string, label: string}} Named */

/** @param {string} label @param {string} letters @param {(character: string) => string} lettersOf @returns {number} 3 from its beginning, 2 further in, 0 not */
function soundsLike(label, letters, lettersOf) {
  for (let start = 0; start + letters.length <= label.length; start++) {
    let i = 0;
    while (i < letters.length && lettersOf(/** @type {string} */ (label[start + i])).includes(/** @type {string} */ (letters[i]))) i++;
    if (i === letters.length) return start === 0 ? 3 : 2;
  }
  return 0;
}

/** @param {Named} choice @param {string} word lower case @param {((character: string) => string) | undefined} lettersOf */
function fit(choice, word, lettersOf) {
  const label = choice.label.toLowerCase();
  const name = choice.name.toLowerCase();
  if (label === word || name === word) return 9;
  if (label.startsWith(word)) return 7;
  if (label.includes(word)) return 5;
  if (name.startsWith(word)) return 4;
  const sound = lettersOf && /^[a-z]+$/.test(word) ? soundsLike(label, word, lettersOf) : 0;
  return sound || (name.includes(word) ? 1 : 0);
}

/**
 * The choices in which every word of the query is found, best first, otherwise in their own order.
 * @template {Named} C
 * @param {C[]} choices @param {string} query @param {number} limit
 * @param {(character: string) => string} [lettersOf] from pinyin.js, when it is loaded
 * @returns {{hits: C[], count: number}} the first of them, and how many there are
 */
export function choose(choices, query, limit, lettersOf) {
  const words = query.normalize('NFKC').toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return { hits: choices.slice(0, limit), count: choices.length };
  /** @type {{choice: C, score: number}[]} */
  const found = [];
  for (const choice of choices) {
    let score = 0;
    for (const word of words) {
      const one = fit(choice, word, lettersOf);
      score = one && score >= 0 ? score + one : -1;
      if (score < 0) break;
    }
    if (score >= 0) found.push({ choice, score });
  }
  found.sort((a, b) => b.score - a.score);
  return { hits: found.slice(0, limit).map(({ choice }) => choice), count: found.length };
}
