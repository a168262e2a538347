"""Questions, groups and repeats of the definition, from pyxform's nested rows."""

from __future__ import annotations

import re
from typing import Any

from pyxform.aliases import BINDING_CONVERSIONS

from forms.compile_lists import choices_of
from forms.compiling import RECORDS, REFERENCE, Compilation
from forms.outline import ROOT, Line
from forms.vocabulary import TYPES

_TRANSLATED = {"jr:requiredMsg", "jr:constraintMsg"}
_OWN_BIND = {"relevant", "required", "readonly", "constraint", "calculate", "type", "entities:saveto", *_TRANSLATED}
_OWN_CONTROL = {"appearance", "rows", "jr:count", "autoplay", "tag"}
_GENERATED = (
    ("generated_table_list_label_", "table_list_label"),
    ("reserved_name_for_field_list_labels_", "table_list_header"),
)
OTHER = {"zh": "其他,请说明", "en": "Specify other."}


def build_nodes(made: Compilation) -> None:
    """Fills nodes, instances, entity scopes and audit."""
    _walk(made, made.sheets, ROOT)


def _walk(made: Compilation, parent: dict[str, Any], path: str) -> None:
    for child in parent.get("children", ()):
        kind, name = child["type"], child["name"]
        here = f"{path}/{name}"
        if kind in ("csv-external", "xml-external"):
            made.instance(name, f"{name}.{kind[:3]}", made.outline.line_of(here))
        elif name == "meta" and kind == "group":
            _meta(made, child, path)
        else:
            made.nodes.append(_node(made, child, here, path))
            if kind in ("group", "repeat"):
                _walk(made, child, here)


def _meta(made: Compilation, group: dict[str, Any], path: str) -> None:
    for inner in group.get("children", ()):
        if inner["type"] == "entity":
            made.entity_scopes[int(inner["__row_number"])] = path
        elif inner["type"] == "audit":
            given = parameters_of(inner.get("parameters"))
            made.audit = {"path": f"{path}/meta/audit", "parameters": given or {}}


def _node(made: Compilation, child: dict[str, Any], path: str, parent: str) -> dict[str, Any]:
    line = made.outline.line_of(path)
    bind, control = child.get("bind") or {}, child.get("control") or {}
    kind = child["type"] if child["type"] in ("group", "repeat") else "question"
    node: dict[str, Any] = {
        "path": path, "name": child["name"], "kind": kind, "type": TYPES.get(child["type"], child["type"]), "parent": parent,
    }  # fmt: skip
    for key, given, column in (
        ("label", child.get("label"), "label"), ("hint", child.get("hint"), "hint"),
        ("guidance", child.get("guidance_hint"), "guidance_hint"),
        ("required_message", bind.get("jr:requiredMsg"), "required_message"),
        ("constraint_message", bind.get("jr:constraintMsg"), "constraint_message"),
    ):  # fmt: skip
        node[key] = made.text(given, line, column)
    node["appearance"] = _appearance(control.get("appearance"))
    node["rows"] = int(control["rows"]) if str(control.get("rows") or "").isdigit() else None
    node["parameters"] = parameters_of(child.get("parameters"))
    node["media"] = made.media(child.get("media"), line)
    node["autoplay"] = control.get("autoplay") or None
    node["body"] = _extras(control, _OWN_CONTROL)
    node["bind"] = _extras(bind, _OWN_BIND)
    node["instance"] = _extras(child.get("instance") or {}, set())
    _expressions(made, node, child, line)
    _default(made, node, child, line)
    choices_of(made, node, child, line)
    _generated(made, node, line)
    if child.get("trigger"):
        node["trigger"] = _trigger(made, child["trigger"])
    if bind.get("entities:saveto"):
        node["save_to"] = str(bind["entities:saveto"]).rpartition("#")[2]
    return {name: value for name, value in node.items() if value is not None}


def _expressions(made: Compilation, node: dict[str, Any], child: dict[str, Any], line: Line | None) -> None:
    bind, control = child.get("bind") or {}, child.get("control") or {}
    for name, column in (("required", "required"), ("readonly", "read_only")):
        node[name] = made.condition(bind.get(name, ""), line, column)
    for name, source in (("relevant", "relevant"), ("constraint", "constraint"), ("calculation", "calculate")):
        column = "repeat_count" if node["name"].endswith("_count") and line and line.path != node["path"] else name
        given = BINDING_CONVERSIONS.get(bind.get(source), bind.get(source))
        node[name] = made.tree(given, line, column) if given else None
    if node["kind"] == "repeat" and control.get("jr:count"):
        node["count"] = made.tree(control["jr:count"], line, "repeat_count")
    seed = (node["parameters"] or {}).get("seed")
    if seed is not None:
        node["seed"] = made.tree(seed, line, "parameters")


def _appearance(given: Any) -> list[str] | None:
    """Its words; what stands in brackets stays together, as in ``search('a', 'b')`` and ``ex:app(x=1, y=2)``."""
    words = re.findall(r"[^\s(]*\((?:[^()]|\([^()]*\))*\)|\S+", str(given or ""))
    return words or None


def _default(made: Compilation, node: dict[str, Any], child: dict[str, Any], line: Line | None) -> None:
    default = child.get("default")
    if default in (None, ""):
        return
    if not child.get("_dynamic_default"):
        node["default"] = str(default)
        return
    node["dynamic_default"] = made.tree(default, line, "default")
    node["carried"] = carried_from(node["dynamic_default"])


def _trigger(made: Compilation, given: Any) -> list[str]:
    names = [given] if isinstance(given, str) else given
    bare = [found[1] if (found := REFERENCE.fullmatch(str(name).strip())) else str(name).strip() for name in names]
    return [made.paths[name] for name in bare if name in made.paths]


def _generated(made: Compilation, node: dict[str, Any], line: Line | None) -> None:
    """Marks what pyxform adds, and puts its English words into the form's languages."""
    for start, kind in _GENERATED:
        if node["name"].startswith(start):
            node["generated"] = kind
    if line is None or line.path == node["path"]:
        return
    if line.type.other and node["name"] == line.name + "_other":
        node["generated"] = "or_other"
        node["label"] = {
            key: OTHER["zh"] if key.lower().startswith(("zh", "中文", "汉语", "chinese")) else OTHER["en"]
            for key in made.languages.keys
        }
    elif line.type.name == "repeat":
        node["generated"] = "repeat_count"


def _extras(given: dict[str, Any], own: set[str]) -> dict[str, str] | None:
    found = {str(key): str(value) for key, value in given.items() if key not in own and not isinstance(value, dict)}
    return found or None


def parameters_of(given: Any) -> dict[str, str] | None:
    if isinstance(given, dict):
        return {str(key): str(value) for key, value in given.items()} or None
    return dict(re.findall(r"([\w-]+)\s*=\s*([^\s,;]+)", str(given or ""))) or None


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
