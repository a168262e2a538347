"""A film for Chromium's fake camera: a paper with a QR code, held in front of a phone."""

from __future__ import annotations

import io
from pathlib import Path

import qrcode
from PIL import Image

FRAMES = 12


def film_of(payload: str, path: Path) -> Path:
    """Write an .mjpeg of the payload's QR at 1280×720, on a grey table, slightly turned."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_Q, border=4, box_size=8)
    code.add_data(payload)
    paper = code.make_image().convert("RGB")
    frame = Image.new("RGB", (1280, 720), (120, 124, 118))
    turned = paper.resize((520, 520)).rotate(4, expand=True, fillcolor=(120, 124, 118))
    frame.paste(turned, (370, 80))
    jpeg = io.BytesIO()
    frame.save(jpeg, "JPEG", quality=85)
    path.write_bytes(jpeg.getvalue() * FRAMES)
    return path


def camera_args(film: Path) -> list[str]:
    return [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
