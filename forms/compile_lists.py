"""Choices: the lists of the choices and external_choices sheets, attached files, repeats, and Collect's search()."""

from __future__ import annotations

import re
from typing import Any

from forms.compiling import RECORDS, REFERENCE, Compilation
from forms.dependencies import trees_of
from forms.expression.parse import Tree
from forms.outline import Line
from forms.vocabulary import FROM_FILE

EXTERNAL = "external:"
"""Stands before the name of a list of the external_choices sheet, so that it never meets one of the choices sheet."""

SEARCH = frozenset({"search"})
_SEARCH = re.compile(r"search\s*\((.*)\)", re.S)
_COMPARED = {"contains": "contains", "startswith": "starts-with", "endswith": "ends-with", "matches": "="}
_KNOWN = {"name", "label", "media", "list_name", "list name", "__row", "sms_option"}


def choices_of(made: Compilation, node: dict[str, Any], child: dict[str, Any], line: Line | None) -> None:
    """Sets list or items, and choice_filter, on a select, a rank, or a range with tick labels."""
    given = child.get("choice_filter")
    if given:
        node["choice_filter"] = made.tree(given, line, "choice_filter")
    name = str(child.get("list_name") or child.get("itemset") or "")
    if node["type"] == "select_one_external":
        node["list"] = EXTERNAL + name
        made.lists_used[node["list"]] = None
    elif node["type"] == "range":
        labels = line and re.search(r"tick_labelset\s*=\s*([^\s,;]+)", line.get("parameters"))
        if labels and labels[1] in (made.sheets.get("choices") or {}):
            node["tick_labels"] = labels[1]
            made.lists_used[labels[1]] = None
    elif name and node["type"].split("_")[0] in ("select", "rank"):
        _source(made, node, name, line)


def _source(made: Compilation, node: dict[str, Any], name: str, line: Line | None) -> None:
    if reference := REFERENCE.fullmatch(name):
        source = made.paths.get(reference[1], "")
        node["items"] = {"repeat": source}
        lines = made.outline.names.get(reference[1], [])
        if not lines or not lines[0].repeats:
            made.problem("no_repeat", line, "type", reference[1])
    elif FROM_FILE.search(name):
        stem = name.rsplit(".", 1)[0]
        made.instance(stem, name, line)
        given = node.get("parameters") or {}
        value, label = ("id", "title") if name.endswith(".geojson") else ("name", "label")
        node["items"] = {"instance": stem, "value": given.get("value", value), "label": given.get("label", label)}
    elif name in (made.sheets.get("choices") or {}):
        if not _search(made, node, name, line):
            node["list"] = name
            made.lists_used[name] = None
    else:
        made.problem("unknown_list", line, "type", name)


def _search(made: Compilation, node: dict[str, Any], name: str, line: Line | None) -> bool:
    """``search('file', 'contains', 'column', ${x})``: choices from a file; the choices sheet names its columns."""
    found = _SEARCH.search(" ".join(node.get("appearance") or ()))
    if not found:
        return False
    call = made.tree(f"search({found[1]})", line, "appearance", SEARCH) if found[1].strip() else None
    if not isinstance(call, list) or not isinstance(call[2], str):
        return False
    arguments = call[2:]
    rows = made.sheets["choices"][name]
    columns = next((row for row in rows if not _whole(row["name"])), rows[0])
    label = columns.get("label")
    if isinstance(label, dict):
        label = next(iter(label.values()), "")
    stem = arguments[0].removesuffix(".csv")
    made.instance(stem, f"{stem}.csv", line)
    node["items"] = {"instance": stem, "value": str(columns["name"]), "label": str(label or columns["name"])}
    fixed = [row for row in rows if _whole(row["name"])]
    if fixed:
        node["items"]["fixed"] = [_choice(made, row, None) for row in fixed]
    node["appearance"] = [word for word in node["appearance"] if not word.startswith("search")] or None
    tests = [_test(arguments[1], arguments[2], arguments[3])] if len(arguments) > 3 else []
    if len(arguments) > 5:
        tests.append(_test("matches", arguments[4], arguments[5]))
    if tests:
        node["choice_filter"] = tests[0] if len(tests) == 1 else ["and", *tests]
    return True


def _whole(name: Any) -> bool:
    return str(name).isdigit()


def _test(how: Tree, columns: Tree, value: Tree) -> Tree:
    """One column, or any of several with commas between."""
    function = _COMPARED.get(str(how), "contains")
    tree: Tree = None
    for column in str(columns).split(","):
        path = ["path", ".", ["child", column.strip()]]
        one = ["=", path, value] if function == "=" else ["fn", function, path, value]
        tree = one if tree is None else ["or", tree, one]
    return tree


def lists_of_form(made: Compilation) -> dict[str, list[dict[str, Any]]]:
    """The lists that selects or expressions read; also finds the files that pulldata reads."""
    sheets = made.sheets.get("choices") or {}
    named: dict[str, Line | None] = {}
    for node in made.nodes:
        for name, is_file in _read_by(node):
            if is_file and name not in made.instances and name not in RECORDS and name not in sheets:
                stem = name.removesuffix(".csv")
                made.instance(name, f"{stem}.csv", made.outline.line_of(node["path"]))
            named.setdefault(name, None)
    lists: dict[str, list[dict[str, Any]]] = {}
    for name in [*made.lists_used, *sorted(set(named) - set(made.lists_used))]:
        if name.startswith(EXTERNAL):
            lists[name] = [_external(line) for line in made.outline.external_choices.get(name[len(EXTERNAL) :], ())]
        elif name in sheets:
            lines = made.outline.choices.get(name, [])
            rows = sheets[name]
            lists[name] = [_choice(made, row, lines[i] if i < len(lines) else None) for i, row in enumerate(rows)]
    return lists


def _read_by(node: dict[str, Any]) -> list[tuple[str, bool]]:
    """(name, whether it is pulldata's) of every list the node's expressions read."""
    found = []
    for value in node.values():
        for part in trees_of(value):
            if len(part) > 2 and part[0] == "fn" and part[1] in ("instance", "pulldata") and isinstance(part[2], str):
                found.append((part[2], part[1] == "pulldata"))
    return found


def _choice(made: Compilation, row: dict[str, Any], line: Line | None) -> dict[str, Any]:
    label = row.get("label")
    choice: dict[str, Any] = {"name": str(row["name"]), "label": made.text(label, line, "label") or {}}
    if line is None and choice["name"] == "other" and label:
        choice["label"] = {
            key: "其他" if key.lower().startswith(("zh", "中文")) and words == "Other" else words
            for key, words in choice["label"].items()
        }
    media = made.media(row.get("media"), line)
    if media:
        choice["media"] = media
    extra = {
        str(key): str(value)
        for key, value in row.items()
        if key not in _KNOWN and isinstance(value, str | int) and not isinstance(value, bool)
    }
    return choice | ({"extra": extra} if extra else {})


def _external(line: Line) -> dict[str, Any]:
    extra = {key: value for key, value in line.cells.items() if key not in ("name", "list_name") and not key.startswith("label")}
    labels = {key.partition("::")[2] or "default": words for key, words in line.texts("label")}
    return {"name": line.name, "label": labels, **({"extra": extra} if extra else {})}
