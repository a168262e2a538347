/** When the register is looked through for somebody who is being typed in: once the typing rests, and until the page turns. */

/** What tells a person or a household from others. */
const TOLD_BY = new Set(['full_name', 'birth_date', 'id_no', 'head_name', 'group', 'house_no']);
const REST_MS = 700;

/**
 * @param {HTMLElement} form
 * @param {{fieldOf: (path: string) => string, questionOf: (path: string) => HTMLElement | undefined, hintOf: (path: string) => Promise<HTMLElement | null>}} use
 *   fieldOf: what a question is saved as; hintOf: what to show below it
 */
export function createHints(form, { fieldOf, questionOf, hintOf }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;
  let asked = 0;

  function forget() {
    clearTimeout(resting);
    asked += 1;
    for (const one of form.querySelectorAll('.alike')) one.remove();
  }

  /** @param {string} path */
  function answered(path) {
    if (!TOLD_BY.has(fieldOf(path))) return;
    clearTimeout(resting);
    const mine = ++asked;
    resting = setTimeout(async () => {
      const hint = await hintOf(path).catch(() => null); // an app that came without it, a register that cannot be opened
      if (mine !== asked) return;
      forget();
      if (hint) questionOf(path)?.append(hint);
    }, REST_MS);
  }

  return { answered, forget };
}
