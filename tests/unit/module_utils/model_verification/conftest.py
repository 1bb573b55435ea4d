# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What several tests of model verification share."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from library import model_verify
from tests.unit.library.module_calls import Call, caller


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    return caller(model_verify, capsys)


@pytest.fixture
def model(tmp_path: Path) -> dict[str, t.Any]:
    """Return the entry of a model that is there."""
    path = tmp_path / "risk.pkl"
    path.write_bytes(b"a model")
    return {"name": "risk", "path": str(path), "requirements": ["R-racing-29", "R-racing-30"]}
