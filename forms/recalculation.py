"""Recalculation: every expression of the form is a cell (path, kind).

A change marks the cells that read it; they are evaluated in dependency order,
each once, in all their repeat instances. The phone has the same in
static/js/core/instance.js.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from forms.definition import Form
from forms.engine import engine_of
from forms.expression.evaluate import Context, Labels, Runtime, compile_tree, evaluate
from forms.expression.parse import Tree
from forms.expression.values import (
    EvaluationError,
    Value,
    stored_text,
    text_of_date,
    text_of_moment,
    to_boolean,
    to_number,
)
from forms.external import Table
from forms.nodes import UNREADABLE, Node, readable, typed

MOST_INSTANCES = 1000
MOST_ROUNDS = 100_000


class Recalculation:
    """The answers, and the keeping of everything that follows from them."""

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
        ranks: Sequence[int] | None = None,
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
        root = Node(self.engine.root[1:], self.engine.root, {"kind": "group"}, None, True)
        self.root = root
        document = Node("", "", {"kind": "group"}, None, True)
        root.kids, document.kids = {}, {root.name: root}
        self.single: dict[str, Node] = {root.path: root}
        self.runtime = Runtime(
            root=document,
            single=self.single,
            external=self.table,
            now=now,
            random=random or (lambda: int(ids().replace("-", "")[-12:], 16) / 2**48),
            uuid=ids,
            labels=self.labels(),
            lang=self.lang,
        )
        self.building = True
        self.fill(root, answers, False)
        self.building = False
        if as_sent:
            self.work_out(self.engine.ranks_as_sent if ranks is None else ranks)
        else:
            self.queue = list(range(len(self.engine.cells)))
            self.marked = dict.fromkeys(self.queue)
            self.flush()
        self.loading = False
        self.fired.clear()

    # What a form with choices and texts adds (forms/offering.py, forms/instance.py).

    def table(self, name: str) -> Table | None:
        raise NotImplementedError

    def labels(self) -> Labels:
        raise NotImplementedError

    def clear_unoffered(self, node: Node) -> None:
        raise NotImplementedError

    def fill(self, node: Node, given: Mapping[str, Any] | None, fresh: bool) -> None:
        engine, single, as_sent = self.engine, self.single, self.as_sent
        kids, relevant = node.kids, node.relevant
        for definition, kind, name, path, repeated, flags in engine.plans.get(node.path, ()):
            kids[name] = kid = Node(name, path, definition, node, relevant)
            if flags:
                kid.own_readonly, kid.required = flags
            if not repeated:
                single[path] = kid
            loaded = given.get(name) if given is not None else None
            if kind == "question":
                if not as_sent:
                    self.start(kid, loaded)
                elif loaded and isinstance(loaded, str):
                    kid.text = loaded
                    kid.readable = readable(kid, loaded) if definition["type"] in UNREADABLE else loaded
                continue
            kid.kids = {}
            if kind == "repeat":
                kid.instances = []
                if isinstance(loaded, list):
                    for each in loaded:
                        self.grow(kid, each if isinstance(each, dict) else {}, fresh)
                elif not fresh and given is None and definition.get("count") is None:
                    self.grow(kid, None, False)
            else:
                inner = loaded if isinstance(loaded, dict) else ({} if given is not None else None)
                self.fill(kid, inner, fresh)

    def grow(self, slot: Node, given: Mapping[str, Any] | None, fresh: bool) -> Node:
        node = Node(slot.name, slot.path, slot.definition, slot.parent, slot.relevant)
        node.slot = slot
        node.kids = {}
        node.own_readonly = slot.definition.get("readonly") is True
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
            if typed(definition) and definition.get("calculation") is not None:
                node.last = "\0kept"
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
        if node.text == text:
            return
        node.text = text
        node.readable = readable(node, text)
        if self.building:
            return
        self.touch(node.path)
        if not self.loading and node.path in self.engine.triggered:
            self.fired.append(node)
        rank = self.engine.rank.get((node.path, "choice_filter"))
        if rank is not None and text:
            self.mark(rank, {node})

    def flush(self) -> None:
        """Evaluates what is marked, then the defaults and triggers that wait for it."""
        rounds = 0
        cells = self.engine.cells
        while True:
            while self.queue:
                rank = heapq.heappop(self.queue)
                nodes = self.marked.pop(rank)
                path, kind = cells[rank]
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

    def work_out(self, ranks: Sequence[int]) -> None:
        """Once through the cells in their order: nothing is written, so nothing is marked again."""
        cells, single = self.engine.cells, self.single
        holders: dict[str, list[Node]] = {}
        for rank in ranks:
            path, kind = cells[rank]
            only = single.get(path)
            if only is not None:
                self.update(only, kind)
                continue
            above, _, name = path.rpartition("/")
            if above not in holders:
                holders[above] = self.instances_of(above)
            for holder in holders[above]:
                self.update(holder.kids[name], kind)

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
        only = self.single.get(path)
        if only is not None and only.instances is None:
            return [only]
        found = self.engine.reference(path, near.path).run(Context(self.runtime, near, near))
        return list(found)

    def elements(self, path: str) -> list[Node]:
        """All nodes of a path; for a repeat the repeat itself, once per parent instance."""
        only = self.single.get(path)
        if only is not None:
            return [only]
        nodes: list[Node] = [self.root]
        *names, last = path[len(self.engine.root) + 1 :].split("/") if path != self.engine.root else [""]
        if not last:
            return nodes
        for name in names:
            nodes = [kid for node in nodes for kid in node.named(name)]
        return [node.kids[last] for node in nodes if last in node.kids]

    def instances_of(self, path: str) -> list[Node]:
        """Nodes of a path, in all instances."""
        node = self.single.get(path)
        if node is not None and node.instances is None:
            return [node]
        found: list[Node] = [self.root]
        for name in path[len(self.engine.root) + 1 :].split("/"):
            found = [kid for each in found for kid in each.named(name)]
        return found

    def compute(self, node: Node, kind: str, tree: Tree) -> Value | None:
        """None, and an entry in errors, when the expression fails."""
        try:
            compiled = self.engine.compiled.get((node.path, kind)) or self.engine.closure(node.path, kind, tree)
            self.runtime.steps = 0
            value: Value = compiled.run(Context(self.runtime, node, node))
        except (EvaluationError, RecursionError, OverflowError, ZeroDivisionError) as error:
            self.errors[self.path_of(node), kind] = str(error)
            return None
        if self.errors:
            self.errors.pop((self.path_of(node), kind), None)
        return value

    def update(self, node: Node, kind: str) -> None:
        if kind == "choice_filter":
            self.clear_unoffered(node)
            return
        tree = node.definition[kind]
        value: Value | None = True if tree is True else self.compute(node, kind, tree)
        if kind == "calculation":
            if not self.as_sent:
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

    def calculation(self, node: Node) -> str:
        """The text that the node's calculation gives now, whatever the node holds."""
        value = self.compute(node, "calculation", node.definition["calculation"])
        return "" if value is None else stored_text(value)

    def calculated(self, node: Node, text: str) -> None:
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
        if node.definition["kind"] != "question":
            self.spread_below(node)
        if self.loading and self.as_sent:
            return  # whoever reads it comes later in the first round, and nothing else changes here
        self.touch(node.path)
        rank = self.engine.rank.get((node.path, "choice_filter"))
        if relevant and rank is not None and node.instances is None:
            self.mark(rank, {node})

    def spread_below(self, node: Node) -> None:
        for kid in node.instances if node.instances is not None else node.kids.values():
            self.spread_relevance(kid)

    def resize(self, slot: Node, wanted: float) -> None:
        if self.as_sent or slot.instances is None:
            return
        size = min(max(int(wanted) if wanted == wanted and abs(wanted) < 1e9 else 0, 0), MOST_INSTANCES)
        while len(slot.instances) > size:
            slot.spare = [*slot.spare, self.take_out(slot, len(slot.instances))]
        while len(slot.instances) < size:
            if slot.spare:
                self.bring_back(slot, slot.spare[-1])
                slot.spare = slot.spare[:-1]
            else:
                self.put_in(slot)

    def put_in(self, slot: Node) -> Node:
        node = self.grow(slot, None, True)
        for inner in (node, *node.below()):
            for kind in self.engine.kinds.get(inner.path, ()):
                if inner is not node:
                    self.mark(self.engine.rank[inner.path, kind], {inner})
        self.presence(slot.path)
        return node

    def bring_back(self, slot: Node, node: Node) -> None:
        """An instance that a smaller count had taken out, with the answers it had."""
        assert slot.instances is not None
        slot.instances.append(node)
        node.position = len(slot.instances)
        for inner in (node, *node.below()):
            inner.gone = False
            if inner.instances is None or inner.slot is None:
                for kind in self.engine.kinds.get(inner.path, ()):
                    if inner is not node:
                        self.mark(self.engine.rank[inner.path, kind], {inner})
        self.spread_relevance(node)
        self.presence(slot.path)

    def take_out(self, slot: Node, position: int) -> Node:
        assert slot.instances is not None
        node = slot.instances.pop(position - 1)
        for inner in (node, *node.below()):
            inner.gone = True
        for place, other in enumerate(slot.instances, 1):
            other.position = place
        self.presence(slot.path)
        return node

    def presence(self, path: str) -> None:
        """The instances of a repeat are others now: so are all its counts, sums and positions."""
        self.touch(path)
        for other in self.engine.by_path:
            if other.startswith(path + "/"):
                self.touch(other)

    def path_of(self, node: Node) -> str:
        index = f"[{node.position}]" if node.slot is not None else ""
        return f"{self.path_of(node.parent) if node.parent is not None else ''}/{node.name}{index}"

    def evaluate(self, tree: Tree, node: Node) -> Value:
        """Raises EvaluationError."""
        return evaluate(compile_tree(tree, self.engine.shape(node.path)), Context(self.runtime, node, node))

    def asked_once(self, node: Node, kind: str, tree: Tree) -> Value:
        """As evaluate, of a tree of the form's own, which (the node's path, kind) names. Raises EvaluationError."""
        return evaluate(self.engine.closure(node.path, kind, tree), Context(self.runtime, node, node))
