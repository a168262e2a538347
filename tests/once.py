"""What is the same for every app of a test run is made once in a process: addresses, templates, hashes, forms, the store's tables.

An app has nearly two hundred rules and a hundred templates. Compiling them
anew for each of a thousand tests was two thirds of the time these took.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import CodeType
from typing import Any

import jinja2
from argon2 import PasswordHasher
from flask import Flask
from jinja2.bccache import Bucket
from sqlite_utils import Database, Migrations
from werkzeug.routing import Rule

import app.auth
from app.config import ROOT
from app.print import fonts
from forms import kept

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


def rules_once(original: Callable[[Rule], None]) -> Callable[[Rule], None]:
    """Of two equal rules the second takes what the first was compiled to: it is a function of the rule's text and defaults."""
    made: dict[tuple[Any, ...], Rule] = {}

    @wraps(original)
    def compile_rule(rule: Rule) -> None:
        assert rule.map is not None
        built = (rule.map.host_matching, frozenset(rule.map.converters.items()))
        key = (rule.rule, rule.host, rule.subdomain, rule.merge_slashes, repr(rule.defaults), *built)
        if key not in made:
            original(rule)
            made[key] = rule
            return
        same = made[key]
        rule._parts, rule._trace, rule._converters = list(same._parts), list(same._trace), dict(same._converters)
        rule.arguments |= same.arguments
        rule._build = same._build.__func__.__get__(rule, None)
        rule._build_unknown = same._build_unknown.__func__.__get__(rule, None)

    return compile_rule


def tables_once(original: Callable[..., None]) -> Callable[..., None]:
    """An empty database gets a copy of the tables that the same steps made before."""
    made: dict[tuple[Any, ...], sqlite3.Connection] = {}

    @wraps(original)
    def apply(steps: Migrations, db: Database, **how: Any) -> None:
        key = (steps.name, *((step.name, step.fn) for step in steps._migrations))
        if how or db.table_names():
            return original(steps, db, **how)
        if key in made:
            return made[key].backup(db.conn)
        original(steps, db)
        made[key] = sqlite3.connect(":memory:", check_same_thread=False)
        db.conn.backup(made[key])

    return apply


def forms_once() -> None:
    """A folder that was never compiled takes what another with the same sheets was compiled to."""
    made: dict[str, str] = {}

    def kept_anywhere(folder: Path, key: str) -> dict[str, Any] | None:
        if key in made and not (folder / kept.NAME).exists():
            found: dict[str, Any] = json.loads(made[key])
            return found
        return real_kept(folder, key)

    def keep(folder: Path, key: str, content: dict[str, Any]) -> None:
        made[key] = json.dumps(content)
        real_keep(folder, key, content)

    kept.kept, kept.keep = kept_anywhere, keep


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


real_hasher, real_kept, real_keep = app.auth.HASHER, kept.kept, kept.keep


def make_once() -> None:
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Compiled()}
    Rule.compile = rules_once(Rule.compile)  # type: ignore[method-assign]
    Migrations.apply = tables_once(Migrations.apply)  # type: ignore[method-assign]
    forms_once()
    # Passwords of tests are no secrets; that real ones are dear is asked in tests/test_app_auth.py.
    app.auth.HASHER = CHEAP
    fonts._cut = cut_once(fonts._cut)
