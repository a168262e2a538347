"""The hop upward of a store that is always a centre."""

from __future__ import annotations

from collections.abc import Sequence

from sync.problems import Problem
from sync.records import (
    BlobPlace,
    BlobWord,
    LateReceipt,
    Record,
    Result,
    ServerHead,
)
from sync.store.base import ToRelay


class NobodyAbove:
    """Nothing waits to go up, and nothing comes from there."""

    def follow_upstream(self) -> None:
        raise Problem("centre_only")

    def to_relay(self, limit: int, max_bytes: int, own: str = "") -> list[ToRelay]:
        return []

    def take_results(self, results: Sequence[tuple[str, Result]], *, tier: str) -> None:
        raise Problem("centre_only")

    def take_receipts(self, install_id: str, receipts: Sequence[LateReceipt]) -> None:
        raise Problem("centre_only")

    def take_heads(self, heads: Sequence[ServerHead]) -> None:
        raise Problem("centre_only")

    def centre_head(self, install_id: str) -> ServerHead | None:
        return None

    def without_centre_head(self, limit: int) -> list[str]:
        return []

    def offer_again(self, install_id: str, from_dseq: int) -> None:
        raise Problem("centre_only")

    def take_page(self, records: Sequence[Record], cursor: str, source: tuple[str, str]) -> None:
        raise Problem("centre_only")

    def settle_conflicts(self) -> bool:
        return False

    def upstream_cursor(self) -> tuple[str | None, tuple[str, str] | None]:
        return None, None

    def meet_upstream(self, source: tuple[str, str]) -> None:
        raise Problem("centre_only")

    def forget_upstream(self) -> None:
        raise Problem("centre_only")

    def awaiting_centre(self) -> dict[str, int]:
        return {}

    def blobs_to_relay(self, limit: int) -> list[str]:
        return []

    def blob_relayed(self, sha256: str, place: BlobPlace, word: BlobWord | None = None) -> None:
        raise Problem("centre_only")

    def blob_words(self, names: Sequence[str]) -> dict[str, BlobWord]:
        return {}

    def blobs_above(self, limit: int) -> list[str]:
        return []

    def unconfirmed_ops(self, after: int, limit: int, max_bytes: int, own: str = "") -> list[tuple[int, ToRelay]]:
        return []

    def blobs_to_carry(self) -> list[str]:
        return []
