"""An XLSForm → a `Form`: pyxform reads and checks the sheets, we parse every expression and order their evaluation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyxform.errors import PyXFormError
from pyxform.xls2json import workbook_to_json
from pyxform.xls2json_backends import DefinitionData
from pyxform.xls2xform import create_survey_element_from_dict

from forms.checks.expressions import calls
from forms.definition import Form
from forms.dependencies import Graph, register_readers
from forms.expression.parse import ExpressionError, Tree, parse
from forms.problems import FormProblems, Problem, from_pyxform
from forms.workbook import Row, add_shared_lists, read_workbook, row_numbers, workbook_of_rows

TYPES = {
    "select one": "select_one", "select all that apply": "select_multiple", "photo": "image", "string": "text",
    "int": "integer", "location": "geopoint", "trigger": "acknowledge", "datetime": "dateTime",
}  # fmt: skip
RECORDS = frozenset({"household", "member", "visit", "issue"})
_ROOT = "/data"
_REFERENCE = re.compile(r"\$\{([^}]+)\}")
_LANGUAGE = re.compile(r"\(([A-Za-z-]+)\)\s*$")
_TRUE = {"yes", "true", "true()", "1"}
_FALSE = {"no", "false", "false()", "0", ""}
_FORM_ID = re.compile(r"[a-z0-9][a-z0-9-]*")


def compile_form(data: bytes | str, filename: str, shared_lists: list[Row] | None = None) -> Form:
    """The form in a file. Raises FormProblems with everything found wrong."""
    return compile_workbook(read_workbook(data, filename), filename, shared_lists)


def compile_rows(sheets: Mapping[str, Sequence[Row]], shared_lists: list[Row] | None = None) -> Form:
    """A form given as rows per sheet, as the vectors do. Raises FormProblems."""
    return compile_workbook(workbook_of_rows(sheets), "form", shared_lists)


def compile_workbook(workbook: DefinitionData, filename: str, shared_lists: list[Row] | None = None) -> Form:
    """Raises FormProblems with everything found wrong."""
    add_shared_lists(workbook, shared_lists or [])
    rows = row_numbers(workbook)
    entities = [dict(row) for row in workbook.entities or ()]
    try:
        sheets = workbook_to_json(workbook, form_name="data", fallback_form_name=workbook.fallback_form_name)
        create_survey_element_from_dict(sheets).to_xml(validate=False)
    except (PyXFormError, KeyError, IndexError, TypeError, ValueError) as error:
        raise FormProblems([from_pyxform(str(error), filename)]) from error
    return _Compiler(filename, sheets, rows, entities).form()


def language_key(name: str) -> str:
    """``中文 (zh)`` is zh; a language without a code is its own key."""
    found = _LANGUAGE.search(name)
    return found[1] if found else name


class _Compiler:
    """The steps of one compilation; problems gather so that an author sees them all at once."""

    def __init__(self, file: str, sheets: dict[str, Any], rows: dict[str, int], entities: list[Row]) -> None:
        self.file, self.sheets, self.rows, self.entity_rows = file, sheets, rows, entities
        self.problems: list[Problem] = []
        self.languages: dict[str, str] = {}
        self.paths = dict(self._names(sheets, _ROOT))
        self.entity_scopes: dict[int, str] = {}
        self.nodes: list[dict[str, Any]] = []
        self.lists_used: dict[str, None] = {}
        self.instances: dict[str, dict[str, str]] = {}

    def form(self) -> Form:
        self._walk(self.sheets, _ROOT)
        lists = self._lists()
        entities = self._entities()
        settings = self.sheets
        form_id, version = str(settings["id_string"]), str(settings.get("version") or "1")
        if not _FORM_ID.fullmatch(form_id):
            self._problem("bad_form_id", "settings", 2, "form_id", form_id)
        instance_name = settings.get("instance_name")
        name_tree = self._tree(instance_name, "settings", 2, "instance_name") if instance_name else None
        graph = Graph(self.nodes, _ROOT)
        self._check_graph(graph)
        for path in register_readers(self.nodes, graph, RECORDS)[1]:
            next(node for node in self.nodes if node["path"] == path)["reads_register"] = True
        if self.problems:
            raise FormProblems(self.problems)
        default = language_key(settings.get("default_language") or "default")
        keys = list(self.languages) or ["default"]
        if default not in keys:
            default = keys[0]
        title = str(settings.get("title") or form_id)
        return Form(
            {
                "format": 1, "form_id": form_id, "version": version, "title": dict.fromkeys([default], title),
                "languages": keys, "default_language": default,
                "style": str(settings.get("style") or "").split(), "root": _ROOT, "instance_name": name_tree,
                "nodes": self.nodes, "lists": lists, "instances": self.instances, "entities": entities,
                "order": [list(cell) for cell in graph.order],
            }
        )  # fmt: skip

    # --- names and problems -------------------------------------------------------------------------------

    def _names(self, parent: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
        for child in parent.get("children", ()):
            here = f"{path}/{child['name']}"
            yield child["name"], here
            if child["type"] in ("group", "repeat"):
                yield from self._names(child, here)

    def _problem(
        self, code: str, sheet: str, row: int | None, column: str, detail: str, position: int = 0
    ) -> None:
        self.problems.append(Problem(code, self.file, sheet, row, column, detail, position))

    def _row(self, path: str) -> int | None:
        return self.rows.get(path.rsplit("/", 1)[1])

    def _tree(self, text: Any, sheet: str, row: int | None, column: str) -> Tree | None:
        try:
            tree = parse(str(text), self.paths.get)
        except ExpressionError as error:
            self._problem(error.code, sheet, row, column, error.detail, error.position + 1)
            return None
        for code, detail in calls(tree):
            self._problem(code, sheet, row, column, detail)
        return tree

    def _condition(self, text: Any, row: int | None, column: str) -> Any:
        """true for a plain yes, None for a plain no, else a tree."""
        plain = str(text).strip().lower()
        if plain in _TRUE:
            return True
        return None if plain in _FALSE else self._tree(text, "survey", row, column)

    # --- texts --------------------------------------------------------------------------------------------

    def _text(self, text: Any, row: int | None = None, column: str = "label") -> dict[str, Any] | None:
        if text is None or text == "":
            return None
        by_language = text if isinstance(text, dict) else {"default": text}
        made: dict[str, Any] = {}
        for name, words in by_language.items():
            if words in (None, ""):
                continue
            key = language_key(name)
            if isinstance(text, dict) or not self.languages:
                self.languages.setdefault(key, name)
            made[key] = self._parts(str(words), row, column)
        return made or None

    def _parts(self, words: str, row: int | None, column: str) -> Any:
        pieces = _REFERENCE.split(words)
        if len(pieces) == 1:
            return words
        parts: list[Any] = []
        for number, piece in enumerate(pieces):
            if number % 2:
                tree = self._tree("${" + piece + "}", "survey", row, column)
                parts.append({"tree": tree})
            elif piece:
                parts.append(piece)
        return parts

    # --- nodes --------------------------------------------------------------------------------------------

    def _walk(self, parent: dict[str, Any], path: str) -> None:
        for child in parent.get("children", ()):
            kind = child["type"]
            here = f"{path}/{child['name']}"
            if kind in ("csv-external", "xml-external"):
                suffix = "csv" if kind == "csv-external" else "xml"
                self._instance(child["name"], f"{child['name']}.{suffix}")
            elif child["name"] == "meta" and kind == "group":
                for inner in child.get("children", ()):
                    if inner["type"] == "entity":
                        self.entity_scopes[int(inner["__row_number"])] = path
                    elif inner["type"] == "audit":
                        # Where ODK has it, so that an export or an XForm names it alike.
                        self.nodes.append({"path": here, "name": "meta", "kind": "group", "type": "group", "parent": path})
                        self.nodes.append(self._node(inner, f"{here}/audit", here))
            else:
                self.nodes.append(self._node(child, here, path))
                if kind in ("group", "repeat"):
                    self._walk(child, here)

    def _instance(self, name: str, file: str) -> None:
        self.instances[name] = {"kind": "records"} if name in RECORDS else {"kind": "file", "file": file}

    def _node(self, child: dict[str, Any], path: str, parent: str) -> dict[str, Any]:
        row = self.rows.get(child["name"])
        bind, control = child.get("bind") or {}, child.get("control") or {}
        kind = child["type"] if child["type"] in ("group", "repeat") else "question"
        node: dict[str, Any] = {
            "path": path, "name": child["name"], "kind": kind, "type": TYPES.get(child["type"], child["type"]), "parent": parent,
        }  # fmt: skip
        texts = {
            "label": child.get("label"), "hint": child.get("hint"), "guidance": child.get("guidance_hint"),
            "required_message": bind.get("jr:requiredMsg"), "constraint_message": bind.get("jr:constraintMsg"),
        }  # fmt: skip
        node |= {name: self._text(text, row, name) for name, text in texts.items()}
        node["appearance"] = str(control.get("appearance") or "").split() or None
        node["rows"] = int(control["rows"]) if str(control.get("rows") or "").isdigit() else None
        node["parameters"] = _parameters(child.get("parameters"))
        node["media"] = child.get("media") or None
        for name in ("required", "readonly"):
            node[name] = self._condition(bind.get(name, ""), row, name)
        for name, column in (
            ("relevant", "relevant"),
            ("constraint", "constraint"),
            ("calculation", "calculate"),
        ):
            node[name] = self._tree(bind[column], "survey", row, name) if bind.get(column) else None
        if kind == "repeat" and control.get("jr:count"):
            node["count"] = self._tree(control["jr:count"], "survey", row, "repeat_count")
        self._default(node, child, row)
        self._choices(node, child, row)
        if child.get("trigger"):
            given = child["trigger"]
            names = [given] if isinstance(given, str) else given
            bare = [str(name).removeprefix("${").removesuffix("}").strip() for name in names]
            node["trigger"] = [self.paths[name] for name in bare if name in self.paths]
        if bind.get("entities:saveto"):
            node["save_to"] = bind["entities:saveto"]
        return {name: value for name, value in node.items() if value is not None}

    def _default(self, node: dict[str, Any], child: dict[str, Any], row: int | None) -> None:
        default = child.get("default")
        if default in (None, ""):
            return
        if not child.get("_dynamic_default"):
            node["default"] = str(default)
            return
        node["dynamic_default"] = self._tree(default, "survey", row, "default")
        node["carried"] = carried_from(node["dynamic_default"])

    def _choices(self, node: dict[str, Any], child: dict[str, Any], row: int | None) -> None:
        if child.get("choice_filter"):
            node["choice_filter"] = self._tree(child["choice_filter"], "survey", row, "choice_filter")
        name = child.get("list_name") or child.get("itemset")
        if not name or node["type"].split("_")[0] not in ("select", "rank"):
            return
        if reference := _REFERENCE.fullmatch(str(name)):
            source = self.paths.get(reference[1], "")
            node["items"] = {"repeat": source}
        elif re.search(r"\.(csv|xml|geojson)$", str(name)):
            stem = str(name).rsplit(".", 1)[0]
            self._instance(stem, str(name))
            given = node.get("parameters") or {}
            node["items"] = {
                "instance": stem,
                "value": given.get("value", "name"),
                "label": given.get("label", "label"),
            }
        elif str(name) in (self.sheets.get("choices") or {}):
            node["list"] = str(name)
            self.lists_used[str(name)] = None
        else:
            self._problem("unknown_list", "survey", row, "type", str(name))

    def _lists(self) -> dict[str, list[dict[str, Any]]]:
        sheets = self.sheets.get("choices") or {}
        named = set(re.findall(r"instance\(\s*'([^']+)'", str(self.sheets.get("children"))))
        made: dict[str, list[dict[str, Any]]] = {}
        for name in [*self.lists_used, *sorted(named - set(self.lists_used))]:
            if name not in sheets:
                continue
            made[name] = [self._choice(choice) for choice in sheets[name]]
        return made

    def _choice(self, choice: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {"name": str(choice["name"]), "label": self._text(choice.get("label")) or {}}
        known = {"name", "label", "media", "list_name", "__row", "sms_option"}
        extra = {
            key: str(value)
            for key, value in choice.items()
            if key not in known and isinstance(value, str | int)
        }
        return made | ({"extra": extra} if extra else {})

    # --- entities -----------------------------------------------------------------------------------------

    def _entities(self) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        for number, row in enumerate(self.entity_rows, start=2):
            scope = self.entity_scopes.get(number, _ROOT)
            made.append(
                {
                    "list": row.get("list_name") or row.get("dataset"), "scope": scope,
                    **{
                        name: self._tree(row[name], "entities", number, name) if row.get(name) else None
                        for name in ("entity_id", "label", "create_if", "update_if")
                    },
                    "save_to": {},
                }
            )  # fmt: skip
        for node in self.nodes:
            if "save_to" in node:
                above = [one for one in made if node["path"].startswith(one["scope"] + "/")]
                if above:
                    max(above, key=lambda one: len(one["scope"]))["save_to"][node["save_to"]] = node["path"]
        return made

    def _check_graph(self, graph: Graph) -> None:
        """Circles, paths that lead nowhere, lists that are not there."""
        own = graph.self_readers()
        for path, kind in own:
            self._problem("cycle", "survey", self._row(path), kind, path.rsplit("/", 1)[1])
        if graph.cycle and not own:
            names = [path.rsplit("/", 1)[1] for path in graph.cycle]
            self._problem("cycle", "survey", self._row(graph.cycle[0]), "", " → ".join([*names, names[0]]))
        for (path, kind), reads in graph.reads.items():
            for unknown in sorted(reads.unknown):
                self._problem("unknown_path", "survey", self._row(path), kind, unknown)
            for name in sorted(
                reads.lists - {"__last-saved", *self.instances, *self.sheets.get("choices", {})}
            ):
                if name in RECORDS:
                    self._instance(name, "")
                else:
                    self._problem("unknown_instance", "survey", self._row(path), kind, name)


def carried_from(tree: Any) -> dict[str, str] | None:
    """The register property a default reads directly: ``instance('household')/root/item[…]/water_source``."""
    match tree:
        case [
            "path",
            ["fn", "instance", str(name)],
            ["child", "root"],
            ["child", "item", *_],
            ["child", str(prop)],
        ]:
            return {"list": name, "property": prop} if name in RECORDS else None
    return None


def _parameters(given: Any) -> dict[str, str] | None:
    if isinstance(given, dict):
        return {str(key): str(value) for key, value in given.items()} or None
    return dict(re.findall(r"([\w-]+)\s*=\s*(\S+)", str(given or ""))) or None
