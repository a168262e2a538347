/** Identifiers made on the device: UUIDv7, never used for order or authority. */

/**
 * A UUIDv7 (RFC 9562) of that moment.
 * @param {number} [time] milliseconds since 1970
 */
export function uuid7(time = Date.now()) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(time / 2 ** (8 * (5 - i))) % 256;
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/**
 * Local time with its offset, as ops carry it: 2026-11-24T20:15:03.123+08:00.
 * @param {Date} date
 */
export function localTime(date) {
  const offset = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1);
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const size = Math.abs(offset);
  return `${local}${offset < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** The day on the wall where the phone is, YYYY-MM-DD. @param {Date} date */
export function localDate(date) {
  return localTime(date).slice(0, 10);
}
