# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tests hold no fleet of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import lease


@pytest.fixture(autouse=True)
def locks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder in which fleets are locked for a test."""
    monkeypatch.delenv(lease.VARIABLE, raising=False)
    monkeypatch.setattr(lease, "folder", lambda: tmp_path / "locks")

    return tmp_path / "locks"
