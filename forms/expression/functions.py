"""The functions of the form language (docs/form-language.md lists them).

Most are plain: their arguments are converted by a letter each (n number,
s string, b boolean, v any scalar or node-set) and handed over. The others
compile their arguments themselves, because they are lazy or need node-sets.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from forms.expression import geometry
from forms.expression.evaluate import Compiled, Context, Run, Shape, compile_tree, predicate, shared_repeat
from forms.expression.parse import Tree
from forms.expression.values import (
    DAY,
    NAN,
    Element,
    EvaluationError,
    NodeSet,
    Value,
    day_fraction_of_time,
    days_of_instant,
    instant_of_text,
    is_date,
    moment_of_days,
    number_of_text,
    text_of_date,
    text_of_moment,
    to_boolean,
    to_number,
    to_string,
)

MANY = 1000
Builder = Callable[[list[Tree], Shape], Compiled]
Register = Callable[[Callable[..., Any]], Callable[..., Any]]

_PLAIN: dict[str, tuple[str, int, int, str, Callable[..., Any]]] = {}
_SPECIAL: dict[str, tuple[int, int, Builder]] = {}
_CLOCKED: set[str] = set()


def arity(name: str) -> tuple[int, int] | None:
    """(fewest, most) arguments; None for a function that does not exist."""
    if name in _PLAIN:
        return _PLAIN[name][1:3]
    return _SPECIAL[name][:2] if name in _SPECIAL else None


def call(tree: Tree, shape: Shape) -> Compiled:
    """An unknown function or a wrong number of arguments fails when it is reached: ``true() or oops()`` is true.

    Forms never come so far: what they call is checked when they are loaded.
    """
    name, trees = str(tree[1]), tree[2:]
    expected = arity(name)
    if expected is None:
        return _failing("unknown_function", name)
    if not expected[0] <= len(trees) <= expected[1]:
        return _failing("argument_count", name)
    if name in _SPECIAL:
        return _SPECIAL[name][2](trees, shape)
    kinds, _, _, result, function = _PLAIN[name]
    arguments = [
        _converted(compile_tree(t, shape), kinds[min(i, len(kinds) - 1)]) for i, t in enumerate(trees)
    ]
    return Compiled(result, _applied(function, arguments, name in _CLOCKED))


def _failing(code: str, detail: str) -> Compiled:
    def run(c: Context) -> Value:
        raise EvaluationError(code, detail)

    return Compiled("any", run)


def _converted(compiled: Compiled, kind: str) -> Run:
    if kind == "n":
        return compiled.number()
    if kind == "s":
        return compiled.string()
    return compiled.boolean() if kind == "b" else compiled.run


def _applied(function: Callable[..., Any], arguments: list[Run], clocked: bool) -> Run:
    if clocked:
        return lambda c: function(c, *[argument(c) for argument in arguments])
    if len(arguments) == 1:
        (one,) = arguments
        return lambda c: function(one(c))
    if len(arguments) == 2:
        first, second = arguments
        return lambda c: function(first(c), second(c))
    return lambda c: function(*[argument(c) for argument in arguments])


def plain(
    name: str, kinds: str, result: str, *, fewest: int | None = None, most: int | None = None
) -> Register:
    """Registers a function. kinds: one letter an argument, the last repeats where most allows more."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        low = len(kinds) if fewest is None else fewest
        _PLAIN[name] = (kinds or "v", low, len(kinds) if most is None else most, result, function)
        return function

    return register


def clocked(name: str, kinds: str, result: str, *, fewest: int | None = None) -> Register:
    """As plain, for a function that also gets the context."""
    _CLOCKED.add(name)
    return plain(name, kinds, result, fewest=fewest)


def special(name: str, fewest: int, most: int) -> Callable[[Builder], Builder]:
    def register(builder: Builder) -> Builder:
        _SPECIAL[name] = (fewest, most, builder)
        return builder

    return register


def scalar(value: Value) -> str | float | bool:
    return value if isinstance(value, str | float | bool) else to_string(value)


# ---- booleans and choice ---------------------------------------------------

plain("true", "", "boolean")(lambda: True)
plain("false", "", "boolean")(lambda: False)
plain("boolean", "b", "boolean")(lambda b: b)
plain("not", "b", "boolean")(lambda b: not b)
plain("boolean-from-string", "s", "boolean")(lambda s: s in ("1", "true"))


@special("if", 3, 3)
def _if(trees: list[Tree], shape: Shape) -> Compiled:
    test = compile_tree(trees[0], shape).boolean()
    yes, no = compile_tree(trees[1], shape), compile_tree(trees[2], shape)
    a, b = yes.run, no.run
    return Compiled(yes.kind if yes.kind == no.kind else "any", lambda c: a(c) if test(c) else b(c))


def is_blank(value: Value) -> bool:
    value = scalar(value)
    return value == "" or value != value


@special("coalesce", 2, 2)
def _coalesce(trees: list[Tree], shape: Shape) -> Compiled:
    first, second = compile_tree(trees[0], shape), compile_tree(trees[1], shape)
    a, b = first.run, second.run

    def run(c: Context) -> Value:
        value: Value = a(c)
        if is_blank(value):
            value = b(c)
        return value

    return Compiled(first.kind if first.kind == second.kind else "any", run)


@special("once", 1, 1)
def _once(trees: list[Tree], shape: Shape) -> Compiled:
    argument = compile_tree(trees[0], shape).run

    def run(c: Context) -> Value:
        # What it holds, hidden or not: a hidden answer is kept.
        value: Value = getattr(c.current, "text", "") or argument(c)
        return value

    return Compiled("any", run)


def _truths(value: Value) -> list[bool]:
    if isinstance(value, str | float | bool):
        return [to_boolean(value)]
    return [node.value != "" for node in value]


@plain("checklist", "nnv", "boolean", fewest=2, most=MANY)
def _checklist(least: float, most: float, *values: Value) -> bool:
    return _within(least, most, sum(truth for value in values for truth in _truths(value)))


@plain("weighted-checklist", "nnv", "boolean", fewest=2, most=MANY)
def _weighted(least: float, most: float, *values: Value) -> bool:
    if len(values) % 2:
        raise EvaluationError("argument_count", "weighted-checklist")
    total = 0.0
    for value, weight in zip(values[::2], values[1::2], strict=True):
        truths = _truths(value)
        weights = [to_number(weight)] if isinstance(weight, str | float | bool) else [
            number_of_text(node.value) for node in weight
        ]  # fmt: skip
        total += sum(w for truth, w in zip(truths, weights, strict=False) if truth)
    return _within(least, most, total)


def _within(least: float, most: float, total: float) -> bool:
    return (least == -1 or total >= least) and (most == -1 or total <= most)


# ---- numbers ---------------------------------------------------------------

plain("number", "n", "number")(lambda n: n)
plain("string", "s", "string")(lambda s: s)


def _truncated(number: float) -> float:
    return number if number != number or math.isinf(number) else float(math.trunc(number))


plain("int", "n", "number")(_truncated)
plain("abs", "n", "number")(abs)
plain("ceiling", "n", "number")(lambda n: n if n != n or math.isinf(n) else float(math.ceil(n)))
plain("floor", "n", "number")(lambda n: n if n != n or math.isinf(n) else float(math.floor(n)))


def half_up(number: float) -> float:
    """To the nearest whole number, halves toward +Infinity."""
    below = math.floor(number)
    return float(below + 1 if number - below >= 0.5 else below)


@plain("round", "nn", "number", fewest=1)
def _round(number: float, places: float = 0.0) -> float:
    if number != number or math.isinf(number) or places != places:
        return number if places == places else NAN
    digits = int(max(-308, min(308, places)))
    factor = 10.0 ** abs(digits)
    scaled = number / factor if digits < 0 else number * factor
    if math.isinf(scaled):
        return number
    return half_up(scaled) * factor if digits < 0 else half_up(scaled) / factor


def _guarded(function: Callable[..., float]) -> Callable[..., float]:
    """Where Python raises, IEEE has NaN or Infinity."""

    def run(*numbers: float) -> float:
        try:
            return float(function(*numbers))
        except OverflowError:
            return math.inf
        except ValueError:
            return NAN

    return run


def _power(base: float, exponent: float) -> float:
    if exponent != exponent or (base != base and exponent != 0):
        return NAN
    if base == 0 and exponent < 0:
        return math.inf
    if abs(base) == 1 and math.isinf(exponent):
        return NAN
    return math.pow(base, exponent)


def _logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda n: -math.inf if n == 0 else function(n)


plain("pow", "nn", "number")(_guarded(_power))
plain("sqrt", "n", "number")(_guarded(math.sqrt))
plain("exp", "n", "number")(_guarded(math.exp))
plain("exp10", "n", "number")(_guarded(lambda n: math.pow(10.0, n)))
plain("log", "n", "number")(_guarded(_logarithm(math.log)))
plain("log10", "n", "number")(_guarded(_logarithm(math.log10)))
for _name in ("sin", "cos", "tan", "asin", "acos", "atan"):
    plain(_name, "n", "number")(_guarded(getattr(math, _name)))
plain("atan2", "nn", "number")(_guarded(math.atan2))
plain("pi", "", "number")(lambda: math.pi)
clocked("random", "", "number")(lambda c: c.runtime.random())


# ---- node-sets to numbers --------------------------------------------------


def present(nodes: NodeSet) -> list[Element]:
    return [node for node in nodes if node.relevant]


def _over_nodes(name: str, result: str, function: Callable[[list[Element]], Any]) -> None:
    def build(trees: list[Tree], shape: Shape) -> Compiled:
        nodes = compile_tree(trees[0], shape).nodes()
        return Compiled(result, lambda c: function(present(nodes(c))))

    special(name, 1, 1)(build)


_over_nodes("count", "number", lambda nodes: float(len(nodes)))
_over_nodes("count-non-empty", "number", lambda nodes: float(sum(1 for node in nodes if node.value != "")))
_over_nodes(
    "sum", "number", lambda nodes: math.fsum(_filled(nodes)) if len(nodes) > 8 else float(sum(_filled(nodes)))
)


def _filled(nodes: Sequence[Element]) -> list[float]:
    """Blanks are skipped: a person not asked about adds nothing."""
    return [number_of_text(node.value) for node in nodes if node.value != ""]


def _extreme(pick: Callable[[Sequence[float]], float]) -> Callable[..., float]:
    def run(*values: Value) -> float:
        if len(values) == 1 and not isinstance(values[0], str | float | bool):
            numbers = _filled(present(values[0]))
        else:
            numbers = [
                number
                for value in values
                for number in (
                    [to_number(value)]
                    if isinstance(value, str | float | bool)
                    else [number_of_text(node.value) for node in value if node.relevant and node.value != ""]
                )
            ]
        return NAN if not numbers or any(n != n for n in numbers) else pick(numbers)

    return run


plain("min", "v", "number", fewest=0, most=MANY)(_extreme(min))
plain("max", "v", "number", fewest=0, most=MANY)(_extreme(max))


# ---- text ------------------------------------------------------------------


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


def _spread(values: Sequence[Value]) -> list[str]:
    texts = []
    for value in values:
        if isinstance(value, str | float | bool):
            texts.append(to_string(value))
        else:
            texts += [node.value for node in value if node.relevant]
    return texts


plain("concat", "v", "string", fewest=0, most=MANY)(lambda *values: "".join(_spread(values)))
plain("join", "sv", "string", fewest=1, most=MANY)(lambda separator, *values: separator.join(_spread(values)))


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


# ---- selects ---------------------------------------------------------------


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


# ---- nodes -----------------------------------------------------------------


@special("position", 0, 1)
def _position(trees: list[Tree], shape: Shape) -> Compiled:
    if not trees:
        return Compiled("number", lambda c: float(c.position))
    nodes = compile_tree(trees[0], shape).nodes()

    def run(c: Context) -> float:
        found = nodes(c)
        return float(found[0].position) if found else NAN

    return Compiled("number", run)


special("last", 0, 0)(lambda trees, shape: Compiled("number", lambda c: float(c.size)))
special("current", 0, 0)(lambda trees, shape: Compiled("nodes", lambda c: (c.current,)))


@special("name", 0, 1)
def _name_of(trees: list[Tree], shape: Shape) -> Compiled:
    if not trees:
        return Compiled("string", lambda c: c.node.name)
    nodes = compile_tree(trees[0], shape).nodes()
    return Compiled("string", lambda c: next((node.name for node in nodes(c)), ""))


special("local-name", 0, 1)(_name_of)


@special("instance", 1, 1)
def _instance(trees: list[Tree], shape: Shape) -> Compiled:
    name = compile_tree(trees[0], shape).string()

    def run(c: Context) -> NodeSet:
        wanted = name(c)
        found = c.runtime.external(wanted)
        if found is None:
            raise EvaluationError("unknown_instance", wanted)
        return (found,)

    return Compiled("nodes", run)


@special("pulldata", 4, 4)
def _pulldata(trees: list[Tree], shape: Shape) -> Compiled:
    file, want, key, value = (compile_tree(tree, shape).string() for tree in trees)

    def run(c: Context) -> str:
        name = file(c).removesuffix(".csv")
        document = c.runtime.external(name)
        if document is None:
            raise EvaluationError("unknown_instance", name)
        column, wanted = key(c), value(c)
        lookup = getattr(document, "where", None)
        rows = (
            lookup(column, (wanted,))
            if lookup is not None
            else [row for root in document.named("root") for row in root.named("item")
                  if any(cell.value == wanted for cell in row.named(column))]
        )  # fmt: skip
        return to_string(rows[0].named(want(c))) if rows else ""

    return Compiled("string", run)


@special("indexed-repeat", 3, 7)
def _indexed_repeat(trees: list[Tree], shape: Shape) -> Compiled:
    """All instances of the node, narrowed by each (repeat, index) pair; repeats not named bind to the owner's."""
    if len(trees) % 2 == 0:
        raise EvaluationError("argument_count", "indexed-repeat")
    target = absolute_path(trees[0], shape)
    indexes: dict[str, Callable[[Context], float]] = {}
    for repeat, index in zip(trees[1::2], trees[2::2], strict=True):
        path = absolute_path(repeat, shape)
        if not target.startswith(path + "/"):
            raise EvaluationError("not_in_repeat", path)
        indexes[path] = compile_tree(index, shape).number()
    shared = shared_repeat(target, shape)
    parts = target.strip("/").split("/")
    paths = ["/" + "/".join(parts[: i + 1]) for i in range(len(parts))]

    def run(c: Context) -> NodeSet:
        own = {}
        node: Element | None = c.current
        place = shape.owner
        while node is not None and place:
            own[place] = node
            node, place = node.parent, place.rpartition("/")[0]
        nodes: list[Element] = [c.runtime.root]
        for path, name in zip(paths, parts, strict=True):
            nodes = [child for above in nodes for child in above.named(name)]
            if path in indexes:
                wanted = indexes[path](c)
                nodes = [child for child in nodes if child.position == wanted]
            elif shared and (shared == path or shared.startswith(path + "/")) and path in own:
                nodes = [child for child in nodes if child is own[path]]
            c.runtime.spend(len(nodes) + 1)
        return nodes

    return Compiled("nodes", run)


def absolute_path(tree: Tree, shape: Shape) -> str:
    """The path a reference names, without instances; relative ones from the owner."""
    if isinstance(tree, list) and tree[0] == "ref":
        return str(tree[1])
    if isinstance(tree, list) and tree[0] == "path":
        place = "" if tree[1] == "/" else shape.owner
        for axis, name, *_ in tree[2:]:
            place = place.rpartition("/")[0] if axis == "parent" else f"{place}/{name}"
        return place
    raise EvaluationError("not_nodes", "indexed-repeat")


# ---- shuffle ---------------------------------------------------------------

_MODULUS = 2_147_483_647


def shuffled(items: Sequence[Any], seed: int | None, random: Callable[[], float]) -> list[Any]:
    """XFORMS §5. Without a seed any order."""
    state = 0
    if seed is not None:
        state = (
            int(math.fmod(seed, _MODULUS))
            if abs(seed) < 2**53
            else (abs(seed) % _MODULUS) * (1 if seed > 0 else -1)
        )
        if state <= 0:
            state += _MODULUS - 1
    out: list[Any] = []
    for i, item in enumerate(items):
        if seed is None:
            draw = random()
        else:
            state = state * 16807 % _MODULUS
            draw = (state - 1) / (_MODULUS - 1)
        j = math.floor(draw * (i + 1))
        out.append(item)
        if j != i:
            out[i] = out[j]
            out[j] = item
    return out


def seed_of(value: Value) -> int:
    number = to_number(value)
    if number == number and math.isfinite(number):
        return math.trunc(number)
    text = to_string(value)
    if text in ("", "NaN") or isinstance(value, float):
        return 0
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


@special("randomize", 1, 2)
def _randomize(trees: list[Tree], shape: Shape) -> Compiled:
    nodes = compile_tree(trees[0], shape).nodes()
    seed = compile_tree(trees[1], shape).run if len(trees) > 1 else None

    def run(c: Context) -> NodeSet:
        return shuffled(present(nodes(c)), seed_of(seed(c)) if seed else None, c.runtime.random)

    return Compiled("nodes", run)


# ---- dates -----------------------------------------------------------------

_LOOSE_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(T.*)?", re.ASCII)
_PLAIN_NUMBER = re.compile(r"-?\d+(?:\.\d*)?|-?\.\d+", re.ASCII)


def moment_of(c: Context, value: Value) -> datetime | float | None:
    """A date argument: a moment in the local zone; None for blank, NaN for NaN.

    Raises EvaluationError for a boolean, a text that is no date, an impossible date.
    """
    value = scalar(value)
    if isinstance(value, bool):
        raise EvaluationError("not_a_date")
    local = c.runtime.local
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if not _PLAIN_NUMBER.fullmatch(text):
            return _moment_of_text(text, c)
        value = float(text)
    if value != value or math.isinf(value):
        return NAN
    moment = moment_of_days(value, local)
    if moment is None:
        raise EvaluationError("not_a_date")
    return moment


def _moment_of_text(text: str, c: Context) -> datetime:
    found = _LOOSE_DATE.fullmatch(text)
    if found:
        year, month, day, rest = found.groups()
        text = f"{year}-{month:0>2}-{day:0>2}{rest or ''}"
    moment = instant_of_text(text, c.runtime.local)
    if moment is None:
        raise EvaluationError("not_a_date")
    return moment.astimezone(c.runtime.local) if "T" in text else moment


@clocked("today", "", "string")
def _today(c: Context) -> str:
    return text_of_date(c.runtime.now)


@clocked("now", "", "string")
def _now(c: Context) -> str:
    return text_of_moment(c.runtime.now)


@clocked("date", "v", "any")
def _date(c: Context, value: Value) -> Value:
    moment = moment_of(c, value)
    if moment is None:
        return ""
    return moment if isinstance(moment, float) else text_of_date(moment)


@clocked("date-time", "v", "any")
def _date_time(c: Context, value: Value) -> Value:
    value = scalar(value)
    if isinstance(value, float) and value == value and value == math.floor(value):
        # Here a whole number is an instant too: date-time(0) is 1970-01-01T00:00Z in local time.
        moment: datetime | float | None = instant_of_text("1970-01-01T00:00:00Z", c.runtime.local)
        shifted = moment_of_days(value + 0.5, c.runtime.local)
        if shifted is None or not isinstance(moment, datetime):
            raise EvaluationError("not_a_date")
        from datetime import timedelta

        moment = (moment + timedelta(days=value)).astimezone(c.runtime.local)
    else:
        moment = moment_of(c, value)
    if moment is None:
        return ""
    if isinstance(moment, float):
        return moment
    midnight = not (moment.hour or moment.minute or moment.second or moment.microsecond)
    return text_of_date(moment) if midnight else text_of_moment(moment)


@clocked("decimal-date-time", "v", "number")
def _decimal_date_time(c: Context, value: Value) -> float:
    value = scalar(value)
    if isinstance(value, float):
        return value
    if isinstance(value, bool):
        return NAN
    moment = instant_of_text(value.strip(), c.runtime.local)
    return NAN if moment is None else days_of_instant(moment)


@clocked("decimal-time", "s", "number")
def _decimal_time(c: Context, text: str) -> float:
    return day_fraction_of_time(text.strip(), c.runtime.now)


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAYS_ZH = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")

_TOKENS: dict[str, Callable[[datetime, bool], str]] = {
    "Y": lambda m, zh: f"{m.year:04d}",
    "y": lambda m, zh: f"{m.year % 100:02d}",
    "m": lambda m, zh: f"{m.month:02d}",
    "n": lambda m, zh: str(m.month),
    "b": lambda m, zh: f"{m.month}月" if zh else _MONTHS[m.month - 1],
    "d": lambda m, zh: f"{m.day:02d}",
    "e": lambda m, zh: str(m.day),
    "a": lambda m, zh: (_DAYS_ZH if zh else _DAYS)[m.weekday()],
    "H": lambda m, zh: f"{m.hour:02d}",
    "h": lambda m, zh: str(m.hour),
    "M": lambda m, zh: f"{m.minute:02d}",
    "S": lambda m, zh: f"{m.second:02d}",
    "3": lambda m, zh: f"{m.microsecond // 1000:03d}",
    "%": lambda m, zh: "%",
}


def _format_date(c: Context, value: Value, pattern: str) -> str:
    """'' for a blank or for what is no date. Raises EvaluationError for a token that does not exist."""
    chinese = (c.runtime.lang or "").startswith("zh")
    unknown = re.search(r"%(?![YymnbdeaHhMS3%]).?", re.sub("%%", "", pattern))
    if unknown:
        raise EvaluationError("format", unknown.group())
    try:
        moment = moment_of(c, value)
    except EvaluationError:
        return ""
    if not isinstance(moment, datetime):
        return ""
    return re.sub(r"%(.)", lambda found: _TOKENS[found.group(1)](moment, chinese), pattern)


clocked("format-date", "vs", "string")(_format_date)
clocked("format-date-time", "vs", "string")(_format_date)
clocked("version", "", "string")(lambda c: c.runtime.labels.version)


# ---- geometry --------------------------------------------------------------


def _shapes(values: Sequence[Value]) -> list[str]:
    return _spread(values)


@plain("area", "v", "number")
def _area(value: Value) -> float:
    return geometry.area(geometry.points(";".join(t for t in _shapes([value]) if t)))


@plain("distance", "v", "number", most=MANY)
def _distance(*values: Value) -> float:
    return geometry.length(geometry.points(";".join(t for t in _shapes(values) if t)))


@plain("geofence", "ss", "boolean")
def _geofence(point: str, shape: str) -> bool:
    corner = geometry.points(point)
    return bool(corner) and geometry.inside(corner[0], geometry.points(shape))


plain("intersects", "s", "boolean")(lambda s: geometry.crosses_itself(geometry.points(s)))

__all__ = ["DAY", "arity", "call", "is_date", "pattern_of", "predicate", "shuffled"]
