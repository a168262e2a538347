"""References, paths, predicates, and lists looked up by an index. XPath 1.0, section 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from forms.expression.evaluate import Compiled, Context, Run, Runtime, Shape, compile_tree
from forms.expression.operators import any_pair
from forms.expression.parse import Tree
from forms.expression.values import Element, EvaluationError, NodeSet, equal, to_boolean


def _ref(tree: Tree, shape: Shape) -> Compiled:
    """``${name}``: repeats that hold both the owner and the target mean the owner's own instance."""
    path: str = tree[1]
    shared = shared_repeat(path, shape)
    names = path[len(shared) :].strip("/").split("/") if path != shared else []
    if not shared:
        if not any(path == repeat or path.startswith(repeat + "/") for repeat in shape.repeats):

            def single(c: Context) -> NodeSet:
                node = c.runtime.single.get(path)
                return (node,) if node is not None else ()

            return Compiled("nodes", single)
        return Compiled("nodes", lambda c: _descend([c.runtime.root], names, c.runtime))
    climb = shape.owner.count("/") - shared.count("/")
    if len(names) == 1:
        (name,) = names
        if climb == 1:

            def sibling(c: Context) -> NodeSet:
                above = c.current.parent
                return above.named(name) if above is not None else ()

            return Compiled("nodes", sibling)

        def beside(c: Context) -> NodeSet:
            node: Element | None = c.current
            for _ in range(climb):
                node = node.parent if node is not None else None
            return node.named(name) if node is not None else ()

        return Compiled("nodes", beside)

    def near(c: Context) -> NodeSet:
        node: Element | None = c.current
        for _ in range(climb):
            node = node.parent if node is not None else None
        return _descend([node], names, c.runtime) if node is not None else ()

    return Compiled("nodes", near)


def shared_repeat(path: str, shape: Shape) -> str:
    """The deepest repeat that holds both the owner and the path; '' when none does.

    The repeat itself is not held by one of its instances: ``count(${member})`` counts all, asked from anywhere.
    """
    best = ""
    for repeat in shape.repeats:
        if (
            len(repeat) > len(best)
            and path.startswith(repeat + "/")
            and (shape.owner == repeat or shape.owner.startswith(repeat + "/"))
        ):
            best = repeat
    return best


def _descend(nodes: list[Element], names: list[str], runtime: Runtime) -> NodeSet:
    for name in names:
        nodes = [child for node in nodes for child in node.named(name)]
        runtime.spend(len(nodes))
    return nodes


def _path(tree: Tree, shape: Shape) -> Compiled:
    start, steps = tree[1], tree[2:]
    indexed = _list_lookup(start, steps, shape)
    if indexed is not None:
        return indexed
    if start == "/":
        first: Callable[[Context], NodeSet] = lambda c: (c.runtime.root,)  # noqa: E731
    elif start == ".":
        if len(steps) == 1 and steps[0][0] == "child" and len(steps[0]) == 2 and steps[0][1] != "*":
            return Compiled("nodes", _child(steps[0][1]), child=steps[0][1])
        first = lambda c: (c.node,)  # noqa: E731
    else:
        first = compile_tree(start, shape).nodes()
    return Compiled("nodes", _walk(first, steps, shape))


def _child(name: str) -> Run:
    """The commonest path of all: a name alone."""

    def run(c: Context) -> NodeSet:
        nodes = c.node.named(name)
        c.runtime.spend(len(nodes) + 1)
        return nodes

    return run


def _walk(first: Callable[[Context], NodeSet], steps: list[Tree], shape: Shape) -> Run:
    moves = [(_axis(step[0], step[1]), [predicate(p, shape) for p in step[2:]]) for step in steps]

    def run(c: Context) -> NodeSet:
        nodes = first(c)
        runtime = c.runtime
        for move, predicates in moves:
            if len(nodes) == 1:
                found: Sequence[Element] = move(nodes[0])
                for keep in predicates:
                    found = keep(found, c)
            else:
                gathered: dict[int, Element] = {}
                for node in nodes:
                    found = move(node)
                    for keep in predicates:
                        found = keep(found, c)
                    for one in found:
                        gathered.setdefault(id(one), one)
                found = list(gathered.values())
            nodes = found
            runtime.spend(len(nodes) + 1)
        return nodes

    return run


def _axis(axis: str, name: str) -> Callable[[Element], Sequence[Element]]:
    if axis == "child":
        if name == "*":
            return lambda node: node.all()
        return lambda node: node.named(name)
    if axis == "parent":

        def parent(node: Element) -> Sequence[Element]:
            above = node.parent
            return (above,) if above is not None and name in ("*", above.name) else ()

        return parent
    if axis == "self":
        return lambda node: (node,) if name in ("*", node.name) else ()

    def descendants(node: Element) -> Sequence[Element]:
        found: list[Element] = []
        for child in node.all():
            if name in ("*", child.name):
                found.append(child)
            found.extend(descendants(child))
        return found

    return descendants


Keep = Callable[[Sequence[Element], Context], Sequence[Element]]


def predicate(tree: Tree, shape: Shape) -> Keep:
    """A number picks by position, anything else is taken as true or false."""
    if isinstance(tree, int | float):
        index = int(tree) - 1
        exact = tree == int(tree) and index >= 0
        return lambda nodes, c: nodes[index : index + 1] if exact else ()
    compiled = compile_tree(tree, shape)
    test = compiled.run

    def keep(nodes: Sequence[Element], c: Context) -> Sequence[Element]:
        runtime = c.runtime
        runtime.spend(len(nodes))
        size = len(nodes)
        inner = Context(runtime, c.node, c.current, 1, size)
        kept = []
        for position, node in enumerate(nodes, 1):
            inner.node = node
            inner.position = position
            value = test(inner)
            if (value == position) if isinstance(value, float) else to_boolean(value):
                kept.append(node)
        return kept

    return keep


def _filter(tree: Tree, shape: Shape) -> Compiled:
    nodes = compile_tree(tree[1], shape).nodes()
    predicates = [predicate(p, shape) for p in tree[2:]]

    def run(c: Context) -> NodeSet:
        found = nodes(c)
        for keep in predicates:
            found = keep(found, c)
        return found

    return Compiled("nodes", run)


def _list_lookup(start: Tree, steps: list[Tree], shape: Shape) -> Compiled | None:
    """``instance('x')/root/item[col = expr]…`` through the list's index on col, where the shape allows it."""
    if not (
        isinstance(start, list)
        and start[:2] == ["fn", "instance"]
        and len(start) == 3
        and isinstance(start[2], str)
        and len(steps) >= 2
        and steps[0] == ["child", "root"]
        and steps[1][:2] == ["child", "item"]
        and len(steps[1]) > 2
    ):
        return None
    test = column_test(steps[1][2])
    if test is None:
        return None
    column, wanted_tree = test
    wanted = compile_tree(wanted_tree, shape).run
    name: str = start[2]

    def first(c: Context) -> NodeSet:
        document = c.runtime.external(name)
        if document is None:
            raise EvaluationError("unknown_instance", name)
        value = wanted(c)
        lookup = getattr(document, "where", None)
        if lookup is not None and not isinstance(value, bool | float):
            texts = (value,) if isinstance(value, str) else [node.value for node in value]
            found: Sequence[Element] = lookup(column, texts)
            c.runtime.spend(len(found) + 1)
            return found
        rows = [row for root in document.named("root") for row in root.named("item")]
        c.runtime.spend(len(rows))
        return [row for row in rows if any_pair(row.named(column), value, equal)]

    rest = [predicate(p, shape) for p in steps[1][3:]]

    def rows(c: Context) -> NodeSet:
        found = first(c)
        for keep in rest:
            found = keep(found, c)
        return found

    return Compiled("nodes", _walk(rows, steps[2:], shape) if len(steps) > 2 else rows)


def column_test(tree: Tree) -> tuple[str, Tree] | None:
    """(column, other side) of ``col = expr`` where expr does not look at the row."""
    if not (isinstance(tree, list) and tree[0] == "="):
        return None
    for column, other in ((tree[1], tree[2]), (tree[2], tree[1])):
        if (
            isinstance(column, list)
            and column[:2] == ["path", "."]
            and len(column) == 3
            and len(column[2]) == 2
            and column[2][0] == "child"
            and column[2][1] != "*"
            and not looks_at_context(other)
        ):
            return column[2][1], other
    return None


_CONTEXT_FUNCTIONS = {"position", "last", "string-length", "normalize-space", "name", "local-name"}


def looks_at_context(tree: Tree) -> bool:
    """Whether the value may depend on the context node of a predicate (not on ``current()``)."""
    if not isinstance(tree, list):
        return False
    if tree[0] == "ref":
        return False
    if tree[0] == "path":
        # Predicates of the path's own steps have their own context node.
        return tree[1] == "." or looks_at_context(tree[1])
    if tree[0] == "fn":
        if tree[1] in _CONTEXT_FUNCTIONS and len(tree) == 2:
            return True
        return any(looks_at_context(argument) for argument in tree[2:])
    return any(looks_at_context(part) for part in tree[1:])


BUILDERS: dict[str, Callable[[Tree, Shape], Compiled]] = {"ref": _ref, "path": _path, "filter": _filter}
