/**
 * The little Markdown that XLSForm allows in labels and hints, as a tree: bold, italics, headings, lists, links,
 * colours. What an author wrote is text unless it is one of those. app/markup.py is the same rule for the server's
 * pages; tests/vectors/markup.json holds the two together.
 */

/** A text, the number of a value, or an element: its tag, what it needs (class or address), what is inside.
 * @typedef {string | number | [string, string, Piece[]]} Piece */

const VALUE = '\ue000';
const LONGEST = 5_000;
const DEEPEST = 8;
const PLAIN = /[^\\*_[<\n#\d\-\ue000]*/y;
const BLOCK = /^ *(?:(#{1,6}) +|([-*]|\d{1,3}\.) +)(?=\S)(.*)$/;
const ESCAPED = /\\([\\*_#[\]()<>.-])/y;
const STRONG = /\*\*(?=\S)(.+?)\*\*(?!\*)|__(?=\S)(.+?)__(?!_)/y;
const EMPHASIS = /\*(?=[^\s*])(.+?)\*|_(?=[^\s_])(.+?)_(?![A-Za-z0-9_])/y;
const LINK = /\[([^\]\n]+)\]\(((?:https?:\/\/|mailto:|tel:)[^\s()<>"]+)\)/y;
const TAG = /<(\/?)([A-Za-z][A-Za-z0-9]*)((?:\s[^<>]*)?)\/?>/y;
const TAGS_IN = new RegExp(TAG.source, 'g');
const COLOUR = /(?:^|[\s;"'])color\s*[:=]\s*["']?\s*([#A-Za-z0-9(),.% ]+)/i;
const RGB = /^rgba?\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})/;
/** @type {Record<string, string>} */
const TAGS = { b: 'strong', strong: 'strong', i: 'em', em: 'em', u: 'u', span: 'span', font: 'span' };
/** @type {Record<string, string>} */
const NAMED = {
  black: '000000', blue: '0000ff', brown: 'a52a2a', crimson: 'dc143c', cyan: '00ffff', darkblue: '00008b',
  darkgreen: '006400', darkred: '8b0000', fuchsia: 'ff00ff', gold: 'ffd700', gray: '808080', green: '008000',
  grey: '808080', lime: '00ff00', magenta: 'ff00ff', maroon: '800000', navy: '000080', olive: '808000',
  orange: 'ffa500', orangered: 'ff4500', pink: 'ffc0cb', purple: '800080', red: 'ff0000', silver: 'c0c0c0',
  teal: '008080', tomato: 'ff6347', violet: 'ee82ee', white: 'ffffff', yellow: 'ffff00',
};
/** Upper end of each hue in degrees. @type {[number, string][]} */
const HUES = [[15, 'red'], [42, 'orange'], [70, 'yellow'], [165, 'green'], [195, 'teal'], [255, 'blue'], [290, 'purple'], [345, 'pink'], [361, 'red']];

/** @param {RegExp} pattern @param {string} text @param {number} at */
function matchAt(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/**
 * A text, strings and values in turn, as pieces; values are counted from 0.
 * @param {(string | object)[]} parts @returns {Piece[]}
 */
export function pieces(parts) {
  const joined = parts.map((part) => (typeof part === 'string' ? part.split(VALUE).join('') : VALUE)).join('');
  if (joined.length > LONGEST) return [joined.split(VALUE).join('…')];
  let count = 0;
  const value = () => count++;
  /** @type {Piece[]} */
  const made = [];
  joined.replace(/^[\r\n]+|[\r\n]+$/g, '').split(/\r\n|\r|\n/).forEach((line, number) => {
    if (number) made.push(['br', '', []]);
    const found = BLOCK.exec(line);
    if (found?.[1]) made.push(['span', `md-h${found[1].length}`, inline(found[3] ?? '', value, 0)]);
    else if (found) made.push(['span', 'md-li', [`${'-*'.includes(found[2] ?? '') ? '•' : found[2]} `, ...inline(found[3] ?? '', value, 0)]]);
    else made.push(...inline(line, value, 0));
  });
  const block = (/** @type {Piece | undefined} */ piece) => Array.isArray(piece) && /^md-[hl]/.test(piece[1]);
  return made.filter((piece, i) => !(Array.isArray(piece) && piece[0] === 'br' && (block(made[i - 1]) || block(made[i + 1]))));
}

/** @param {string} text @param {() => number} value @param {number} depth @returns {Piece[]} */
function inline(text, value, depth) {
  /** @type {Piece[]} */
  const made = [];
  let words = '';
  const flush = () => {
    if (words) made.push(words);
    words = '';
  };
  for (let at = 0; at < text.length;) {
    const plain = matchAt(PLAIN, text, at)?.[0];
    if (plain) {
      words += plain;
      at += plain.length;
      continue;
    }
    const found = construct(text, at, value, depth);
    if (!found) {
      words += text[at++];
      continue;
    }
    const [end, piece] = found;
    if (typeof piece === 'string') words += piece;
    else {
      flush();
      if (piece !== null) made.push(piece);
    }
    at = end;
  }
  flush();
  return made;
}

/** @param {string} text @param {number} at @param {() => number} value @param {number} depth @returns {[number, Piece | null] | null} */
function construct(text, at, value, depth) {
  const end = (/** @type {RegExpExecArray} */ found) => at + found[0].length;
  if (text[at] === VALUE) return [at + 1, value()];
  let found = matchAt(ESCAPED, text, at);
  if (found) return [end(found), found[1] ?? ''];
  if (depth >= DEEPEST) return null;
  found = matchAt(STRONG, text, at);
  if (found) return [end(found), ['strong', '', inline(found[1] ?? found[2] ?? '', value, depth + 1)]];
  const insideWord = text[at] === '_' && /[A-Za-z0-9_]/.test(text[at - 1] ?? '');
  found = insideWord ? null : matchAt(EMPHASIS, text, at);
  if (found) return [end(found), ['em', '', inline(found[1] ?? found[2] ?? '', value, depth + 1)]];
  found = matchAt(LINK, text, at);
  if (found) return [end(found), ['a', found[2] ?? '', inline(found[1] ?? '', value, depth + 1)]];
  found = matchAt(TAG, text, at);
  return found && tag(text, at, found, value, depth);
}

/** @param {string} text @param {number} at @param {RegExpExecArray} opened @param {() => number} value @param {number} depth
 * @returns {[number, Piece | null] | null} */
function tag(text, at, opened, value, depth) {
  const after = at + opened[0].length;
  const name = (opened[2] ?? '').toLowerCase();
  if (name === 'br') return [after, ['br', '', []]];
  if (name === 'p' || name === 'div') return [after, at === 0 || opened[1] ? null : ['br', '', []]];
  if (!Object.keys(TAGS).includes(name)) return null;
  const closing = opened[1] ? null : closingOf(text, after, name);
  if (!closing) return [after, null];
  const made = /** @type {string} */ (TAGS[name]);
  const inside = inline(text.slice(after, closing.index), value, depth + 1);
  return [closing.index + closing[0].length, [made, made === 'span' ? colourClass(opened[3] ?? '') : '', inside]];
}

/** @param {string} text @param {number} at @param {string} name */
function closingOf(text, at, name) {
  let open = 1;
  TAGS_IN.lastIndex = at;
  for (let found = TAGS_IN.exec(text); found; found = TAGS_IN.exec(text)) {
    if ((found[2] ?? '').toLowerCase() !== name) continue;
    open += found[1] ? -1 : 1;
    if (open === 0) return found;
  }
  return null;
}

/** The class of the colour that a tag's attributes wish for; '' for none or for black. @param {string} attributes */
export function colourClass(attributes) {
  const wish = COLOUR.exec(attributes)?.[1]?.trim().toLowerCase();
  if (!wish) return '';
  const numbers = RGB.exec(wish);
  let [red, green, blue] = (numbers?.slice(1) ?? []).map((one) => Math.min(Number(one), 255));
  if (red === undefined || green === undefined || blue === undefined) {
    let digits = Object.keys(NAMED).includes(wish) ? NAMED[wish] ?? '' : wish.replace(/^#/, '');
    if (digits.length === 3) digits = [...digits].map((one) => one + one).join('');
    if (!/^[0-9a-f]{6}$/.test(digits)) return '';
    [red = 0, green = 0, blue = 0] = [0, 2, 4].map((start) => parseInt(digits.slice(start, start + 2), 16));
  }
  const high = Math.max(red, green, blue);
  const low = Math.min(red, green, blue);
  if (high - low < 24) return high < 64 ? '' : 'md-grey';
  let hue = (60 * (red - green)) / (high - low) + 240;
  if (high === red) hue = ((60 * (green - blue)) / (high - low) + 360) % 360;
  else if (high === green) hue = (60 * (blue - red)) / (high - low) + 120;
  return `md-${HUES.find(([end]) => hue < end)?.[1]}`;
}
