"""One filled form: answers, and everything that follows from them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from forms.engine import engine_of
from forms.expression.values import EvaluationError, text_of_moment, to_boolean, to_string, well_formed
from forms.nodes import Answers, Choice, Finished, Node, Violation, several, typed
from forms.offering import Offering
from forms.recalculation import MOST_INSTANCES


class Instance(Offering):
    """A form being filled, or one that was.

    now bears the local zone. external: rows by list name. prefill: texts by
    question name, stronger than any default. answers: of a draft or a
    submission; a question that is in them does not run its default.
    as_sent: keep every loaded value, calculations and repeats too, and only
    work out what would follow (review); ranks: of the cells to work out then.
    """

    def find(self, path: str) -> Node | None:
        """By path with indexes; a repeat's path without index is the repeat itself."""
        steps = path.strip("/").split("/")
        node: Node | None = self.root if steps[0] == self.root.name else None
        for step in steps[1:]:
            if node is None:
                return None
            if node.instances is not None:
                node = node.instances[0] if node.instances else None
                if node is None:
                    return None
            name, _, index = step.partition("[")
            node = node.kids.get(name)
            if node is not None and node.instances is not None and index:
                place = int(index.rstrip("]"))
                node = node.instances[place - 1] if 0 < place <= len(node.instances) else None
        return node

    def at(self, path: str) -> Node | None:
        """As find; of a repeat the first instance."""
        node = self.find(path)
        if node is not None and node.instances is not None:
            return node.instances[0] if node.instances else None
        return node

    def questions(self) -> Iterator[Node]:
        """In document order, without walking what a generator a level would cost."""
        found: list[Node] = []

        def collect(nodes: Iterable[Node]) -> None:
            for node in nodes:
                if node.instances is not None:
                    for instance in node.instances:
                        collect(instance.kids.values())
                elif node.definition["kind"] == "question":
                    found.append(node)
                else:
                    collect(node.kids.values())

        collect(self.root.kids.values())
        return iter(found)

    def value(self, path: str) -> str:
        node = self.at(path)
        return node.text if node is not None else ""

    def is_relevant(self, path: str) -> bool:
        node = self.find(path)
        return node is not None and node.relevant

    def is_required(self, path: str) -> bool:
        node = self.at(path)
        return node is not None and node.required

    def is_readonly(self, path: str) -> bool:
        return self.locked(self.find(path))

    @staticmethod
    def locked(node: Node | None) -> bool:
        while node is not None:
            if node.own_readonly:
                return True
            node = node.slot or node.parent
        return False

    def count(self, path: str) -> int:
        slot = self.slot(path)
        return len(slot.instances) if slot is not None and slot.instances is not None else 0

    def slot(self, path: str) -> Node | None:
        node = self.find(path)
        return node if node is None or node.instances is not None else node.slot

    def choices(self, path: str) -> list[Choice]:
        node = self.at(path)
        if node is None:
            return []
        try:
            return self.shown(node)
        except EvaluationError:
            return []

    def text(self, path: str, which: str) -> str:
        """label, hint, guidance, required_message or constraint_message, with the answers put in."""
        node = self.find(path)
        return "" if node is None else self.filled_text(node, which)

    def filled_text(self, node: Node, which: str) -> str:
        text = node.definition.get(which)
        if not text:
            return ""
        parts = self.in_language(text)
        return parts if isinstance(parts, str) else self.put_together(node, parts, which)

    def label(self, path: str) -> str:
        return self.text(path, "label")

    def violation(self, path: str) -> Violation | None:
        node = self.at(path)
        return self.violation_of(node) if node is not None else None

    def broken(self, node: Node) -> str:
        """required, constraint, or ''."""
        if not node.relevant or node.definition["kind"] != "question":
            return ""
        if node.readable == "":
            return "required" if node.required else ""
        tree = node.definition.get("constraint")
        if tree is None:
            return ""
        value = self.compute(node, "constraint", tree)
        return "" if value is None or to_boolean(value) else "constraint"

    def violation_of(self, node: Node) -> Violation | None:
        code = self.broken(node)
        return (
            Violation(self.path_of(node), code, self.filled_text(node, f"{code}_message")) if code else None
        )

    def set_value(self, path: str, text: str) -> str:
        """ok, constraint, required, readonly or "not allowed". A value that breaks a rule is stored too."""
        node = self.at(path)
        if node is None or node.definition["kind"] != "question" or node.definition["type"] == "calculate":
            return "not allowed"
        if self.locked(node):
            return "readonly"
        self.write(node, text)
        self.flush()
        return self.broken(node) or "ok"

    def add_repeat(self, path: str) -> int:
        """The new instance's index; 0 where adding is not allowed."""
        slot = self.slot(path)
        if slot is None or slot.instances is None or not slot.relevant:
            return 0
        if (
            slot.definition.get("count") is not None
            or self.locked(slot)
            or len(slot.instances) >= MOST_INSTANCES
        ):
            return 0
        self.put_in(slot)
        self.flush()
        return len(slot.instances)

    def remove_repeat(self, path: str, index: int | None = None) -> bool:
        slot = self.slot(path)
        found = re.search(r"\[(\d+)\]$", path)
        place = index or (int(found.group(1)) if found else 0)
        if slot is None or slot.instances is None or not 0 < place <= len(slot.instances):
            return False
        if slot.definition.get("count") is not None or self.locked(slot):
            return False
        self.take_out(slot, place)
        self.flush()
        return True

    def set_language(self, lang: str) -> None:
        if lang == self.lang:
            return
        self.lang = self.runtime.lang = lang
        for name in self.form.definition["lists"]:
            self.tables.pop(name, None)
        for rank, (path, kind) in enumerate(self.engine.cells):
            if kind == "calculation" and "jr:choice-name" in str(self.engine.by_path[path].get(kind)):
                self.mark(rank, None)
        self.flush()

    def instance_name(self) -> str:
        tree = self.form.definition.get("instance_name")
        if tree is None:
            return ""
        value = self.compute(self.root, "instance_name", tree)
        return "" if value is None else well_formed(to_string(value))

    def answers(self, *, hidden: bool = False) -> Answers:
        """What is submitted: relevant nodes, blank ones as ''. hidden: the others too, as a draft keeps them."""
        return self.collect(self.root, hidden)

    def collect(self, node: Node, hidden: bool) -> Answers:
        found: Answers = {}
        for kid in node.kids.values():
            if not hidden and not kid.relevant:
                continue
            if kid.instances is not None:
                found[kid.name] = [self.collect(each, hidden) for each in kid.instances]
            elif kid.definition["kind"] == "group":
                found[kid.name] = self.collect(kid, hidden)
            else:
                found[kid.name] = kid.text
        return found

    def finalize(self) -> Finished:
        """Checks everything again; the answers are those of this moment, valid or not."""
        for node in list(self.questions()):
            if node.definition["type"] == "end":
                self.write(node, text_of_moment(self.runtime.now))
        self.flush()
        violations = self.violations()
        return Finished(not violations, violations, self.answers(), self.instance_name())

    def violations(self) -> list[Violation]:
        return [found for node in self.questions() if (found := self.violation_of(node)) is not None]


__all__ = ["Choice", "Finished", "Instance", "Node", "Violation", "engine_of", "several", "typed"]
