"""Pictures as they are kept: upright, and without what a camera writes beside them, above all where it stood."""

from __future__ import annotations

import io

from PIL import Image, ImageFile, ImageOps

LONGEST_SIDE = 2560
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
_QUALITY = 88


class Unreadable(ValueError):
    """It begins as a picture and cannot be read as one."""


def bare(data: bytes) -> bytes:
    """The picture drawn anew: no place, maker or note of the file it came in remains, nor anything hidden behind it.

    Only for what `kind_of` calls a picture: its size was found small enough before anything is decoded here.
    """
    # The PDF renderer allows cut pictures for the whole process; half a photo is no evidence.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    out = io.BytesIO()
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            kind = picture.format or "PNG"
            picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # a JPEG is decoded no larger than needed
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            clean = Image.new(upright.mode, upright.size)
            clean.paste(upright)
            if upright.mode == "P" and (palette := upright.getpalette()):
                clean.putpalette(palette)
            if kind == "JPEG" and clean.mode not in ("RGB", "L"):
                clean = clean.convert("RGB")
            clean.save(out, kind, **({"quality": _QUALITY} if kind in ("JPEG", "WEBP") else {}))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Unreadable from error
    return out.getvalue()
