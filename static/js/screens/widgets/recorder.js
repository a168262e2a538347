/**
 * A recording under way. Every few seconds its newest piece goes to disk, so that a phone that dies
 * loses those seconds and not the talk.
 */

/** @typedef {{add: (n: number, piece: Blob) => Promise<void>}} Pieces */

const PIECE_MS = 3000;
const TICK_MS = 120;
const TYPES = {
  audio: ['audio/webm;codecs=opus', 'audio/webm', 'audio/mp4', 'audio/ogg'],
  video: ['video/webm;codecs=vp8,opus', 'video/webm', 'video/mp4'],
};

/** Whether this browser records at all. */
export const records = () => Boolean(navigator.mediaDevices?.getUserMedia) && typeof MediaRecorder !== 'undefined';

/** Why the microphone or camera did not open, in words. @param {unknown} error @param {'audio' | 'video'} kind */
export function whyClosed(error, kind) {
  const name = /** @type {{name?: string}} */ (error)?.name;
  if (name === 'NotAllowedError') return kind === 'audio' ? '没有得到话筒许可。请在浏览器设置里允许使用话筒,或从手机里选一段录音。' : '没有得到摄像头许可。请在浏览器设置里允许使用摄像头和话筒,或从手机里选一段录像。';
  if (name === 'NotFoundError') return kind === 'audio' ? '这部手机没有可用的话筒。' : '这部手机没有可用的摄像头。';
  return kind === 'audio' ? '话筒没有打开,可能别的应用正在用。请关掉它再试。' : '摄像头没有打开,可能别的应用正在用。请关掉它再试。';
}

/**
 * @param {{
 *   kind: 'audio' | 'video', sound: number, video: number, seconds: number, front?: boolean, pieces: Pieces,
 *   tick: (seconds: number, level: number) => void, failed: (error: Error) => void, full: () => void,
 * }} use  level: 0 to 1; failed: a piece was not written; full: the longest time is reached
 */
export async function startRecording({ kind, sound, video, seconds, front = false, pieces, tick, failed, full }) {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: true, noiseSuppression: true, channelCount: 1 },
    video: kind === 'video' ? { facingMode: front ? 'user' : 'environment', width: { ideal: 640 }, frameRate: { max: 24 } } : false,
  });
  const mimeType = TYPES[kind].find((type) => MediaRecorder.isTypeSupported(type));
  const recorder = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: sound, ...(kind === 'video' ? { videoBitsPerSecond: video } : {}) });
  const type = (recorder.mimeType || mimeType || `${kind}/webm`).split(';')[0];
  /** @type {Blob[]} */
  const parts = [];
  let writing = Promise.resolve();
  recorder.addEventListener('dataavailable', ({ data }) => {
    if (!data.size) return;
    const n = parts.push(data) - 1;
    writing = writing.then(() => pieces.add(n, new Blob([data], { type }))).catch(failed);
  });
  const stopped = new Promise((resolve) => recorder.addEventListener('stop', () => resolve(undefined)));
  const level = levelOf(stream);
  let before = 0;
  let since = performance.now();
  const elapsed = () => before + (recorder.state === 'recording' ? (performance.now() - since) / 1000 : 0);
  const timer = setInterval(() => {
    tick(elapsed(), recorder.state === 'recording' ? level.now() : 0);
    if (elapsed() >= seconds) full();
  }, TICK_MS);
  // A hidden page may be thrown away at any moment.
  const hidden = () => document.visibilityState === 'hidden' && recorder.state === 'recording' && recorder.requestData();
  document.addEventListener('visibilitychange', hidden);
  recorder.start(PIECE_MS);
  /** @type {any} a dark screen stops some phones' microphones */
  const awake = await /** @type {any} */ (navigator).wakeLock?.request('screen').catch(() => null);

  return {
    stream,
    seconds: elapsed,
    pause() {
      before = elapsed();
      recorder.pause();
    },
    resume() {
      since = performance.now();
      recorder.resume();
    },
    paused: () => recorder.state === 'paused',
    /** @returns {Promise<Blob>} all of it */
    async stop() {
      clearInterval(timer);
      void awake?.release().catch(() => {});
      document.removeEventListener('visibilitychange', hidden);
      if (recorder.state !== 'inactive') recorder.stop();
      await stopped;
      for (const track of stream.getTracks()) track.stop();
      level.close();
      await writing;
      return new Blob(parts, { type });
    },
  };
}

/** How loud it is: a person sees at once whether the microphone hears anything. @param {MediaStream} stream */
function levelOf(stream) {
  const sounds = new AudioContext();
  const analyser = sounds.createAnalyser();
  analyser.fftSize = 512;
  sounds.createMediaStreamSource(stream).connect(analyser);
  const wave = new Uint8Array(analyser.fftSize);
  return {
    now() {
      analyser.getByteTimeDomainData(wave);
      let sum = 0;
      for (const one of wave) sum += (one - 128) ** 2;
      return Math.min(1, Math.sqrt(sum / wave.length) / 48);
    },
    close: () => void sounds.close().catch(() => {}),
  };
}
