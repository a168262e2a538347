/** Reading codes from the camera: QR codes of ours for the scanner, and any usual code for a form. */

/** How often a frame is looked at: old phones read one in a tenth of a second. */
const EVERY_MS = 220;

/**
 * Films until found says it has what it wants. Nearest to the middle first: of two papers on one table that one is meant.
 * @param {HTMLVideoElement} video
 * @param {{formats: string[], front?: boolean, found: (text: string, format: string) => boolean, torch?: (switchable: boolean) => void}} use
 * @returns {{stop: () => void, light: (on: boolean) => Promise<void>, opened: Promise<'filming' | 'insecure' | 'refused'>}}
 */
export function readCodes(video, { formats, front = false, found, torch = () => {} }) {
  /** @type {MediaStream | null} */
  let stream = null;
  let stopped = false;
  const opened = open();
  void opened.then((state) => (state === 'filming' ? read() : undefined));
  return {
    opened,
    stop,
    async light(on) {
      await stream?.getVideoTracks()[0]?.applyConstraints({ advanced: [/** @type {any} */ ({ torch: on })] }).catch(() => {});
    },
  };

  function stop() {
    stopped = true;
    stream?.getTracks().forEach((track) => track.stop());
  }

  /** @returns {Promise<'filming' | 'insecure' | 'refused'>} */
  async function open() {
    if (!navigator.mediaDevices?.getUserMedia) return 'insecure';
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: front ? 'user' : 'environment', width: { ideal: 1280 } } });
    } catch {
      return 'refused';
    }
    if (stopped) stop();
    video.srcObject = stream;
    await video.play().catch(() => {});
    torch(Boolean(/** @type {any} */ (stream.getVideoTracks()[0]?.getCapabilities?.())?.torch));
    return 'filming';
  }

  async function read() {
    const { prepareZXingModule, readBarcodes } = await import('zxing-wasm/reader');
    const wasm = document.body.dataset.wasm ?? '';
    await prepareZXingModule({ overrides: { locateFile: () => wasm }, fireImmediately: true });
    const canvas = document.createElement('canvas');
    const pen = canvas.getContext('2d', { willReadFrequently: true });
    while (!stopped && pen) {
      if (video.videoWidth) {
        canvas.width = video.videoWidth;
        canvas.height = video.videoHeight;
        pen.drawImage(video, 0, 0);
        const codes = await readBarcodes(pen.getImageData(0, 0, canvas.width, canvas.height), { formats: /** @type {any} */ (formats), maxNumberOfSymbols: 2 });
        const best = codes.sort((a, b) => offCentre(a, canvas) - offCentre(b, canvas))[0];
        if (best?.text && !stopped && found(best.text, best.format)) return stop();
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
}

/** @param {any} code @param {{width: number, height: number}} frame */
function offCentre({ position }, frame) {
  const x = (position.topLeft.x + position.bottomRight.x) / 2 - frame.width / 2;
  const y = (position.topLeft.y + position.bottomRight.y) / 2 - frame.height / 2;
  return Math.hypot(x, y);
}
