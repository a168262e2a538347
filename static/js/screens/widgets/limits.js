/** How large files may be, and what they are called. Pure. */

const MB = 1024 * 1024;
/** A node takes 64 MB; half an hour of sending on a weak network is what a cadre bears. */
export const LARGEST_FILE = 24 * MB;
/** Bits a second of sound, by ODK's words for quality. */
const SOUND_BITS = { normal: 64_000, low: 24_000, 'voice-only': 12_000 };
const VIDEO_BITS = 700_000;
/** Half an hour: longer talks are cut into several by hand, before one lost file is a whole morning. */
const LONGEST_S = 1800;

/**
 * How a recording is made. external: by another app of the phone.
 * @param {'audio' | 'video'} kind @param {{[name: string]: string} | undefined} parameters of the question
 */
export function recordingOf(kind, parameters) {
  const quality = parameters?.quality ?? 'normal';
  const sound = SOUND_BITS[/** @type {'normal'} */ (quality)] ?? SOUND_BITS.normal;
  const bits = kind === 'audio' ? sound : VIDEO_BITS + SOUND_BITS.low;
  return { external: quality === 'external', sound, video: VIDEO_BITS, seconds: Math.min(LONGEST_S, Math.floor((LARGEST_FILE * 8 * 0.9) / bits)) };
}

/** @type {{[type: string]: string}} */
const EXTENSIONS = {
  'audio/webm': 'webm', 'video/webm': 'webm', 'audio/mp4': 'm4a', 'audio/x-m4a': 'm4a', 'audio/mpeg': 'mp3', 'audio/ogg': 'ogg',
  'audio/wav': 'wav', 'audio/x-wav': 'wav', 'audio/amr': 'amr', 'audio/3gpp': '3gp', 'video/mp4': 'mp4', 'video/3gpp': '3gp',
  'video/quicktime': 'mov', 'image/jpeg': 'jpg', 'image/png': 'png', 'image/webp': 'webp', 'application/pdf': 'pdf', 'text/plain': 'txt',
};

/** A file's ending in an answer: its own when it has a plain one, else by its type. @param {string} type @param {string} [name] */
export function extensionOf(type, name = '') {
  const own = /\.([A-Za-z0-9]{1,5})$/.exec(name)?.[1]?.toLowerCase();
  return own ?? EXTENSIONS[(type.split(';')[0] ?? '').trim()] ?? 'bin';
}
