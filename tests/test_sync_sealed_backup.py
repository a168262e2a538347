"""Backups that a stolen disk does not give away (RELIABILITY §d 42).

1. what was sealed by a key or a password comes back whole
2. nothing of it can be read, and nothing opens with another key or password
3. cut or altered it is refused, and the folder stays as it was
"""

from __future__ import annotations

from pathlib import Path

import pytest

from app.commands import backup as backup_command
from app.commands import restore as restore_command
from sync.problems import Problem
from sync.store import sealed_backup
from sync.store.sealed_backup import back_up_sealed, is_sealed, new_recovery_key, recovery_key, restore_sealed
from sync.store.sqlite import SqliteStore
from tests.store_contract import clock
from tests.test_sync_backup import NOW, county_seat, everything, quiet

PASSWORD = "清水村的备份密码要长一点"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sealed_backup._SCRYPT, "n", 1 << 10)


@pytest.fixture
def seat(tmp_path: Path) -> Path:
    county_seat(tmp_path / "data").close()
    return tmp_path / "data"


def test_sealed_by_a_password(seat: Path, tmp_path: Path) -> None:
    back_up_sealed(seat, tmp_path / "b", now=NOW, say=quiet, password=PASSWORD)
    whole = (tmp_path / "b").read_bytes()
    for word in ("冉𠮷明".encode(), b"water_source", b"a signature", b"SQLite format", b"u-cadre", b"manifest"):
        assert word not in whole
    with pytest.raises(Problem) as caught:
        restore_sealed(tmp_path / "b", tmp_path / "x", now=NOW, password="something else!")
    assert caught.value.code == "wrong_recovery_key"
    restore_sealed(tmp_path / "b", tmp_path / "back", now=NOW, password=PASSWORD)
    one, other = SqliteStore(seat, clock=clock), SqliteStore(tmp_path / "back", clock=clock)
    assert everything(one) == everything(other)
    one.close()
    other.close()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_sealed_by_a_key_that_stays_elsewhere(seat: Path, tmp_path: Path) -> None:
    secret, public = new_recovery_key()
    back_up_sealed(seat, tmp_path / "b", now=NOW, say=quiet, public=public)
    assert is_sealed(tmp_path / "b")
    for key in (None, recovery_key(new_recovery_key()[0])):
        with pytest.raises(Problem) as caught:
            restore_sealed(tmp_path / "b", tmp_path / "x", now=NOW, key=key)
        assert caught.value.code == "wrong_recovery_key"
    found = restore_sealed(tmp_path / "b", tmp_path / "x", now=NOW, key=recovery_key(secret), check=True)
    assert found["ops"] > 0 and not (tmp_path / "x").exists()


def test_cut_or_altered_it_is_refused(seat: Path, tmp_path: Path) -> None:
    secret, public = new_recovery_key()
    back_up_sealed(seat, tmp_path / "b", now=NOW, say=quiet, public=public)
    whole = (tmp_path / "b").read_bytes()
    middle = len(whole) // 2
    for number, body in enumerate((whole[:-1], whole[:middle], whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])):
        (tmp_path / f"b{number}").write_bytes(body)
        with pytest.raises(Problem) as caught:
            restore_sealed(tmp_path / f"b{number}", tmp_path / "x", now=NOW, key=recovery_key(secret))
        assert caught.value.code == "backup_broken"
        assert not (tmp_path / "x").exists()


def test_the_commands(seat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RUHU_BACKUP_PASSWORD", PASSWORD)
    assert backup_command.main(["--new-key", str(tmp_path / "key")]) == 0
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert backup_command.main(["--new-key", str(tmp_path / "key")]) == 1  # never over another
    assert backup_command.main(["--data", str(seat), "--to", str(tmp_path / "k"), "--seal", str(tmp_path / "key.pub")]) == 0
    assert backup_command.main(["--data", str(seat), "--to", str(tmp_path / "p"), "--password"]) == 0
    assert restore_command.main([str(tmp_path / "k"), "--data", str(tmp_path / "x"), "--check"]) == 1
    assert "密钥或密码不对" in capsys.readouterr().err
    assert restore_command.main([str(tmp_path / "k"), "--data", str(tmp_path / "from-key"), "--key", str(tmp_path / "key")]) == 0
    assert restore_command.main([str(tmp_path / "p"), "--data", str(tmp_path / "from-password")]) == 0
    assert (tmp_path / "from-key" / "store.db").exists() and (tmp_path / "from-password" / "store.db").exists()
