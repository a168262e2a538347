/**
 * Search in the register on the phone: by name, pinyin initials, tail of the ID number, house
 * number, group, head, or the beginning of the household code. 20,000 rows are looked through at once.
 */

/** @typedef {import('./search-row.js').Row} Row */

/** Above this many hits the order of the rows as given is kept: comparing names is slow. */
const FEW = 400;

/** Whether initials of a name begin with these letters. @param {string} name @param {string} letters @param {(character: string) => string} lettersOf */
function soundsLike(name, letters, lettersOf) {
  if (letters.length > name.length) return false;
  for (let i = 0; i < letters.length; i++) if (!lettersOf(name[i]).includes(letters[i])) return false;
  return true;
}

/**
 * How well one word of the query fits a row: 0 not at all, more is better.
 * @param {Row} row @param {string} word lower case
 * @param {((character: string) => string)|undefined} lettersOf
 */
function fit(row, word, lettersOf) {
  if (row.head === word) return 9;
  if (row.head.startsWith(word)) return 8;
  if (row.names.includes(word)) return 7;
  if (row.head.includes(word) || row.names.some((name) => name.includes(word))) return 6;
  if (lettersOf && /^[a-z]+$/.test(word)) {
    if (soundsLike(row.head, word, lettersOf)) return 5;
    if (row.names.some((name) => soundsLike(name, word, lettersOf))) return 4;
  }
  if (row.house_no.toLowerCase() === word || row.group.toLowerCase() === word) return 4;
  if (word.length >= 3 && row.tails.some((tail) => tail.toLowerCase().endsWith(word))) return 3;
  if (row.house_no.toLowerCase().startsWith(word) || row.group.toLowerCase().includes(word)) return 2;
  return word.length >= 4 && row.code.toLowerCase().startsWith(word) ? 1 : 0;
}

/** Whether a query needs the pinyin table. @param {string} query */
export const hasLetters = (query) => /[a-z]/i.test(query);

/**
 * The rows in which every word of the query is found, best first, then by group, house number and head.
 * An empty query gives the first rows in that order.
 * @param {Iterable<Row>} rows @param {string} query @param {number} [limit]
 * @param {(character: string) => string} [lettersOf] from pinyin.js, when it is loaded
 * @returns {Row[]}
 */
export function search(rows, query, limit = 50, lettersOf) {
  const words = query.normalize('NFKC').toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  for (const row of rows) {
    let score = 0;
    for (const word of words) {
      const one = fit(row, word, lettersOf);
      score = one && score >= 0 ? score + one : -1;
      if (score < 0) break;
    }
    if (score >= 0) found.push({ row, score });
  }
  const order = found.length > FEW ? () => 0 : compareRows;
  found.sort((a, b) => b.score - a.score || order(a.row, b.row));
  return found.slice(0, limit).map(({ row }) => row);
}

const byNumber = new Intl.Collator('zh', { numeric: true });

/** 二组 as 2组, 十二组 as 12组, so that groups stand in order. @param {string} name */
function withDigits(name) {
  return name.replace(/([一二三四五六七八九]?)(十?)([一二三四五六七八九]?)/g, (all, tens, ten, ones) => {
    if (!all) return '';
    const value = (/** @type {string} */ digit) => '一二三四五六七八九'.indexOf(digit) + 1;
    if (!ten) return `${tens && value(tens)}${ones && value(ones)}`;
    return String((tens ? value(tens) : 1) * 10 + (ones ? value(ones) : 0));
  });
}

/** Order of lists: group, house number, head. @param {Row} a @param {Row} b */
export function compareRows(a, b) {
  return byNumber.compare(withDigits(a.group), withDigits(b.group)) || byNumber.compare(a.house_no, b.house_no) || byNumber.compare(a.head, b.head);
}
