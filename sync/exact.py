"""The quick way to read an op: bytes that spell a whole op with nothing to spare, under the right hash.

An op's hash is over its canonical JSON, so its bytes have to be read and
written anew. Reading them into an `Op` at once, instead of into dicts first,
is exact only if nothing of them is lost on the way. Here no member may be
missing, and canonical JSON spells each as short as it can be: so bytes of the
same length hold the same members and values, in whatever order, and nothing
else. Values nest no deeper than anything a form makes, which spares looking
through them for such as do. All other bytes are for `sync.protocol.parse_op`,
which knows every case.
"""

from __future__ import annotations

import hashlib
from types import GenericAlias
from typing import Any

import msgspec

from sync.canonical import has_astral
from sync.records import FieldChange, Op

_NOT_SAID = "cites, if there were one"
NESTED = 7
"""Objects and lists inside one another of a value that is read the quick way; the decoder has a type for each."""
_HASH, _SIG = b'"hash":"', b'"sig":null,'
_HASH_LENGTH, _SIG_LENGTH = len(_HASH) + 64 + len('",'), len(_SIG)


def _whole(base: type[msgspec.Struct], types: dict[str, Any]) -> list[Any]:
    """The members of a struct, all of them required."""
    return [(one.name, types.get(one.name, one.type)) for one in msgspec.structs.fields(base)]


def _value(nested: int) -> Any:
    """The type of a value that nests no deeper."""
    scalar: Any = str | int | bool | None
    if not nested:
        return scalar
    inner = _value(nested - 1)
    return scalar | GenericAlias(dict, (str, inner)) | GenericAlias(list, inner)


_Value: Any = _value(NESTED)
_Change: Any = msgspec.defstruct(
    "_Change", _whole(FieldChange, {"old": _Value, "new": _Value}), bases=(FieldChange,), frozen=True, gc=False
)
_MEMBERS = _whole(Op, {"fields": dict[str, _Change]})
_Cited: Any = msgspec.defstruct("_Cited", _MEMBERS, bases=(Op,), frozen=True, kw_only=True, gc=False)
# Phones leave ``cites`` out; of the members of this one it alone may be missing, and then it is not written either.
_Said: Any = msgspec.defstruct(
    "_Said", [(name, kind, None) if name == "cites" else (name, kind) for name, kind in _MEMBERS], bases=(Op,),
    frozen=True, kw_only=True, gc=False, omit_defaults=True, rename={"cites": _NOT_SAID},
)  # fmt: skip
_cited = msgspec.json.Decoder(_Cited)
_said = msgspec.json.Decoder(_Said)
_sorted = msgspec.json.Encoder(order="sorted")


def exact_op(raw: bytes) -> Op | None:
    """The op behind its bytes, None where they are not such that the quick way is exact."""
    cited = b'"cites"' in raw
    try:
        op: Op = (_cited if cited else _said).decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    spelled = _sorted.encode(op)
    if len(spelled) != len(raw) or op.sig is not None or (op.cites is not None and not cited) or has_astral(spelled):
        return None
    return op if _hash_of(spelled, _HASH_LENGTH) == op.hash else None


def hash_of_made(op: Op) -> str:
    """The content hash of an op just made, which has none yet; '' where characters are in it that are sorted otherwise."""
    spelled = _sorted.encode(op)
    return "" if has_astral(spelled) or op.hash or op.sig is not None else _hash_of(spelled, _HASH_LENGTH - 64)


def _hash_of(spelled: bytes, hash_length: int) -> str:
    # Behind an op's hash come only names, numbers and texts, whose quotation marks are escaped: neither is met inside.
    hash_at = spelled.rfind(_HASH)
    sig_at = spelled.rfind(_SIG)
    content = spelled[:hash_at] + spelled[hash_at + hash_length : sig_at] + spelled[sig_at + _SIG_LENGTH :]
    return hashlib.sha256(content).hexdigest()
