"""Circles, paths that lead nowhere, lists that are not there."""

from __future__ import annotations

from forms.compiling import RECORDS, Compilation
from forms.dependencies import Graph

_COLUMNS = {"readonly": "read_only", "count": "repeat_count"}


def check_graph(made: Compilation, graph: Graph) -> None:
    own = graph.self_readers()
    for path, kind in own:
        made.problem("cycle", made.outline.line_of(path), _COLUMNS.get(kind, kind), path.rsplit("/", 1)[1])
    if graph.cycle and not own:
        names = [path.rsplit("/", 1)[1] for path in graph.cycle]
        line = made.outline.line_of(graph.cycle[0])
        made.problem("cycle", line, "", " → ".join([*names, names[0]]))
    known = {"__last-saved", *made.instances, *made.sheets.get("choices", {})}
    for (path, kind), reads in graph.reads.items():
        line, column = made.outline.line_of(path), _COLUMNS.get(kind, kind)
        for unknown in sorted(reads.unknown):
            made.problem("unknown_path", line, column, unknown)
        for name in sorted(reads.lists - known):
            if name in RECORDS:
                made.instances[name] = {"kind": "records"}
            else:
                made.problem("unknown_instance", line, column, name)
