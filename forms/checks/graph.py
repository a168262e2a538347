"""Circles, paths that lead nowhere, lists that are not there."""

from __future__ import annotations

from forms.checks.expressions import unquoted
from forms.compiling import RECORDS, Compilation
from forms.dependencies import Graph, reads_of, trees_of

_COLUMNS = {"readonly": "read_only", "count": "repeat_count", "dynamic_default": "default"}
_OWN = ("relevant", "constraint", "calculation", "required", "readonly", "dynamic_default")


def check_graph(made: Compilation, graph: Graph) -> None:
    own = graph.self_readers()
    for path, kind in own:
        made.problem("cycle", made.outline.line_of(path), _COLUMNS.get(kind, kind), path.rsplit("/", 1)[1])
    if graph.cycle and not own:
        names = [path.rsplit("/", 1)[1] for path in graph.cycle]
        line = made.outline.line_of(graph.cycle[0])
        kind = next((kind for path, kind in graph.reads if path == graph.cycle[0] and kind != "choice_filter"), "")
        made.problem("cycle", line, _COLUMNS.get(kind, kind), " → ".join([*names, names[0]]))
    _unquoted(made)
    _indexed(made)
    known = {"__last-saved", *made.instances, *made.sheets.get("choices", {})}
    cells = dict(graph.reads)
    for node in made.nodes:
        for kind in ("constraint", "dynamic_default", "calculation"):
            if kind in node:
                cells.setdefault((node["path"], kind), reads_of(node[kind], node["path"], graph.paths))
    for (path, kind), reads in cells.items():
        line, column = made.outline.line_of(path), _COLUMNS.get(kind, kind)
        for unknown in sorted(reads.unknown):
            made.problem("unknown_path", line, column, unknown)
        for name in sorted(reads.lists - known):
            if name in RECORDS:
                made.instances[name] = {"kind": "records"}
            else:
                made.problem("unknown_instance", line, column, name)


def _unquoted(made: Compilation) -> None:
    for node in made.nodes:
        if node["kind"] == "question":
            for kind in _OWN:
                for word in unquoted(node.get(kind)):
                    made.problem("unquoted_text", made.outline.line_of(node["path"]), _COLUMNS.get(kind, kind), word)


def _indexed(made: Compilation) -> None:
    """indexed-repeat takes a question and the repeats around it."""
    repeats = {node["path"] for node in made.nodes if node["kind"] == "repeat"}
    for node in made.nodes:
        for kind in _OWN:
            for part in trees_of(node.get(kind)):
                if part[:2] != ["fn", "indexed-repeat"] or len(part) < 5:
                    continue
                wanted, given = part[2], part[3::2]
                if not isinstance(wanted, list) or wanted[0] != "ref":
                    continue
                for one in given:
                    if isinstance(one, list) and one[0] == "ref":
                        if one[1] in repeats and wanted[1].startswith(one[1] + "/"):
                            continue
                        line = made.outline.line_of(node["path"])
                        name = one[1].rpartition("/")[2]
                        made.problem("indexed_repeat", line, _COLUMNS.get(kind, kind), name)
