"""What a version of a form changed against another, question by question, and what may not change. Pure.

Questions are the same when they bear the same name: that is how answers of
all versions come into one table, and how a draft moves to a newer version. A
name that some version gives to two questions is told apart by its path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forms.definition import text_of

Definition = Mapping[str, Any]
Node = Mapping[str, Any]

# Says what a question is or follows from the rest; everything else of a node is its logic.
_NOT_LOGIC = frozenset({"path", "name", "kind", "type", "parent", "label", "list", "carried", "reads_register"})
_WITHOUT_ANSWER = frozenset({"note", "audit", "xml-external", "csv-external"})


@dataclass(frozen=True)
class Question:
    """A node as a reader knows it. key: what makes it the same in two versions; repeat: the key of its table."""

    key: str
    name: str
    path: str
    kind: str
    type: str
    repeat: str
    label: Mapping[str, Any]

    def words(self, lang: str, default: str) -> str:
        """Its label, its name when it has none."""
        return " ".join(text_of(self.label, lang, default).split()) or self.name

    @property
    def holds_answers(self) -> bool:
        return self.kind == "question" and self.type not in _WITHOUT_ANSWER


@dataclass(frozen=True)
class Pair:
    """One question before and after."""

    before: Question
    after: Question


@dataclass(frozen=True)
class Relabelled:
    """A label in one language; '' where it had or has none."""

    question: Question
    lang: str
    before: str
    after: str


@dataclass(frozen=True)
class ChoicesChanged:
    """What became of a question's list. Each choice as (value, its label in every language)."""

    question: Question
    added: tuple[tuple[str, Mapping[str, Any]], ...]
    removed: tuple[tuple[str, Mapping[str, Any]], ...]
    relabelled: tuple[tuple[str, Mapping[str, Any], Mapping[str, Any]], ...]


@dataclass(frozen=True)
class LogicChanged:
    """columns: the parts of the definition that differ (relevant, constraint …), sorted."""

    question: Question
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Diff:
    """renamed: removed and added questions that look like one and the same; they stand in both lists too."""

    added: tuple[Question, ...] = ()
    removed: tuple[Question, ...] = ()
    renamed: tuple[Pair, ...] = ()
    retyped: tuple[Pair, ...] = ()
    moved: tuple[Pair, ...] = ()
    labels: tuple[Relabelled, ...] = ()
    choices: tuple[ChoicesChanged, ...] = ()
    logic: tuple[LogicChanged, ...] = ()
    settings: tuple[str, ...] = ()
    reordered: bool = False

    @property
    def nothing(self) -> bool:
        return self == Diff()

    @property
    def left_table(self) -> tuple[Pair, ...]:
        """Moved into a repeat or out of it: old and new answers stand in different tables."""
        return tuple(pair for pair in self.moved if pair.before.repeat != pair.after.repeat)


def diff(before: Definition, after: Definition) -> Diff:
    """What `after` changed."""
    one_key, other_key = keys_of([before, after])
    old, new = _questions(before, one_key), _questions(after, other_key)
    old_nodes = {one_key[node["path"]]: node for node in before["nodes"]}
    new_nodes = {other_key[node["path"]]: node for node in after["nodes"]}
    added = tuple(question for key, question in new.items() if key not in old)
    removed = tuple(question for key, question in old.items() if key not in new)
    kept = [Pair(old[key], question) for key, question in new.items() if key in old]
    same = [pair for pair in kept if (pair.before.kind, pair.before.type) == (pair.after.kind, pair.after.type)]
    return Diff(
        added=added,
        removed=removed,
        renamed=_renames(removed, added, old_nodes, new_nodes, (before, after)),
        retyped=tuple(pair for pair in kept if pair not in same),
        moved=tuple(pair for pair in same if _parent(pair.before) != _parent(pair.after)),
        labels=tuple(_labels(kept)),
        choices=tuple(_choices(same, old_nodes, new_nodes, before, after)),
        logic=tuple(_logic(same, old_nodes, new_nodes, one_key, other_key)),
        settings=tuple(name for name in ("title", "languages", "default_language", "style", "instance_name", "entities", "tables")
                       if _settings(before.get(name), one_key) != _settings(after.get(name), other_key)),
        reordered=[pair.before.key for pair in kept] != [key for key in old if key in new],
    )  # fmt: skip


def retyped_since(published: Iterable[tuple[str, Definition]], form: Definition) -> list[tuple[str, Pair]]:
    """Questions whose name meant another type in a published version, newest first as given: (version, pair).

    A name never changes its type: phones and tables would take the old
    answers for answers to the new question.
    """
    found: dict[str, tuple[str, Pair]] = {}
    for version, definition in published:
        for pair in diff(definition, form).retyped:
            if pair.before.holds_answers and (pair.after.holds_answers or pair.after.kind != "question"):
                found.setdefault(pair.after.key, (version, pair))
    return list(found.values())


def keys_of(definitions: Sequence[Definition]) -> list[dict[str, str]]:
    """Per definition: path → key. The key is the name, or the path of a name that stands twice in some version."""
    twice = {
        name
        for definition in definitions
        for name, count in Counter(node["name"] for node in definition["nodes"]).items()
        if count > 1
    }
    return [
        {node["path"]: node["path"] if node["name"] in twice else node["name"] for node in definition["nodes"]}
        for definition in definitions
    ]


def repeat_of(definition: Definition) -> dict[str, str]:
    """Path → path of the innermost repeat around it, '' outside of all; of a repeat: the one around that."""
    kinds = {node["path"]: node["kind"] for node in definition["nodes"]}
    found: dict[str, str] = {}
    for node in definition["nodes"]:
        parent = node["parent"]
        found[node["path"]] = parent if kinds.get(parent) == "repeat" else found.get(parent, "")
    return found


def _questions(definition: Definition, keys: Mapping[str, str]) -> dict[str, Question]:
    repeats = repeat_of(definition)
    return {
        keys[node["path"]]: Question(
            keys[node["path"]], node["name"], node["path"], node["kind"], str(node.get("type", "")),
            keys.get(repeats[node["path"]], ""), node.get("label") or {},
        )
        for node in definition["nodes"]
    }  # fmt: skip


def _parent(question: Question) -> str:
    return question.path.rpartition("/")[0]


def _renames(
    removed: Sequence[Question], added: Sequence[Question], old: Mapping[str, Node], new: Mapping[str, Node],
    definitions: tuple[Definition, Definition],
) -> tuple[Pair, ...]:  # fmt: skip
    """Pairs of one kind, type and table with the same label in some language; without labels, with the same logic."""
    free = list(added)
    pairs = []
    for question in removed:
        like = [
            other
            for other in free
            if (question.kind, question.type, question.repeat) == (other.kind, other.type, other.repeat)
            and _looks_same(question, other, old[question.key], new[other.key], definitions)
        ]
        if len(like) == 1:  # of several nobody can say which
            pairs.append(Pair(question, like[0]))
            free.remove(like[0])
    return tuple(pairs)


def _looks_same(
    one: Question, other: Question, old: Node, new: Node, definitions: tuple[Definition, Definition]
) -> bool:
    texts = [{lang: _plain(text) for lang, text in question.label.items()} for question in (one, other)]
    if any(texts[0].get(lang) == text for lang, text in texts[1].items() if text):
        return True
    return not any(texts) and bool(old.get("calculation")) and old.get("calculation") == new.get("calculation")


def _plain(text: Any) -> str:
    return "".join(text_of({"x": text}, "x", "x").split()).strip(":：?？。.,，")


def _labels(pairs: Iterable[Pair]) -> Iterable[Relabelled]:
    for pair in pairs:
        one, other = pair.before.label, pair.after.label
        for lang in dict.fromkeys([*one, *other]):
            if one.get(lang, "") != other.get(lang, ""):
                texts = [text_of({lang: label[lang]}, lang, lang) if label.get(lang) else "" for label in (one, other)]
                yield Relabelled(pair.after, lang, *texts)


def _choices(
    pairs: Iterable[Pair], old: Mapping[str, Node], new: Mapping[str, Node], before: Definition, after: Definition
) -> Iterable[ChoicesChanged]:
    for pair in pairs:
        one = _list(before, old[pair.before.key])
        other = _list(after, new[pair.after.key])
        if one == other:
            continue
        yield ChoicesChanged(
            pair.after,
            added=tuple((value, label) for value, label in other.items() if value not in one),
            removed=tuple((value, label) for value, label in one.items() if value not in other),
            relabelled=tuple((v, one[v], label) for v, label in other.items() if v in one and one[v] != label),
        )


def _list(definition: Definition, node: Node) -> dict[str, Mapping[str, Any]]:
    listed = definition.get("lists", {}).get(node.get("list", ""), ())
    return {choice["name"]: choice.get("label") or {} for choice in listed}


def _logic(
    pairs: Iterable[Pair], old: Mapping[str, Node], new: Mapping[str, Node],
    one_key: Mapping[str, str], other_key: Mapping[str, str],
) -> Iterable[LogicChanged]:  # fmt: skip
    for pair in pairs:
        one = {name: _keyed(value, one_key) for name, value in old[pair.before.key].items() if name not in _NOT_LOGIC}
        other = {name: _keyed(value, other_key) for name, value in new[pair.after.key].items() if name not in _NOT_LOGIC}
        changed = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        if changed:
            yield LogicChanged(pair.after, tuple(changed))


def _settings(value: Any, keys: Mapping[str, str]) -> Any:
    return _keyed(value, keys)


def _keyed(value: Any, keys: Mapping[str, str]) -> Any:
    """The value with every path of a question replaced by its key, so that a moved group changes no logic."""
    if isinstance(value, str):
        return keys.get(value, value)
    if isinstance(value, Mapping):
        return {name: _keyed(one, keys) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_keyed(one, keys) for one in value]
    return value


# --- one table for all versions ---------------------------------------------------------------------------


@dataclass(frozen=True)
class MergedColumn:
    """One column of the table. paths: by version, where its answers stand; renamed questions have several names.

    node and version: the newest version's, for the label and the type.
    """

    key: str
    version: str
    node: Node
    paths: dict[str, str] = field(default_factory=dict)


@dataclass
class MergedTable:
    """The main table (key ''), or that of a repeat. paths: by version, where the repeat stands."""

    key: str
    paths: dict[str, str] = field(default_factory=dict)
    columns: dict[str, MergedColumn] = field(default_factory=dict)


def merged_tables(
    versions: Sequence[tuple[str, Definition]], renames: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, MergedTable]:
    """The questions of all versions, newest version first as given, as columns of one table and one for each repeat.

    renames: version → new name → old name, as confirmed when it was published.
    Columns stand in the newest version's order; what only older ones asked comes behind.
    """
    keys = keys_of([definition for _version, definition in versions])
    newest_name = _chains([version for version, _definition in versions], renames or {})
    tables = {"": MergedTable("")}
    for (version, definition), own in zip(versions, keys, strict=True):
        now = newest_name[version]
        names = {path: now.get(key, key) for path, key in own.items()}
        repeats = repeat_of(definition)
        for node in definition["nodes"]:
            path = node["path"]
            if node["kind"] == "repeat":
                tables.setdefault(names[path], MergedTable(names[path])).paths[version] = path
            elif node["kind"] == "question":
                columns = tables[names[repeats[path]] if repeats[path] else ""].columns
                known = columns.setdefault(names[path], MergedColumn(names[path], version, node))
                known.paths[version] = path
    return tables


def _chains(newest_first: Sequence[str], renames: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Version → its name of a question → the newest name of it."""
    found: dict[str, dict[str, str]] = {}
    later: dict[str, str] = {}
    for version in newest_first:
        found[version] = dict(later)
        for new, old in renames.get(version, {}).items():
            later[old] = later.get(new, new)
    return found
