/** Whose word each value is, as far as the server at hand knows. The phone itself keeps only the day. */

/** @typedef {{who: string, when: string, visit: boolean, confirmed: boolean}} Said  when: "2026-10-13 20:15" */
/** @typedef {{[id: string]: {[name: string]: Said}}} AllSaid */

/**
 * @param {{api: import('./api.js').Api, session: {install: {token: string} | null}}} parts @param {string[]} ids
 * @returns {Promise<AllSaid | null>} null: nobody could be asked
 */
export async function whoSaid({ api, session }, ids) {
  const token = session.install?.token;
  const answer = token ? await api.post('/sync/v1/said', { ids }, token) : null;
  return answer?.kind === 'ok' ? answer.data?.said ?? null : null;
}
