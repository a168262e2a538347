"""The server's second look at a submission: what a phone may not send is found again.

Nothing is changed or refused here. The answers are loaded as they were sent;
what follows from them is compared with what came. Register records may have
moved on since the visit, so nothing that reads them is compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from forms.definition import Form
from forms.dependencies import Graph, reads_of, trees_of
from forms.entities import EntityChange, changes
from forms.expression.values import EvaluationError
from forms.instance import Instance, Node, engine_of, several, typed
from forms.register import FIELDS

VOLATILE = {"now", "today", "random", "uuid", "randomize", "once", "instance", "pulldata"}

MESSAGES: dict[str, tuple[str, str]] = {
    "unknown_path": ("表单里没有这道题", "the form has no such question"),
    "irrelevant": ("这道题不该问,却有答案", "answered although it is not asked"),
    "required": ("必答题没有答", "a required answer is missing"),
    "constraint": ("答案不符合要求", "the answer breaks its rule"),
    "not_a_choice": ("答案不在选项里", "the answer is not one of the choices"),
    "calculation": ("计算结果和重新计算的不同", "the value differs from the one worked out again"),
    "entity_missing": (
        "该登记的变化没有收到",
        "a change of the register that follows from the answers did not come",
    ),
    "entity_differs": ("收到的登记变化和答卷不一致", "a change of the register differs from the answers"),
    "entity_unexpected": (
        "收到了答卷里没有的登记变化",
        "a change of the register does not follow from the answers",
    ),
}


@dataclass(frozen=True)
class ReviewProblem:
    """path with indexes; for entities ``household.water_source``. Holds no answer."""

    code: str
    path: str
    label: str = ""

    def message(self, lang: str = "zh") -> str:
        return MESSAGES[self.code][1 if lang == "en" else 0]


def evaluate(
    form: Form,
    submission: Mapping[str, Any],
    *,
    external: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    ops: Sequence[Mapping[str, Any]] | None = None,
    lang: str = "zh",
) -> list[ReviewProblem]:
    """Problems of a submission's fields ({"answers", "ended", …}), in form order.

    ops: the household, member and issue ops that came with it ({"entity",
    "id", "kind", "fields"}); without them entity changes are not compared.
    """
    found, instance = looked_at(form, submission, external, lang)
    if ops is not None:
        found += _entities(changes(form, instance, {}), ops)
    return found


def looked_at(
    form: Form, submission: Mapping[str, Any], external: Mapping[str, Sequence[Mapping[str, Any]]] | None, lang: str = "zh"
) -> tuple[list[ReviewProblem], Instance]:
    """The problems as `evaluate` tells them, and the form filled with the answers as they were sent."""
    answers = submission.get("answers") or {}
    found = [ReviewProblem("unknown_path", path) for path in _unknown(answers, form)]
    instance = Instance(
        form,
        now=moment(submission.get("ended")),
        external=external,
        answers=answers,
        ids=lambda: "0",
        as_sent=True,
        ranks=_ranks(form),
    )
    found += _answers(instance, form, lang)
    return found, instance


def moment(text: Any) -> datetime:
    """When a form was finished, with its offset; the beginning of time when it does not say."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _unknown(answers: Mapping[str, Any], form: Form) -> Iterator[str]:
    """Paths of what the form does not have."""
    kinds = engine_of(form).kind_of
    if log := form.definition.get("audit", {}).get("path", ""):
        # The log of filling is no question: it stands where ODK has it.
        kinds = {log.removesuffix("/audit"): "group", log: "question"} | kinds

    def visit(value: Any, path: str, steps: tuple[Any, ...]) -> Iterator[str]:
        kind = kinds.get(path)
        if kind == "question":
            if not isinstance(value, str):
                yield _shown(steps)
        elif kind == "group" and isinstance(value, dict):
            for name, inner in value.items():
                if not (isinstance(inner, str) and kinds.get(f"{path}/{name}") == "question"):
                    yield from visit(inner, f"{path}/{name}", (*steps, name))
        elif kind == "repeat" and isinstance(value, list):
            for place, each in enumerate(value, 1):
                if isinstance(each, dict):
                    for name, inner in each.items():
                        if not (isinstance(inner, str) and kinds.get(f"{path}/{name}") == "question"):
                            yield from visit(inner, f"{path}/{name}", (*steps, place, name))
                else:
                    yield _shown((*steps, place))
        else:
            yield _shown(steps)

    root = engine_of(form).root
    yield from visit(answers, root, (root[1:],))


def _shown(steps: tuple[Any, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f"/{step}" for step in steps)


class _Look(NamedTuple):
    """What there is to look at of a question's answer."""

    required: bool
    constraint: bool
    compared: bool
    choices: bool


def _answers(instance: Instance, form: Form, lang: str) -> Iterator[ReviewProblem]:
    """What was sent stands, so nothing depends on a calculation worked out again: each is compared where it is met."""
    looks = _looks(form)
    for node in instance.questions():
        text, look = node.text, looks[node.path]
        codes = []
        if not node.relevant:
            if text:
                codes.append("irrelevant")
        else:
            if text == "" and look.required:
                instance.update(node, "required")
            if (look.constraint or node.readable == "") and (broken := instance.broken(node)):
                codes.append(broken)
            if look.compared and instance.calculation(node) != text:
                codes.append("calculation")
            if text and look.choices and not _is_choice(instance, node):
                codes.append("not_a_choice")
        for code in codes:
            yield ReviewProblem(code, instance.path_of(node), form.label(node.path, lang))


def _looks(form: Form) -> dict[str, _Look]:
    known = form.__dict__.get("_looks")
    if not isinstance(known, dict):
        compared = _compared(form)
        known = form.__dict__["_looks"] = {
            node["path"]: _Look(
                bool(node.get("required")), node.get("constraint") is not None, node["path"] in compared, "list" in node
            )
            for node in form.definition["nodes"]
            if node["kind"] == "question"
        }
    return known


def _is_choice(instance: Instance, node: Node) -> bool:
    try:
        offered = instance.offered_names(node)
    except EvaluationError:
        return True
    if not several(node.definition):
        return node.text in offered
    return all(name in offered for name in node.text.split())


def _ranks(form: Form) -> list[int]:
    """Places, in dependency order, of what decides which questions were asked."""
    known = form.__dict__.get("_review_ranks")
    if not isinstance(known, list):
        known = form.__dict__["_review_ranks"] = [
            rank for rank, (_, kind) in enumerate(engine_of(form).cells) if kind == "relevant"
        ]
    return known


def _compared(form: Form) -> frozenset[str]:
    """Paths whose calculation is worked out again."""
    known = form.__dict__.get("_compared")
    if not isinstance(known, frozenset):
        every = {node["path"] for node in form.definition["nodes"] if node.get("calculation") is not None}
        known = form.__dict__["_compared"] = frozenset(every - uncompared(form))
    return known


def uncompared(form: Form) -> set[str]:
    """Paths whose calculation cannot be worked out again: it reads the register, the clock or chance,
    waits for a trigger, or may have been typed over."""
    known = form.__dict__.get("_uncompared")
    if isinstance(known, set):
        return known
    graph: Graph = engine_of(form).graph
    found = set()
    for node in form.definition["nodes"]:
        tree = node.get("calculation")
        if tree is None:
            continue
        calls = {part[1] for part in trees_of(tree) if len(part) > 1 and part[0] == "fn"}
        reads = reads_of(tree, node["path"], graph.paths)
        if calls & VOLATILE or reads.lists & set(FIELDS) or node.get("trigger") or typed(node):
            found.add(node["path"])
    form.__dict__["_uncompared"] = found
    return found


def _entities(derived: Sequence[EntityChange], ops: Sequence[Mapping[str, Any]]) -> Iterator[ReviewProblem]:
    """Only new values are compared: the old ones depend on what the phone had seen."""
    came = {(op["entity"], op["id"]): op for op in ops}
    expected = {(change.entity, change.id): change for change in derived}
    lists = {change.entity for change in derived} | {op["entity"] for op in ops}
    for key, change in expected.items():
        op = came.get(key)
        if op is None:
            if change.fields:
                yield ReviewProblem("entity_missing", change.entity)
            continue
        for name, field in change.fields.items():
            sent = op["fields"].get(name)
            if sent is None and field["new"] == "":
                continue
            if sent is None or (sent.get("new") or "") != field["new"]:
                yield ReviewProblem("entity_differs", f"{change.entity}.{name}")
    for kind, identity in came:
        if kind in lists and kind in FIELDS and kind != "visit" and (kind, identity) not in expected:
            yield ReviewProblem("entity_unexpected", kind)
