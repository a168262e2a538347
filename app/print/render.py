"""Laid-out PDF from templates, by WeasyPrint, with nothing to fetch: no network, no files.

A page's own text (a name, an answer) can therefore never make the renderer
read a local file or ask a server, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from app.print.fonts import FALLBACK, FAMILY

ROOT = Path(__file__).resolve().parents[2]
FONT_URL = "ruhu-font:sheet"

_FACE = f"""
@font-face {{ font-family: "{FAMILY}"; src: url({FONT_URL}) }}
@page {{ font-family: "{FAMILY}", "{FALLBACK}" }}
html {{ font-family: "{FAMILY}", "{FALLBACK}" }}
"""


class Blocked(Exception):
    """A page asked for something outside itself; it is not one of ours."""


@cache
def fetcher_class() -> type:
    """WeasyPrint's fetcher with everything refused but data: and the one font in memory.

    A class made late, so that this module can be imported without Pango.
    """
    from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

    class OwnOnly(URLFetcher):
        def __init__(self, font: bytes) -> None:
            super().__init__(allowed_protocols=("data",))
            self.font = font

        def fetch(self, url: str, headers: Any = None) -> Any:
            if url == FONT_URL:
                return URLFetcherResponse(url, self.font, {"Content-Type": "font/otf"})
            if not url.startswith("data:"):
                # Fatal, because WeasyPrint passes over an ordinary failure.
                raise FatalURLFetchingError(f"refused: {url.partition(':')[0]}")
            return super().fetch(url, headers)

    return OwnOnly


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(ROOT / "app" / "templates"),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )


def html_of(template: str, values: Mapping[str, Any]) -> str:
    """The page as HTML, the same for paper and for a browser."""
    return _templates().get_template(f"print/{template}").render(values)


class Renderer:
    """Turns pages of HTML into one PDF. Holds the parsed style and the font between pages."""

    def __init__(self, font: bytes) -> None:
        from weasyprint import CSS
        from weasyprint.text.fonts import FontConfiguration

        self._fetcher = fetcher_class()(font)
        self._fonts = FontConfiguration()
        style = (ROOT / "static" / "css" / "print.css").read_text("utf-8")
        self._styles = [
            CSS(string=_FACE, font_config=self._fonts, url_fetcher=self._fetcher),
            CSS(string=style, font_config=self._fonts, url_fetcher=self._fetcher),
        ]

    def pdf(self, pages: Sequence[str]) -> bytes:
        """One PDF of several documents, each with its own page numbers, sharing fonts. Raises Blocked."""
        from weasyprint.urls import FatalURLFetchingError

        try:
            laid = [self._laid(page) for page in pages]
        except FatalURLFetchingError as refused:  # not an Exception: it would end a worker without a word
            raise Blocked(str(refused)) from None
        sheets = [page for document in laid for page in document.pages]
        written = laid[0].copy(sheets).write_pdf()
        assert written is not None
        return bytes(written)

    def _laid(self, page: str) -> Any:
        from weasyprint import HTML

        return HTML(string=page, url_fetcher=self._fetcher).render(
            stylesheets=self._styles, font_config=self._fonts
        )
