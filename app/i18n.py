"""Languages of the server's texts: Chinese is the source, English comes from a gettext catalogue."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from flask import Flask, Response, g, request
from flask_babel import Babel
from werkzeug.wrappers import Request

LANGUAGES = ("zh", "en")
COOKIE = "lang"
FOLDER = Path(__file__).parent / "translations"
KEYWORDS = {"_": None, "_l": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**.html", "jinja2")]


def language() -> str:
    """The reader's language: asked in the address, kept in a cookie, or wished for by the browser."""
    return language_of(request, g.get("default_lang", "zh"))


def language_of(asked: Request, default: str) -> str:
    """As `language`, for a request that Flask does not hold."""
    for wish in (asked.args.get("lang"), asked.cookies.get(COOKIE)):
        if wish in LANGUAGES:
            return wish
    return asked.accept_languages.best_match(LANGUAGES) or default


def init_app(app: Flask, default: str) -> None:
    compile_catalogues()
    Babel(app, default_locale="zh", default_translation_directories=str(FOLDER), locale_selector=language)
    app.jinja_env.globals["language"] = language

    @app.before_request
    def _default() -> None:
        g.default_lang = default

    @app.after_request
    def _remember(response: Response) -> Response:
        wish = request.args.get("lang")
        # A form page's ?lang= names a file, not a wish, and a cookie would make it uncacheable.
        if wish in LANGUAGES and request.cookies.get(COOKIE) != wish and not request.path.startswith("/forms/"):
            response.set_cookie(COOKIE, wish, max_age=31536000, samesite="Lax", secure=request.is_secure)
        return response


def compile_catalogues(folder: Path = FOLDER) -> list[Path]:
    """Write the .mo beside every .po that changed since; answers the files written.

    Runs at set-up and again at start. A program folder that cannot be written
    leaves the pages in Chinese.
    """
    written = []
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        try:
            with source.open("rb") as lines:
                catalogue = read_po(lines, locale=source.parent.parent.name)
            handle, name = tempfile.mkstemp(dir=source.parent)
            with os.fdopen(handle, "wb") as out:
                write_mo(out, catalogue)
            os.chmod(name, 0o644)
            os.replace(name, target)  # two nodes may start at once
        except OSError:
            continue
        written.append(target)
    return written


def source_texts(folder: Path = FOLDER.parent) -> Catalog:
    """Every text of the server that is marked for translation, with where it stands."""
    catalogue = Catalog(project="Ruhu", charset="utf-8")
    options = {"**.html": {"silent": "false"}}
    found = extract_from_dir(str(folder), METHODS, options, KEYWORDS, comment_tags=("i18n:",))
    for filename, _line, message, comments, context in found:
        # Line numbers would change the catalogue with every edit of a page.
        catalogue.add(message, None, [(f"app/{filename}", 0)], auto_comments=comments, context=context)
    return catalogue


def update_catalogue(lang: str = "en", folder: Path = FOLDER) -> list[str]:
    """Bring a language's .po up to the source; answers the texts still without a translation."""
    path = folder / lang / "LC_MESSAGES" / "messages.po"
    if path.exists():
        with path.open("rb") as lines:
            catalogue = read_po(lines, locale=lang)
    else:
        catalogue = Catalog(locale=lang, project="Ruhu", charset="utf-8")
    catalogue.update(source_texts(folder.parent), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        write_po(out, catalogue, sort_output=True, width=100, no_location=False, omit_header=False)
    return [str(m.id) for m in catalogue if m.id and not m.string]
