/**
 * Talking to the node. Every answer is a value: `ok`, `offline` or `refused`.
 *
 * A captive portal answers 200 with a page, or redirects to one; neither is an
 * answer of ours, so redirects are not followed and only JSON counts.
 */

/**
 * @typedef {'network' | 'timeout' | 'captive' | 'not_json' | 'wrong_server' | 'wrong_key' | 'unsigned' | 'other_log'} OfflineCause
 * @typedef {{kind: 'ok', status: number, data: any, headers: Headers}} Ok
 * @typedef {{kind: 'offline', cause: OfflineCause}} Offline
 * @typedef {{kind: 'refused', status: number, code: string, message: string, next: string, reason: string,
 *   retry_after_s: number, headers: Headers}} Refused
 * @typedef {Ok | Offline | Refused} Answer
 */

/** The longest a request may take before the batch is halved. */
export const TIMEOUT_MS = 60_000;
const GZIP_FROM = 1024;

/** @param {{fetch?: typeof globalThis.fetch, origin?: string, timeoutMs?: number, language?: () => string}} [parts] */
export function createApi({ fetch = globalThis.fetch.bind(globalThis), origin = '', timeoutMs = TIMEOUT_MS, language = () => 'zh' } = {}) {
  /**
   * @param {string} method
   * @param {string} path
   * @param {{token?: string, body?: BodyInit, headers?: Record<string, string>, as?: 'json' | 'text' | 'bytes' | 'nothing', patience?: number,
   *   fixed?: boolean}} [options]  fixed: what is under this address never changes, so a copy of the browser's will do.
   *   patience: milliseconds beyond the usual ones, for what is large
   * @returns {Promise<Answer>}
   */
  async function request(method, path, { token, body, headers = {}, as = 'json', fixed = false, patience = 0 } = {}) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), timeoutMs + patience);
    try {
      const response = await fetch(origin + path, {
        method, body, signal: stop.signal, redirect: 'manual',
        // Only a request like the browser's own can take what a preload link brought.
        cache: fixed ? 'default' : 'no-store', credentials: fixed ? 'same-origin' : 'omit',
        headers: fixed ? {} : { Accept: as === 'text' ? 'text/html' : 'application/json', 'Accept-Language': language(), ...bearer(token), ...headers },
      });
      return await answerOf(response, as);
    } catch {
      return { kind: 'offline', cause: stop.signal.aborted ? 'timeout' : 'network' };
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * POST a JSON body with its length and digest, which the server compares before it parses.
   * @param {string} path
   * @param {unknown} value
   * @param {string} [token]
   */
  async function post(path, value, token) {
    const { bytes, headers } = await sealed(new TextEncoder().encode(JSON.stringify(value)));
    return request('POST', path, {
      token, body: /** @type {any} */ (bytes), headers: { 'Content-Type': 'application/json', ...headers },
    });
  }

  /** @param {string} path @param {string} [token] */
  const get = (path, token) => request('GET', path, { token });

  return { request, post, get };
}

/** @typedef {ReturnType<typeof createApi>} Api */

/** @param {string | undefined} token @returns {Record<string, string>} */
const bearer = (token) => (token ? { Authorization: `Bearer ${token}` } : {});

/**
 * @param {Response} response
 * @param {'json' | 'text' | 'bytes' | 'nothing'} as
 * @returns {Promise<Answer>}
 */
async function answerOf(response, as) {
  const { status, headers } = response;
  if (response.type === 'opaqueredirect' || (status >= 300 && status < 400)) return { kind: 'offline', cause: 'captive' };
  const json = (headers.get('Content-Type') ?? '').includes('json');
  if (response.ok) {
    if (as === 'nothing') return { kind: 'ok', status, data: null, headers };
    if (as === 'text') return { kind: 'ok', status, data: await response.text(), headers };
    if (as === 'bytes') return { kind: 'ok', status, data: await response.arrayBuffer(), headers };
    if (!json) return { kind: 'offline', cause: 'captive' };
    try {
      return { kind: 'ok', status, data: await response.json(), headers };
    } catch {
      return { kind: 'offline', cause: 'not_json' };
    }
  }
  let error = /** @type {any} */ ({});
  if (json) error = (await response.json().catch(() => ({}))).error ?? {};
  return {
    kind: 'refused', status, headers, code: error.code ?? `http_${status}`, message: error.message ?? '',
    next: error.next ?? '', reason: error.details?.reason ?? '', retry_after_s: Number(headers.get('Retry-After')) || 0,
  };
}

/**
 * The bytes to send (gzip when the browser can and it pays) and the headers that vouch for them.
 * @param {Uint8Array} plain
 */
async function sealed(plain) {
  /** @type {Record<string, string>} */
  const headers = {};
  let bytes = plain;
  if (plain.length >= GZIP_FROM && typeof CompressionStream !== 'undefined') {
    const stream = new Blob([/** @type {any} */ (plain)]).stream().pipeThrough(new CompressionStream('gzip'));
    bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    headers['Content-Encoding'] = 'gzip';
  }
  headers['Ruhu-Length'] = String(bytes.length);
  headers['Content-Digest'] = `sha-256=:${await digest64(bytes)}:`;
  return { bytes, headers };
}

/** @param {Uint8Array} bytes */
async function digest64(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', /** @type {any} */ (bytes)));
  return btoa(String.fromCharCode(...hash));
}
