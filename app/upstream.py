"""What a node keeps of the node above since it joined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

UPSTREAM_FILE = "upstream.json"


def read_upstream(data_dir: Path) -> dict[str, Any] | None:
    """What `join` kept: url, token, install_id, area, server_id, keys (None from an older server)."""
    try:
        kept: dict[str, Any] = json.loads((data_dir / UPSTREAM_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return kept
