"""The contract every store keeps; ``tests/store_contract.py`` holds each implementation to it.

A store never loses what it answered for: when `Store.push` returns, every op
it names is on disk. All methods may be called from several threads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO, NamedTuple, Protocol

from sync.audit import Chain, Fault, Head
from sync.digest import Key
from sync.enrolling import Enrolment
from sync.records import (
    Arrival,
    BlobPlace,
    BlobWord,
    Change,
    Credential,
    Delivered,
    Install,
    KeptPage,
    LateReceipt,
    LogHead,
    Op,
    Page,
    Pushed,
    PushReply,
    Record,
    Result,
    Scope,
    ServerHead,
    UnreadPage,
)

LOAD_CHUNK = 5000
"""So many ops given to `Store.load` at once are one commit."""


class NewInstall(NamedTuple):
    """An install just let in. The token is shown once; the store keeps its hash only."""

    install_id: str
    token: str


class Maker(NamedTuple):
    """Of a record: who signs for its first op, when that came in, and the decision it cites."""

    actor: str
    received_at: str
    cites: str = ""


class ToRelay(NamedTuple):
    """One op that the next tier has not answered for, with the bytes it came as.

    mark: the code it has here; the relay tells those that only this node can judge.
    head: the nearest head of its install that covers it, None for an unsigned op.
    own: of this server's own making, to be signed by it.
    """

    install_id: str
    dseq: int
    op_id: str
    body: bytes
    mark: str = ""
    head: LogHead | None = None
    own: bool = False


class Copy(NamedTuple):
    """What a node holds of a record: as it is seen, as it came from above, and whether an op of it is still open."""

    record: Record
    upstream: Record | None
    open: bool


class Compared(NamedTuple):
    """The last comparison with the tier above. result: same, mended, moved (it never held still) or unsupported."""

    at: str
    result: str
    mended: int


class Mended(NamedTuple):
    """One record that was not as the tier above had it. why: missing, differs, extra or view."""

    at: str
    install_id: str
    kind: str
    id: str
    why: str


class Tries(Protocol):
    """Wrong tries at a sign-in, by hashes of account and address, for several servers at once."""

    def failed(self, account: str, address: str, keep: float) -> None:
        """One more; those older than so many seconds go."""

    def succeeded(self, account: str, address: str) -> None:
        """The right password came: this account is forgiven at this address, and nowhere else."""

    def ages(self, account: str, address: str, newest: float) -> list[tuple[float, str, str, bool]]:
        """(seconds ago, account, address, forgiven) of every try of the account or from the address in the last so many seconds."""


class Store(Protocol):
    """One node's memory."""

    @property
    def tries(self) -> Tries | None:
        """Where wrong tries are counted for all hosts of this store; None where one server has it to itself."""

    @property
    def server_id(self) -> str:
        """Who this store is; stays the same for its whole life."""

    @property
    def epoch(self) -> str:
        """Changes when the store was restored or copied; cursors of another epoch are stale."""

    @property
    def tier(self) -> str:
        """``centre``, or ``node`` once `follow_upstream` was called."""

    def push(
        self, arrivals: Sequence[Arrival], raw: bytes, *, credential: Credential, now: datetime,
        heads: Sequence[LogHead] = (), marks: Mapping[str, str] | None = None,
    ) -> PushReply:
        """Keep every op with its bytes and its own result, in one commit; the whole body where an op was not kept.

        Per install the ops must continue the prefix already held (dseq 1, 2, 3 …);
        one beyond it gets ``retry`` and ``expected`` names the number wanted.
        An op that cannot be applied is kept and ``quarantined``; the rest flows. So is
        an op of an install with a key that none of the heads covers. The reply's heads are not signed yet.
        marks: op_id → what the node that sends says of an op (`sync.scope.VOUCHED`).
        Raises Problem busy when more wait than the store can take; then nothing was kept.
        """

    def push_many(self, pushes: Sequence[Pushed], *, now: datetime) -> Sequence[PushReply]:
        """As `push`, several bodies in one commit: each has its own reply, and what is raised is true of all."""

    def load(self, ops: Iterable[Op | Arrival]) -> int:
        """Take in ops of this server's own making (demo county, import, published forms), or those with their bytes.

        They are recorded as pushed ops are, but rights are not asked. Streams, a
        commit each `LOAD_CHUNK`: memory does not grow with their number, and what
        fits into one is there whole or not at all. Answers how many were new.
        Raises Problem forked_log or out_of_order when a number is taken or skipped.
        """

    def get(self, kind: str, id: str) -> Record | None:
        """The visible record, tombstones included (``deleted``), or None."""

    def records(self, kind: str, ids: Sequence[str]) -> dict[str, Record]:
        """As `get`, of many records of a kind at once; only of those that are there."""

    def pull(self, scope: Scope, cursor: str | None, limit: int) -> Page:
        """Records in scope changed since the cursor, in seq order, each once, at its newest.

        Raises Problem cursor_stale for a cursor of another epoch or scope.
        """

    def pull_as_kept(self, scope: Scope, cursor: str | None, limit: int) -> KeptPage:
        """The same page, with values and dates as they are kept: for a reader who does without having them read first."""

    def changes(self, after_seq: int, limit: int) -> Page:
        """Every record changed after that place, unscoped: for this server's own read tables."""

    def changes_unread(self, after_seq: int, limit: int) -> UnreadPage:
        """The same page, with values and dates as they are kept."""

    def latest_seq(self) -> int:
        """The end of the log."""

    def history(self, kind: str, id: str, since: int = 0) -> list[Change]:
        """What happened to one record, oldest first; since: from that `Change.seq` on."""

    def histories(self, kind: str, ids: Sequence[str], since: int = 0) -> dict[str, list[Change]]:
        """As `history`, of many records of a kind at once; only of those that have any."""

    def makers(self, kind: str, ids: Sequence[str]) -> dict[str, Maker]:
        """Who made each record and when that came in, of those whose first op is here."""

    def ops_of_submission(self, id: str) -> list[Change]:
        """The op that made a submission and those it caused, oldest first."""

    def ops_of_submissions(self, ids: Sequence[str]) -> dict[str, list[Change]]:
        """As `ops_of_submission`, of many at once; only of those that have any."""

    def receipts(self, install_id: str, after: int) -> list[LateReceipt]:
        """The centre's word (②) for the install's ops past that dseq, in order."""

    def acked(self, install_ids: Iterable[str]) -> dict[str, int]:
        """The highest dseq held without a gap, per install; 0 for an unknown one."""

    def confirmed(self, install_ids: Iterable[str]) -> dict[str, int]:
        """The highest dseq up to which every op is at the centre, per install."""

    def chain_at(self, install_id: str, dseq: int) -> str:
        """The chain of an install's log at that number; '' where the log is not held so far."""

    # People's devices, and the nodes below.

    def add_install(self, user_id: str, *, kind: str, name: str, key: str = "") -> NewInstall:
        """key: what the install signs its log with, for ever; '' for one that cannot."""

    def unregistered(self) -> list[Install]:
        """Installs let in here, browsers apart, of which there is no device record."""

    def credential(self, token: str) -> Credential | None:
        """Who holds the token, with the grants of this moment; None for an unknown one."""

    def credentials(self, tokens: Collection[str]) -> dict[str, Credential]:
        """As `credential`, of many tokens at once; only of those that are known."""

    def revoke(self, install_id: str) -> None:
        """It may pull nothing from now on; what it still pushes is quarantined."""

    def seen(self, install_id: str, *, made_dseq: int, now: datetime, told: Mapping[str, Any] | None = None) -> None:
        """Note a device's last contact, the highest dseq it says it has made, and what it tells of itself."""

    def note_lost(self, install_id: str, by: str) -> None:
        """A phone says that its browser threw this install away, and which install it is now."""

    def add_enrolment(self, one: Enrolment) -> None:
        """Keep a new invitation of a phone."""

    def enrolment(self, *, id: str = "", secret_hash: str = "", claim_hash: str = "") -> Enrolment | None:
        """The invitation by the one of the three that is given."""

    def change_enrolment(self, before: Enrolment, after: Enrolment) -> bool:
        """Put `after` in the place of `before`; False when somebody changed it meanwhile, on whichever host."""

    def enrolled(self) -> set[str]:
        """Installs that came in by an invitation."""

    def photos_missing(self) -> dict[str, int]:
        """Install → how many files its ops name that are not here."""

    def installs(self) -> list[Install]: ...

    def quarantined(self) -> list[Change]:
        """Ops kept but not applied, and those waiting for a record, oldest first."""

    # The audit chain (`sync.audit`): what was decided here, each entry bound to the one before.

    def note_act(self, what: str, about: str, code: str = "", *, op_n: int = 0, now: datetime) -> None:
        """Bind an act of the office to the chain. ``erase`` with the op's row says that its content went on purpose."""

    def acts(self, what: str) -> list[str]:
        """What the acts of one kind were about, oldest first."""

    def chain_end(self) -> Chain:
        """The last entry's number and link."""

    def audit_link(self, n: int) -> bytes | None:
        """The link of one entry, None when there is none."""

    def audit_faults(self) -> Iterator[Fault]:
        """Read the whole chain and every op again; each row that is not as it was decided."""

    def keep_head(self, head: Head) -> None:
        """Keep a day's signed head, this server's own or a neighbour's; of one day the last."""

    def heads(self, server_id: str) -> list[Head]:
        """The heads kept of a server, the newest last."""

    # Comparing places with the tier above (`sync.digest`).

    def places(self, scope: Scope, after: str = "") -> dict[str, int]:
        """Place → number of records in scope, tombstones included; of places past one."""

    def in_place(self, scope: Scope, place: str, cursor: str | None) -> tuple[list[Record], bool]:
        """The records in scope of a place, and whether anything in scope changed since the cursor; of one moment.

        Raises Problem cursor_stale.
        """

    def copies_in(self, place: str) -> list[Copy]:
        """On a node: what is held of the records of a place."""

    def mend(self, take: Sequence[Record], drop: Sequence[Key], rebuild: Sequence[Key]) -> list[Key]:
        """Put records as the tier above has them, drop those it does not have, draw those anew whose view was off.

        Never drops what has an op that the centre has not confirmed. Answers what really changed.
        """

    def note_compared(self, install_id: str, compared: Compared, why: Mapping[Key, str]) -> None:
        """Keep the last result of an install ('' is this node itself), and what had to be mended."""

    def compared(self) -> dict[str, Compared]:
        """The last result of each install."""

    def mended(self, limit: int) -> list[Mended]:
        """What had to be mended, the newest first."""

    def undecided(self) -> list[Change]:
        """Of those, what still waits for a person: not turned down, taken up, erased, or applied after all; each content once."""

    def delivered(self, install_id: str) -> list[Delivered]:
        """What an install has pulled, by scope."""

    def note_delivered(self, install_id: str, prefixes: Sequence[str], place: int, *, now: datetime) -> None:
        """It has everything of this scope up to that place, and the scope is its own."""

    def note_told(self, install_id: str, prefixes: Sequence[str], last_dseq: int) -> None:
        """It was told its scope; only ops up to that number may still be about what it had of others."""

    def age_tombstones(self, *, now: datetime, keep_days: int) -> int:
        """Once a day: tombstones grow a day older, and those kept long enough are cleared away but for their ids.

        Days this store ran count, so that a clock that jumps clears nothing early.
        Answers how many were cleared. Erased records stay tombstones for ever.
        """

    # Blobs: named by their SHA-256, written once.

    def has_blob(self, sha256: str) -> bool: ...

    def blob_state(self, sha256: str) -> tuple[int, int] | None:
        """(bytes here, whole length) or None when nothing of it is here."""

    def put_blob_part(self, sha256: str, offset: int, length: int, body: bytes) -> int:
        """Append a part; answers the bytes now here. Verified when complete.

        Raises Problem blob_offset (with ``offset`` in details) or blob_digest.
        """

    def open_blob(self, sha256: str) -> BinaryIO:
        """The whole blob. Raises Problem not_found."""

    def blob_place(self, sha256: str) -> BlobPlace:
        """How far up the whole blob is known to be: nowhere (""), here, at the centre."""

    def blob_is_named(self, sha256: str, scope: Scope) -> bool:
        """Whether a record or op readable in the scope names the blob."""

    def missing_blobs(self, limit: int) -> list[tuple[str, int]]:
        """(sha256, size) of blobs that ops here name and that are not here."""

    # The hop upward, on a node that is not the centre.

    def follow_upstream(self) -> None:
        """This store is a node's from now on: revs and receipts ② come from above."""

    def to_relay(self, limit: int, max_bytes: int, own: str = "") -> list[ToRelay]:
        """The next ops for the upstream: per install in order, none left out, ending where heads cover them all.

        own: only what this server's own install of that name made.
        """

    def take_results(self, results: Sequence[tuple[str, Result]], *, tier: str) -> None:
        """The upstream's answers to relayed ops, with the tier that gave them."""

    def take_receipts(self, install_id: str, receipts: Sequence[LateReceipt]) -> None:
        """Receipts of the centre handed down by the upstream."""

    def take_heads(self, heads: Sequence[ServerHead]) -> None:
        """Heads the centre signed, checked already; the furthest of each log is kept, to be handed down."""

    def centre_head(self, install_id: str) -> ServerHead | None: ...

    def without_centre_head(self, limit: int) -> list[str]:
        """Installs with ops here of which no head of the centre was ever taken."""

    def offer_again(self, install_id: str, from_dseq: int) -> None:
        """The upstream lacks the install's ops from that dseq on."""

    def take_page(self, records: Sequence[Record], cursor: str, source: tuple[str, str]) -> None:
        """Records pulled from above and the cursor after them, in one commit.

        source: (server_id, epoch) of the upstream that answered.
        """

    def settle_conflicts(self) -> bool:
        """After a whole pull: notes of conflicts that the tier above, having answered, does not have go; whether any did."""

    def upstream_cursor(self) -> tuple[str | None, tuple[str, str] | None]:
        """Where the pull stands and whose cursor it is."""

    def meet_upstream(self, source: tuple[str, str]) -> None:
        """Note the (server_id, epoch) whose answers are taken from now on."""

    def forget_upstream(self) -> None:
        """The upstream has a new epoch: start its pull anew and offer it every op again."""

    def awaiting_centre(self) -> dict[str, int]:
        """install_id → confirmed dseq, for installs with ops that the centre has not confirmed."""

    def blobs_to_relay(self, limit: int) -> list[str]:
        """Blobs that are here, named by an op the upstream has, and not yet known to be there."""

    def blob_relayed(self, sha256: str, place: BlobPlace, word: BlobWord | None = None) -> None:
        """What the tier above said of a blob: it has it (here), the centre has it, or it has not got it after all ("").

        word: the centre's own, kept to be handed down.
        """

    def blob_words(self, names: Sequence[str]) -> dict[str, BlobWord]:
        """The centre's words on those of these blobs that it gave one for."""

    def blobs_above(self, limit: int) -> list[str]:
        """Blobs that the tier above has, and of which it is not known yet whether the centre has them."""

    # The same hop by a file: everything the centre has not answered for, whatever was offered before.

    def unconfirmed_ops(self, after: int, limit: int, max_bytes: int, own: str = "") -> list[tuple[int, ToRelay]]:
        """Ops without the present centre's receipt past a place of this store's list of ops, in order, each with its place."""

    def blobs_to_carry(self) -> list[str]:
        """Blobs that are here, named by an op, and not known to be above."""

    def agree(self, name: str, proposal: str) -> str:
        """The value that all hosts of this store use under a name: the first that was proposed."""

    def agreed(self, name: str) -> str | None:
        """What was agreed under the name, if anything was."""

    def agree_anew(self, name: str, value: str) -> None:
        """A person decided on another value."""

    def close(self) -> None: ...
