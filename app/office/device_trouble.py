"""What is wrong with a device, the worst first, from what is known of it. Pure: facts and the moment in, troubles out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sync.records import Install
from sync.store.base import Compared

SILENT = timedelta(days=7)
WAITING = timedelta(days=2)
"""Somebody in a valley is offline for a day or two; longer, and what is on the phone is at risk."""
RECENT = timedelta(days=7)
CLOCK_MS = 5 * 60 * 1000
FREE_MB = 200


class Trouble(NamedTuple):
    """code: see `app.office.device_words`. level: 3 something may be lost, 2 act soon, 1 worth a look. n: how many, how much."""

    level: int
    code: str
    n: int = 0


@dataclass(frozen=True)
class Device:
    """One install with everything known of it."""

    install: Install
    photos_missing: int = 0
    compared: Compared | None = None
    build: str = ""
    """The build that this server gives out, '' when not known."""

    @property
    def missing(self) -> tuple[int, int] | None:
        """The first and last number that it made and that is not here."""
        install = self.install
        return (install.acked_dseq + 1, install.made_dseq) if install.made_dseq > install.acked_dseq else None

    @property
    def climbing(self) -> int:
        """Ops that are here and not yet at the centre."""
        return max(0, self.install.acked_dseq - self.install.confirmed_dseq)


def troubles_of(device: Device, now: datetime) -> list[Trouble]:
    """Every trouble, the worst first; [] when all is well."""
    install, told = device.install, device.install.told
    missing = install.made_dseq - install.acked_dseq
    silent = _since(install.last_seen or install.created_at, now)
    found: list[Trouble] = []
    if install.lost_by:
        found.append(Trouble(3, "lost", missing) if missing > 0 else Trouble(1, "lost_whole"))
    elif install.revoked:
        found += [Trouble(3, "stopped", missing)] if missing > 0 else []
    else:
        if missing > 0:
            found.append(Trouble(3 if silent > WAITING else 1, "waiting", missing))
        if silent > SILENT and install.kind != "node":
            found.append(Trouble(1, "silent", silent.days))
        elif silent > WAITING and install.kind == "node":
            found.append(Trouble(2, "silent", silent.days))
        found += _told(device, told)
    if device.photos_missing:
        found.append(Trouble(2 if silent > WAITING or install.revoked or install.lost_by else 1, "photos", device.photos_missing))
    compared = device.compared
    if compared and compared.result == "mended" and _since(compared.at, now) < RECENT:
        found.append(Trouble(2, "mended", compared.mended))
    return sorted(found, key=lambda one: (-one.level, one.code))


def _told(device: Device, told: dict[str, object]) -> list[Trouble]:
    found = []
    clock, free, app = told.get("clock_ms"), told.get("free_mb"), told.get("app")
    if told.get("persisted") is False:
        found.append(Trouble(1, "not_kept"))
    if isinstance(free, int) and free < FREE_MB:
        found.append(Trouble(2, "full", free))
    if isinstance(clock, int) and abs(clock) > CLOCK_MS:
        found.append(Trouble(1, "clock", round(clock / 60_000)))
    if app and device.build and app != device.build:
        found.append(Trouble(1, "old_build"))
    return found


def _since(moment: str, now: datetime) -> timedelta:
    return now - datetime.fromisoformat(moment) if moment else timedelta()
