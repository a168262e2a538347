"""The cases of the vectors, prepared and run.

An expression case becomes a small form: its context as questions, groups and
repeats, and a ``result`` calculate where the expression is evaluated. Both
engines get the same prepared case:

eval: ``{"id", "definition", "answers", "at", "tree", "now", "tz", "lang",
"external"}``; answers are nested and complete, so neither defaults nor first
repeat instances arise. play: ``{"id", "definition", "steps", "now", "tz",
"external"}``. What cannot be parsed or compiled has ``error`` instead of a
definition and is answered without an engine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from forms.attached import read_attachments
from forms.compile import compile_rows
from forms.compile_texts import language_key
from forms.definition import Form, without_indexes
from forms.expression.parse import ExpressionError, parse
from forms.expression.values import EvaluationError, text_of_number, to_string, type_of
from forms.instance import Instance
from forms.problems import FormProblems

Case = Mapping[str, Any]
Prepared = dict[str, Any]
_GROUPS = (dict, list)


def lists_of(case: Case) -> dict[str, Any]:
    """Rows by list name. Raises FormProblems."""
    read = read_attachments({name: str(text).encode() for name, text in (case.get("files") or {}).items()})
    return {name.rpartition(".")[0]: rows for name, rows in read.items()}


# ---- expressions -----------------------------------------------------------


def prepare_expression(case: Case, now: str) -> Prepared:
    at = case.get("at") or "/data/result"
    prepared: Prepared = {
        "id": case["id"],
        "at": at,
        "now": case.get("now") or now,
        "tz": case.get("tz") or "UTC",
        "external": {},
    }
    try:
        ZoneInfo(prepared["tz"])
        prepared["external"] = lists_of(case)
        context = _with_owner(case.get("context") or {}, at, case.get("self", ""))
        choices = {name: list(rows) for name, rows in case.get("choices", {}).items()}
        survey = list(_rows(context, case.get("types", {}), choices))
        survey += [
            {"type": f"{name.rpartition('.')[2]}-external", "name": name.rpartition(".")[0]}
            for name in case.get("files", {})
        ]
        # Lists only an expression reads.
        survey += [
            {"type": f"select_one {name}", "name": f"uses_{name}", "label": "x"}
            for name in choices
            if not any(str(row.get("type", "")).endswith(" " + name) for row in survey)
        ]
        form = compile_rows(
            {
                "survey": survey,
                "choices": [{"list_name": name, **row} for name, rows in choices.items() for row in rows],
                "settings": [{"form_id": "case", "version": "v1"}],
            }
        )
        tree = parse(case["expr"], lambda name: _path_of(form, name, at))
    except (FormProblems, ExpressionError, EvaluationError, ValueError, KeyError, RecursionError) as error:
        prepared["error"] = str(error) or type(error).__name__
        return prepared
    lang = case.get("lang")
    prepared |= {
        "definition": form.definition,
        "answers": _texts(context),
        "tree": tree,
        "lang": language_key(lang) if lang else None,
    }
    return prepared


def _path_of(form: Form, name: str, at: str) -> str | None:
    found = [path for path, node in form.nodes.items() if node["name"] == name]
    return found[0] if found else None


def _with_owner(context: Any, at: str, own: str) -> dict[str, Any]:
    """The context with the evaluated node in every instance of its place."""
    copied: dict[str, Any] = _copied(context)
    names = without_indexes(at).split("/")[2:]
    places: list[dict[str, Any]] = [copied]
    for name in names[:-1]:
        inner = [place.setdefault(name, {}) for place in places]
        places = [each for one in inner for each in (one if isinstance(one, list) else [one])]
    for place in places:
        place.setdefault(names[-1], ("result", own) if not isinstance(place.get(names[-1]), _GROUPS) else {})
    return copied


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(inner) for name, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


def _rows(
    context: Mapping[str, Any], types: Mapping[str, str], choices: dict[str, list[Any]]
) -> Iterator[dict[str, str]]:
    for name, value in context.items():
        if isinstance(value, dict):
            yield {"type": "begin group", "name": name, "label": name}
            yield from _rows(value, types, choices)
            yield {"type": "end group"}
        elif isinstance(value, list):
            merged: dict[str, Any] = {}
            for each in value:
                _merge(merged, each)
            yield {"type": "begin repeat", "name": name, "label": name}
            yield from _rows(merged, types, choices)
            yield {"type": "end repeat"}
        else:
            yield {"type": _type(name, value, types, choices), "name": name, "label": name}


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """All names of all instances, so that a repeat has every question."""
    for name, value in more.items():
        if isinstance(value, dict):
            _merge(into.setdefault(name, {}), value)
        elif isinstance(value, list):
            merged = into.setdefault(name, [{}])
            for each in value:
                _merge(merged[0], each)
        else:
            into.setdefault(name, value)


def _type(name: str, value: Any, types: Mapping[str, str], choices: dict[str, list[Any]]) -> str:
    kind = types.get(name)
    if kind in ("select_one", "select_multiple", "rank"):
        made = f"values_of_{name}"
        tokens = str(value).split() or ["x"]
        choices.setdefault(made, [{"name": token, "label": token} for token in dict.fromkeys(tokens)])
        return f"{kind} {made}"
    if kind:
        return kind
    if isinstance(value, bool | tuple):
        return "text"
    return "integer" if isinstance(value, int) else "decimal" if isinstance(value, float) else "text"


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _texts(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_texts(inner) for inner in value]
    if isinstance(value, tuple):
        return str(value[1])
    return text_of_number(float(value)) if isinstance(value, int | float) else str(value)


def run_expression(prepared: Prepared) -> dict[str, Any]:
    """``{"id", "value", "type"}`` or ``{"id", "error"}``."""
    if "error" in prepared:
        return {"id": prepared["id"], "error": prepared["error"]}
    try:
        instance = Instance(
            Form(prepared["definition"]),
            now=clock_of(prepared),
            answers=prepared["answers"],
            external=prepared["external"],
            ids=counter_ids(),
            random=random.random,
            lang=prepared["lang"],
        )
        node = instance.at(prepared["at"])
        if node is None:
            return {"id": prepared["id"], "error": f"no node {prepared['at']}"}
        value = instance.evaluate(prepared["tree"], node)
    except (EvaluationError, RecursionError) as error:
        return {"id": prepared["id"], "error": str(error)}
    kind = type_of(value)
    shown: Any = value
    if kind == "number":
        number = float(value)  # type: ignore[arg-type]
        finite = number - number == 0
        shown = (int(number) if number == int(number) else number) if finite else text_of_number(number)
    elif kind == "string":
        shown = to_string(value)
    return {"id": prepared["id"], "value": shown, "type": kind}


def clock_of(prepared: Prepared) -> datetime:
    zone = ZoneInfo(prepared.get("tz") or "UTC")
    now = prepared.get("now")
    moment = datetime.fromisoformat(now) if now else datetime(1970, 1, 1, tzinfo=UTC)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(zone)


def counter_ids() -> Callable[[], str]:
    """Valid version 4 ids, never the same twice."""
    count = 0

    def make() -> str:
        nonlocal count
        count += 1
        return f"00000000-0000-4000-8000-{count * 7919:012x}"

    return make


# ---- scenarios -------------------------------------------------------------


def prepare_scenario(case: Case, now: str) -> Prepared:
    prepared: Prepared = {
        "id": case["id"],
        "now": case.get("now") or now,
        "tz": case.get("tz") or "UTC",
        "external": {},
        "steps": [
            {**step, "lang": language_key(step["lang"])} if "lang" in step else dict(step)
            for step in case.get("steps", ())
        ],
    }
    try:
        ZoneInfo(prepared["tz"])
        prepared["external"] = lists_of(case)
        prepared["definition"] = compile_rows(case["form"]).definition
    except (FormProblems, ValueError, KeyError, RecursionError) as error:
        prepared["error"] = str(error) or type(error).__name__
    return prepared


def run_scenario(prepared: Prepared) -> dict[str, Any]:
    """``{"id", "steps": […]}`` or ``{"id", "load_error"}``."""
    if "error" in prepared:
        return {"id": prepared["id"], "load_error": prepared["error"]}
    instance = Instance(
        Form(prepared["definition"]),
        now=clock_of(prepared),
        external=prepared["external"],
        prefill=prepared.get("prefill"),
        ids=counter_ids(),
    )
    return {"id": prepared["id"], "steps": [_taken(instance, step) for step in prepared["steps"]]}


_QUESTIONS: dict[str, Callable[[Instance, str], Any]] = {
    "values": lambda form, path: form.value(path),
    "relevant": lambda form, path: form.is_relevant(path),
    "readonly": lambda form, path: form.is_readonly(path),
    "required": lambda form, path: form.is_required(path),
    "count": lambda form, path: form.count(path),
    "choices": lambda form, path: [choice.name for choice in form.choices(path)],
    "choice_labels": lambda form, path: [choice.label for choice in form.choices(path)],
    "label": lambda form, path: form.label(path),
    "hint": lambda form, path: form.text(path, "hint"),
    "violation": lambda form, path: found.code if (found := form.violation(path)) else None,
    "message": lambda form, path: found.message if (found := form.violation(path)) else None,
}


def _taken(form: Instance, step: Mapping[str, Any]) -> dict[str, Any]:
    """A step that cannot be taken says so; the others are taken all the same."""
    try:
        return _step(form, step)
    except (EvaluationError, KeyError, TypeError, ValueError, AttributeError) as error:
        return {"result": "error", "error": str(error)}


def _step(form: Instance, step: Mapping[str, Any]) -> dict[str, Any]:
    what = step.get("do")
    if what is None:
        return {
            name: {path: _QUESTIONS[name](form, path) for path in paths} if name in _QUESTIONS else None
            for name, paths in step["expect"].items()
        }
    if what == "set":
        return {"result": form.set_value(step["path"], step["value"])}
    if what == "add_repeat":
        return {"result": "ok" if form.add_repeat(step["path"]) else "not allowed"}
    if what == "remove_repeat":
        return {"result": "ok" if form.remove_repeat(step["path"]) else "not allowed"}
    if what == "language":
        form.set_language(step["lang"])
        return {"result": "ok"}
    if what == "finalize":
        finished = form.finalize()
        return {
            "form_valid": finished.valid,
            "violations": {violation.path: violation.code for violation in finished.violations},
            "submission": _submission(form, finished.answers),
        }
    if what == "look":
        return look(form)
    return {"result": "unknown step"}


def look(form: Instance) -> dict[str, Any]:
    """Everything a person could see now, by path: for holding the two engines against each other."""
    paths = [form.path_of(node) for node in form.questions()]
    selects = [form.path_of(node) for node in form.questions() if {"list", "items"} & node.definition.keys()]
    seen = {
        name: {path: _QUESTIONS[name](form, path) for path in paths}
        for name in ("values", "relevant", "readonly", "required", "label", "violation", "message")
    }
    return seen | {
        name: {path: _QUESTIONS[name](form, path) for path in selects}
        for name in ("choices", "choice_labels")
    }


def _submission(form: Instance, answers: Mapping[str, Any]) -> dict[str, str]:
    flat = dict(_flat(answers, form.root.path))
    if form.form.definition.get("instance_name") is not None:
        flat[f"{form.root.path}/meta[1]/instanceName"] = form.instance_name()
    top = next((e for e in form.form.definition["entities"] if e["scope"] == form.root.path), None)
    if top is not None and top.get("label") is not None:
        flat[f"{form.root.path}/meta[1]/entity[1]/label"] = to_string(form.evaluate(top["label"], form.root))
    return flat


def _flat(answers: Mapping[str, Any], above: str) -> Iterator[tuple[str, str]]:
    for name, value in answers.items():
        if isinstance(value, str):
            yield f"{above}/{name}", value
        elif isinstance(value, list):
            for place, each in enumerate(value, 1):
                yield from _flat(each, f"{above}/{name}[{place}]")
        else:
            yield from _flat(value, f"{above}/{name}")
