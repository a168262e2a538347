"""Text, patterns, digests and the tokens of selects."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from forms.expression.evaluate import Compiled, Context, Shape, compile_tree
from forms.expression.functions.numbers import half_up
from forms.expression.functions.registry import (
    MANY,
    clocked,
    plain,
    special,
    spread,
)
from forms.expression.parse import Tree
from forms.expression.values import (
    EvaluationError,
)


def units(text: str) -> str:
    """One character per UTF-16 unit, so that positions count as in every other engine."""
    if text.isascii() or max(text) < "\U00010000":
        return text
    raw = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(raw[i] | raw[i + 1] << 8) for i in range(0, len(raw), 2))


def whole(text: str) -> str:
    """Back from UTF-16 units. Half a character stays half, until it is stored (``well_formed``)."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


plain("concat", "v", "string", fewest=0, most=MANY)(lambda *values: "".join(spread(values)))
plain("join", "sv", "string", fewest=1, most=MANY)(lambda separator, *values: separator.join(spread(values)))


@plain("substr", "snn", "string", fewest=2)
def _substr(text: str, start: float, end: float | None = None) -> str:
    text = units(text)
    size = len(text)

    def place(number: float) -> int:
        if number != number:
            return 0
        index = int(max(-size - 1, min(size + 1, number)))
        return max(0, size + index) if index < 0 else min(size, index)

    return whole(text[place(start) : size if end is None else place(end)])


@plain("substring", "snn", "string", fewest=2)
def _substring(text: str, start: float, length: float = math.inf) -> str:
    """XPath's own: 1-based, by rounding."""
    first = half_up(start) if math.isfinite(start) else start
    last = first + (half_up(length) if math.isfinite(length) else length)
    return whole("".join(ch for i, ch in enumerate(units(text), 1) if first <= i < last))


plain("substring-before", "ss", "string")(lambda s, part: s.partition(part)[0] if part and part in s else "")
plain("substring-after", "ss", "string")(lambda s, part: s if not part else s.partition(part)[2])
plain("contains", "ss", "boolean")(lambda s, part: part in s)
plain("starts-with", "ss", "boolean")(lambda s, part: s.startswith(part))
plain("ends-with", "ss", "boolean")(lambda s, part: s.endswith(part))


@plain("translate", "sss", "string")
def _translate(text: str, source: str, target: str) -> str:
    source, target = units(source), units(target)
    table: dict[str, str] = {}
    for i, character in enumerate(source):
        table.setdefault(character, target[i] if i < len(target) else "")
    return whole("".join(table.get(character, character) for character in units(text)))


def _own_or_given(name: str, result: str, function: Callable[[str], Any]) -> None:
    """Without argument: the context node."""

    def build(trees: list[Tree], shape: Shape) -> Compiled:
        if not trees:
            return Compiled(result, lambda c: function(c.node.value))
        text = compile_tree(trees[0], shape).string()
        return Compiled(result, lambda c: function(text(c)))

    special(name, 0, 1)(build)


_own_or_given("string-length", "number", lambda s: float(len(units(s))) if s else 0.0)
_own_or_given("normalize-space", "string", lambda s: " ".join(re.split(r"[ \t\r\n]+", s.strip(" \t\r\n"))))


@lru_cache(maxsize=512)
def pattern_of(pattern: str) -> re.Pattern[str]:
    """Raises re.error. ASCII classes, as in JavaScript."""
    return re.compile(pattern.replace(r"\p{L}", r"[^\W\d_]"), re.ASCII if r"\p{L}" not in pattern else 0)


LONGEST_MATCHED = 5_000


@plain("regex", "ss", "boolean")
def _regex(text: str, pattern: str) -> bool:
    """The whole value must match."""
    try:
        compiled = pattern_of(pattern)
    except re.error as error:
        raise EvaluationError("bad_regex", str(error)) from error
    if len(text) > LONGEST_MATCHED:
        raise EvaluationError("too_many_steps", "regex")
    if runs_away(pattern, len(text)):
        from forms.expression.linear_regex import full_match  # rare; the built-in engine could hang on these

        return full_match(pattern, text)
    return compiled.fullmatch(text) is not None


_QUANTIFIED_GROUP = re.compile(r"\)(?:[*+]|\{\d+,\d*\})")


@lru_cache(maxsize=512)
def _repeats(pattern: str) -> tuple[bool, int]:
    """Whether a repeated group may hold a repeat or alternatives; how many repeats have no end."""
    nested = bool(_QUANTIFIED_GROUP.search(pattern)) and len(re.findall(r"[*+}|]", pattern)) > 1
    return nested, len(re.findall(r"[*+]|,\}", pattern))


def runs_away(pattern: str, length: int) -> bool:
    """Whether backtracking may never end: a repeated group that holds a repeat or alternatives, or many repeats."""
    nested, repeats = _repeats(pattern)
    return nested or float(length) ** min(repeats, 50) > 1e8


_DIGESTS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


@plain("digest", "sss", "string", fewest=2)
def _digest(text: str, algorithm: str, encoding: str = "base64") -> str:
    name = _DIGESTS.get(algorithm.upper())
    if name is None or encoding.lower() not in ("base64", "hex"):
        raise EvaluationError("digest", algorithm)
    digest = hashlib.new(name, text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
    return digest.hex() if encoding.lower() == "hex" else base64.b64encode(digest).decode()


def _bytes_of_base64(text: str) -> bytes:
    """With or without padding, blanks between; raises ValueError."""
    digits = re.sub(r"[ \t\n\f\r]+", "", text)
    if len(digits) % 4 == 0:
        digits = re.sub("={1,2}$", "", digits)
    if len(digits) % 4 == 1 or "=" in digits:
        raise ValueError("not base64")
    return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)


@plain("base64-decode", "s", "string")
def _base64_decode(text: str) -> str:
    try:
        return _bytes_of_base64(text).decode()
    except ValueError:
        return ""


@plain("extract-signed", "ss", "string")
def _extract_signed(text: str, key: str) -> str:
    """The message behind a 64-byte Ed25519 signature; '' when the signature does not hold."""
    from forms.expression.ed25519 import verify

    try:
        message, public = _bytes_of_base64(text), _bytes_of_base64(key)
        if len(public) == 32 and len(message) >= 64 and verify(public, message[64:], message[:64]):
            return message[64:].decode()
    except ValueError:
        pass
    return ""


_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@clocked("uuid", "n", "string", fewest=0)
def _uuid(c: Context, length: float | None = None) -> str:
    if length is None:
        return c.runtime.uuid()
    if not 0 <= length <= 10_000:
        raise EvaluationError("argument", "uuid")
    return "".join(_ALPHABET[int(c.runtime.random() * len(_ALPHABET))] for _ in range(int(length)))


@plain("selected", "ss", "boolean")
def _selected(text: str, token: str) -> bool:
    token = token.strip()
    return token in text.split() if token else text.strip() == ""


@plain("selected-at", "sn", "string")
def _selected_at(text: str, place: float) -> str:
    tokens = text.split()
    if place != place or not 0 <= math.trunc(place) < len(tokens):
        return ""
    return tokens[math.trunc(place)]


plain("count-selected", "s", "number")(lambda s: float(len(s.split())))


@clocked("jr:choice-name", "ss", "string")
def _choice_name(c: Context, value: str, path: str) -> str:
    return c.runtime.labels.choice_label(path, value, c.runtime.lang)
