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

<<<<<<< HEAD
    def __init__(
        self,
        form: Form,
        *,
        now: datetime,
        external: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        prefill: Mapping[str, str] | None = None,
        answers: Mapping[str, Any] | None = None,
        ids: Callable[[], str],
        random: Callable[[], float] | None = None,
        lang: str | None = None,
        as_sent: bool = False,
    ) -> None:
        self.form = form
        self.engine = engine_of(form)
        self.prefill = prefill or {}
        self.as_sent = as_sent
        self.lang = lang or form.definition["default_language"]
        self.errors: dict[tuple[str, str], str] = {}
        self.tables: dict[str, Table] = {}
        self.rows = external or {}
        self.queue: list[int] = []
        self.marked: dict[int, set[Node] | None] = {}
        self.waiting: list[Node] = []
        self.fired: list[Node] = []
        self.loading = True
        self.differing: list[tuple[Node, str]] = []
        root = Node({"name": self.engine.root[1:], "path": self.engine.root, "kind": "group"}, None)
        self.root = root
        document = Node({"name": "", "path": "", "kind": "group"}, None)
        document.kids[root.name] = root
        self.single: dict[str, Element] = {root.path: root}
        self.runtime = Runtime(
            root=document,
            single=self.single,
            external=self.table,
            now=now,
            random=random or (lambda: int(ids().replace("-", "")[-12:], 16) / 2**48),
            uuid=ids,
            labels=_Labels(self),
            lang=self.lang,
        )
        self.fill(root, answers, False)
        for rank in range(len(self.engine.cells)):
            self.mark(rank, None)
        self.flush()
        self.loading = False
        self.fired.clear()

    # ---- building ---------------------------------------------------------

    def fill(self, node: Node, given: Mapping[str, Any] | None, fresh: bool) -> None:
        for definition in self.engine.children.get(node.path, ()):
            kid = Node(definition, node)
            node.kids[kid.name] = kid
            loaded = given.get(kid.name) if given is not None else None
            if definition["kind"] == "repeat":
                kid.instances = []
                if isinstance(loaded, list):
                    for each in loaded:
                        self.grow(kid, each if isinstance(each, Mapping) else {}, fresh)
                elif not fresh and given is None and definition.get("count") is None:
                    self.grow(kid, None, False)
            elif definition["kind"] == "group":
                inner = loaded if isinstance(loaded, Mapping) else ({} if given is not None else None)
                self.fill(kid, inner, fresh)
            else:
                self.start(kid, loaded)
            if not any(kid.path == r or kid.path.startswith(r + "/") for r in self.engine.repeats):
                self.single[kid.path] = kid

    def grow(self, slot: Node, given: Mapping[str, Any] | None, fresh: bool) -> Node:
        node = Node(slot.definition, slot.parent)
        node.slot = slot
        node.relevant = slot.relevant
        assert slot.instances is not None
        slot.instances.append(node)
        node.position = len(slot.instances)
        self.fill(node, given, fresh)
        return node

    def start(self, node: Node, given: Any) -> None:
        """The first value of a question."""
        definition = node.definition
        kind = definition["type"]
        if isinstance(given, str):
            self.write(node, given)
            if self.typed(definition) and definition.get("calculation") is not None:
                node.last = "\0kept"
        elif self.as_sent:
            return
        elif definition["name"] in self.prefill:
            self.write(node, self.prefill[definition["name"]])
        elif kind == "start":
            self.write(node, text_of_moment(self.runtime.now))
        elif kind == "today":
            self.write(node, text_of_date(self.runtime.now))
        else:
            self.write(node, definition.get("default", ""))
            if definition.get("dynamic_default") is not None:
                self.waiting.append(node)

    @staticmethod
    def typed(definition: Mapping[str, Any]) -> bool:
        return definition["type"] not in NOT_TYPED and definition.get("readonly") is not True

    # ---- recalculation ----------------------------------------------------

    def mark(self, rank: int, nodes: set[Node] | None) -> None:
        """To be evaluated: in some nodes, or (None) wherever the path leads."""
        if rank not in self.marked:
            self.marked[rank] = nodes
            heapq.heappush(self.queue, rank)
        else:
            known = self.marked[rank]
            if known is not None:
                self.marked[rank] = None if nodes is None else known | nodes

    def touch(self, path: str) -> None:
        for cell in self.engine.graph.readers.get(path, ()):
            self.mark(self.engine.rank[cell], None)

    def write(self, node: Node, text: str) -> None:
        if node.text == text and node.readable == readable(node, text):
            return
        node.text = text
        node.readable = readable(node, text)
        self.touch(node.path)
        if not self.loading and node.path in self.engine.triggered:
            self.fired.append(node)
        rank = self.engine.rank.get((node.path, "choice_filter"))
        if rank is not None and text:
            self.mark(rank, {node})

    def flush(self) -> None:
        """Evaluates what is marked, then the defaults and triggers that wait for it."""
        rounds = 0
        while True:
            while self.queue:
                rank = heapq.heappop(self.queue)
                nodes = self.marked.pop(rank)
                path, kind = self.engine.cells[rank]
                for node in self.elements(path) if nodes is None else list(nodes):
                    if not node.gone:
                        self.update(node, kind)
                rounds += 1
                if rounds > MOST_ROUNDS:
                    raise EvaluationError("restless")
            if self.waiting:
                self.set_default(self.waiting.pop(0))
            elif self.fired:
                self.fire(rounds)
                rounds += 1000
            else:
                return

    def set_default(self, node: Node) -> None:
        if node.gone:
            return
        value = self.compute(node, "dynamic_default", node.definition["dynamic_default"])
        if value is not None:
            self.write(node, stored_text(value))

    def fire(self, rounds: int) -> None:
        sources, self.fired = self.fired, []
        for source in sources:
            for target in self.engine.triggered.get(source.path, ()):
                for node in self.nodes_of(target, source):
                    tree = node.definition.get("calculation")
                    value = None if tree is None else self.compute(node, "calculation", tree)
                    self.write(node, "" if value is None else stored_text(value))

    def nodes_of(self, path: str, near: Node) -> list[Node]:
        """Nodes of a path, bound to the repeat instances that near stands in."""
        found = compile_tree(["ref", path], self.engine.shape(near.path)).run(
            Context(self.runtime, near, near)
        )
        return list(found)

    def elements(self, path: str) -> list[Node]:
        """All nodes of a path; for a repeat the repeat itself, once per parent instance."""
        nodes: list[Node] = [self.root]
        *names, last = path[len(self.engine.root) + 1 :].split("/") if path != self.engine.root else [""]
        if not last:
            return nodes
        for name in names:
            nodes = [kid for node in nodes for kid in node.named(name)]
        return [node.kids[last] for node in nodes if last in node.kids]

    def compute(self, node: Node, kind: str, tree: Tree) -> Value | None:
        """None, and an entry in errors, when the expression fails."""
        key = (self.path_of(node) if self.errors else node.path, kind)
        try:
            value = evaluate(self.engine.closure(node.path, kind, tree), Context(self.runtime, node, node))
        except (EvaluationError, RecursionError, OverflowError, ZeroDivisionError) as error:
            self.errors[self.path_of(node), kind] = str(error)
            return None
        self.errors.pop(key, None)
        return value

    def update(self, node: Node, kind: str) -> None:
        if kind == "choice_filter":
            self.clear_unoffered(node)
            return
        tree = node.definition[kind]
        value: Value | None = True if tree is True else self.compute(node, kind, tree)
        if kind == "calculation":
            self.calculated(node, "" if value is None else stored_text(value))
        elif kind == "relevant":
            node.own_relevant = value is None or to_boolean(value)
            self.spread_relevance(node)
        elif kind == "count":
            if value is not None:
                self.resize(node, to_number(value))
        elif kind == "required":
            node.required = value is not None and to_boolean(value)
        elif kind == "readonly":
            node.own_readonly = value is not None and to_boolean(value)

    def calculated(self, node: Node, text: str) -> None:
        if self.as_sent:
            if text != node.text:
                self.differing.append((node, text))
            return
        if node.last == "\0kept":
            node.last = text
        elif node.last != text:
            node.last = text
            self.write(node, text)

    def spread_relevance(self, node: Node) -> None:
        above = node.slot or node.parent
        relevant = node.own_relevant and (above is None or above.relevant)
        if node.relevant == relevant:
            return
        node.relevant = relevant
        self.touch(node.path)
        rank = self.engine.rank.get((node.path, "choice_filter"))
        if relevant and rank is not None and node.instances is None:
            self.mark(rank, {node})
        for kid in node.instances if node.instances is not None else node.kids.values():
            self.spread_relevance(kid)

    # ---- repeats ----------------------------------------------------------

    def resize(self, slot: Node, wanted: float) -> None:
        if self.as_sent or slot.instances is None:
            return
        size = min(max(int(wanted) if wanted == wanted and abs(wanted) < 1e9 else 0, 0), MOST_INSTANCES)
        while len(slot.instances) > size:
            self.take_out(slot, len(slot.instances))
        while len(slot.instances) < size:
            self.put_in(slot)

    def put_in(self, slot: Node) -> Node:
        node = self.grow(slot, None, True)
        for inner in (node, *node.below()):
            for kind in self.engine.kinds.get(inner.path, ()):
                if inner is not node:
                    self.mark(self.engine.rank[inner.path, kind], {inner})
        self.presence(slot.path)
        return node

    def take_out(self, slot: Node, position: int) -> None:
        assert slot.instances is not None
        node = slot.instances.pop(position - 1)
        for inner in (node, *node.below()):
            inner.gone = True
        for place, other in enumerate(slot.instances, 1):
            other.position = place
        self.presence(slot.path)

    def presence(self, path: str) -> None:
        """The instances of a repeat are others now: so are all its counts, sums and positions."""
        self.touch(path)
        for other in self.engine.by_path:
            if other.startswith(path + "/"):
                self.touch(other)

    # ---- choices ----------------------------------------------------------

    def table(self, name: str) -> Table | None:
        found = self.tables.get(name)
        if found is None:
            # The register may have a list of the same name as the form's own choices (village).
            own = name in self.form.definition["lists"] and name not in self.form.definition["instances"]
            rows: Sequence[Mapping[str, Any]] | None = None if own else self.rows.get(name)
            if rows is None and name in self.form.definition["lists"]:
                rows = self.choice_rows(name)
            if rows is None:
                if name not in self.form.definition["instances"] and name != "__last-saved":
                    return None
                rows = ()
            found = self.tables[name] = Table(rows)
        return found

    def choice_rows(self, name: str) -> list[dict[str, str]]:
        return [
            {"name": choice["name"], "label": self.plain(choice.get("label")), **choice.get("extra", {})}
            for choice in self.form.definition["lists"][name]
        ]

    def plain(self, text: Mapping[str, Any] | None) -> str:
        found = text_of(text, self.lang, self.form.definition["default_language"])
        return found

    def offered(self, node: Node) -> list[Choice]:
        """The choices of a select now. Raises EvaluationError."""
        definition = node.definition
        items = definition.get("items", {})
        tree = definition.get("choice_filter")
        if "repeat" in items:
            return self.offered_from_repeat(node, items["repeat"], tree)
        source = items.get("instance") or definition.get("list", "")
        table = self.table(source)
        rows: Sequence[Any] = table.items if table is not None else ()
        if tree is not None:
            test = self.filter_test(node, tree)
            rows = [row for row in rows if test(row)]
        value, label = items.get("value", "name"), items.get("label", "label")
        return [Choice(str(row.row.get(value, "")), str(row.row.get(label, "")), row.row) for row in rows]

    def offered_from_repeat(self, node: Node, path: str, tree: Tree) -> list[Choice]:
        found = []
        for item in self.nodes_of(path, node):
            if item.value == "":
                continue
            if tree is not None and item.parent is not None:
                # References stand for the offered instance first, then for the select's own.
                test = compile_tree(tree, self.engine.shape(item.parent.path)).boolean()
                if not test(Context(self.runtime, item.parent, item.parent)):
                    continue
            found.append(Choice(item.value, item.value))
        return found

    def filter_test(self, node: Node, tree: Tree) -> Callable[[Any], bool]:
        test = self.engine.closure(node.path, "choice_filter", tree).boolean()
        runtime = self.runtime
        runtime.steps = 0
        return lambda row: test(Context(runtime, row, node, row.position, 1))

    def clear_unoffered(self, node: Node) -> None:
        """An answer that is no longer offered goes; of several, only that one."""
        if self.as_sent or node.text == "" or not node.relevant:
            return
        try:
            names = {choice.name for choice in self.offered(node)}
        except EvaluationError as error:
            self.errors[self.path_of(node), "choice_filter"] = str(error)
            return
        if several(node.definition):
            kept = " ".join(name for name in node.text.split() if name in names)
        else:
            kept = node.text if node.text in names else ""
        self.write(node, kept)

    # ---- asking -----------------------------------------------------------

=======
>>>>>>> main
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
