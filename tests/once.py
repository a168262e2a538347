"""What is the same for every app of a test run is made once in a process: the builders of addresses, templates, hashes.

An app has nearly two hundred rules and a hundred templates. Compiling them
anew for each of a thousand tests was two thirds of the time these took.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import CodeType
from typing import Any

import jinja2
from argon2 import PasswordHasher
from flask import Flask
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

import app.auth
from app.config import ROOT
from app.print import fonts

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Compiled(jinja2.BytecodeCache):
    """Compiled templates in memory, by name and text, and by what of an app goes into their code."""

    def __init__(self) -> None:
        self.codes: dict[tuple[Any, ...], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.codes.get(_kind_of(bucket))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self.codes[_kind_of(bucket)] = bucket.code


def _kind_of(bucket: Bucket) -> tuple[Any, ...]:
    env: Any = bucket.environment
    escaped = env.autoescape if isinstance(env.autoescape, bool) else env.autoescape.__qualname__
    built = (*sorted(env.extensions), env.finalize is None, escaped, getattr(env, "newstyle_gettext", None), env.is_async)
    return bucket.key, bucket.checksum, *built, frozenset(env.filters), frozenset(env.tests)


def builders_once(original: Callable[..., Any]) -> Callable[..., Any]:
    """Of two equal rules the second takes the builder of the first: it is a function of the rule's text and defaults."""
    made: dict[tuple[Any, ...], Any] = {}

    @wraps(original)
    def compile_builder(rule: Rule, append_unknown: bool = True) -> Any:
        key = (repr(rule), tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in made:
            made[key] = original(rule, append_unknown)
        return made[key]

    return compile_builder


def cut_once(original: Callable[[str, int, Path], None]) -> Callable[[str, int, Path], None]:
    """The font of the sheets takes twenty seconds to cut; it is kept beside the tools, under the size of the font it is of."""

    def cut(source: str, face: int, target: Path) -> None:
        kept = ROOT / ".tools" / "fonts" / f"{Path(source).stem}-{face}-{os.stat(source).st_size}-{fonts.FILE}"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            part = kept.with_suffix(f".{os.getpid()}.part")
            original(source, face, part)
            part.replace(kept)
        shutil.copyfile(kept, target)

    return cut


real_hasher = app.auth.HASHER


def make_once() -> None:
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Compiled()}
    Rule._compile_builder = builders_once(Rule._compile_builder)  # type: ignore[method-assign]
    # Passwords of tests are no secrets; that real ones are dear is asked in tests/test_app_auth.py.
    app.auth.HASHER = CHEAP
    fonts._cut = cut_once(fonts._cut)
