"""What is signed of a log: its chain, the heads installs sign, the heads, receipts and words on blobs servers answer with.

A log's chain folds in the hash of one op after the other, so that one
signature over the chain at some number vouches for every op up to it. An op
whose content was altered no longer has the hash it claims, and is set aside
for that; one that claims another hash changes the chain. ``static/js/core/chain.js``
knows the same; ``tests/vectors/log_chain.json`` holds the two together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import msgspec

from sync import keys
from sync.canonical import canonical_row
from sync.records import BlobWord, LogHead, Receipt, ServerHead

OUTSIDE = frozenset({"same_id_other_content", "forked_log", "wrong_install"})
"""Why an op is kept beside its log's chain: no head covers it, so its receipt is signed by itself."""


def chain_start(install_id: str) -> str:
    """The chain of a log without ops."""
    return hashlib.sha256(f"ruhu-log-1\n{install_id}".encode()).hexdigest()


def chain_next(chain: str, claimed: str) -> str:
    """The chain after one more op, by the hash that the op claims."""
    return hashlib.sha256((chain + claimed).encode()).hexdigest()


def chain_over(chain: str, claimed: Iterable[str]) -> str:
    for one in claimed:
        chain = chain_next(chain, one)
    return chain


# --- heads of installs ------------------------------------------------------------------------------------


def head_bytes(install_id: str, dseq: int, chain: str) -> bytes:
    """What an install signs."""
    return canonical_row(["ruhu-head-1", install_id, dseq, chain])


def sign_head(key: keys.PrivateKey, install_id: str, dseq: int, chain: str) -> LogHead:
    return LogHead(install_id=install_id, dseq=dseq, chain=chain, sig=keys.sign(key, head_bytes(install_id, dseq, chain)))


def is_signed(head: LogHead, public: str) -> bool:
    return keys.verified(public, head_bytes(head.install_id, head.dseq, head.chain), head.sig)


def vouched(heads: Iterable[LogHead], public: str, chains: dict[int, str]) -> LogHead | None:
    """The furthest head that the install signed over its log as it is here, given the log's chains by number."""
    for head in sorted(heads, key=lambda one: -one.dseq):
        if chains.get(head.dseq) == head.chain and is_signed(head, public):
            return head
    return None


def promises_more(heads: Iterable[LogHead], public: str, chains: dict[int, str]) -> bool:
    """Whether the install signed beyond the last op here: what it signed cannot be judged before the rest has come."""
    return any(head.dseq > max(chains) and is_signed(head, public) for head in heads)


# --- heads and receipts of servers ------------------------------------------------------------------------


def server_head_bytes(head: ServerHead) -> bytes:
    return canonical_row(["ruhu-receipt-head-1", head.install_id, head.dseq, head.chain, head.server_id, head.epoch,
                      head.tier, head.time])  # fmt: skip


def receipt_bytes(receipt: Receipt) -> bytes:
    return canonical_row(["ruhu-receipt-1", receipt.op_id, receipt.hash, receipt.server_id, receipt.epoch, receipt.tier,
                      receipt.seq, receipt.time])  # fmt: skip


def sign_server_head(key: keys.PrivateKey, head: ServerHead) -> ServerHead:
    return msgspec.structs.replace(head, sig=keys.sign(key, server_head_bytes(head)))


def blob_word_bytes(word: BlobWord) -> bytes:
    return canonical_row(["ruhu-blob-1", word.sha256, word.server_id, word.epoch])


def sign_blob_word(key: keys.PrivateKey, word: BlobWord) -> BlobWord:
    return msgspec.structs.replace(word, sig=keys.sign(key, blob_word_bytes(word)))


def blob_word_holds(word: BlobWord, public: str) -> bool:
    return keys.verified(public, blob_word_bytes(word), word.sig)


def sign_receipt(key: keys.PrivateKey, receipt: Receipt) -> Receipt:
    return msgspec.structs.replace(receipt, sig=keys.sign(key, receipt_bytes(receipt)))


def trusted(heads: Iterable[ServerHead], public: str, tier: str, chain_at: Callable[[str, int], str]) -> dict[str, ServerHead]:
    """By install the furthest head that the server of that key signed over the log as it is here.

    A head over another log than ours vouches for nothing.
    """
    found: dict[str, ServerHead] = {}
    for head in heads:
        better = head.install_id not in found or found[head.install_id].dseq < head.dseq
        if (better and head.tier == tier and keys.verified(public, server_head_bytes(head), head.sig)
                and chain_at(head.install_id, head.dseq) == head.chain):  # fmt: skip
            found[head.install_id] = head
    return found


def contradicted(heads: Iterable[ServerHead], public: str, tier: str, chain_at: Callable[[str, int], str]) -> bool:
    """Whether a head of that tier is forged, or was signed over another log than the one here.

    One that reaches past the log here contradicts nothing: a node put back from a backup has yet to get the rest.
    """
    for head in heads:
        if head.tier == tier:
            ours = chain_at(head.install_id, head.dseq)
            if (ours and ours != head.chain) or not keys.verified(public, server_head_bytes(head), head.sig):
                return True
    return False


def receipt_holds(receipt: Receipt, public: str) -> bool:
    """Whether the receipt is signed by itself."""
    return receipt.sig is not None and keys.verified(public, receipt_bytes(receipt), receipt.sig)

