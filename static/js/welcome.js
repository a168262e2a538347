/** Asks the node over https whether this phone trusts it, and shows the steps that are left. */

const check = /** @type {HTMLElement} */ (document.getElementById('check'));

/** @param {'waiting'|'trusted'|'strange'} state */
function show(state) {
  for (const part of document.querySelectorAll('[data-when]')) {
    /** @type {HTMLElement} */ (part).hidden = part.getAttribute('data-when') !== state;
  }
}

async function look() {
  show('waiting');
  try {
    // Never from a cache: the question is whether the certificate holds now.
    await fetch(`${check.dataset.address}/trusted.txt`, { mode: 'no-cors', cache: 'no-store' });
    show('trusted');
  } catch {
    show('strange');
  }
}

document.getElementById('again')?.addEventListener('click', () => void look());
document.addEventListener('visibilitychange', () => {
  // Coming back from the settings.
  if (document.visibilityState === 'visible') void look();
});
void look();

export {};
