# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every contract test runs once for each ansible-core that set-up installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.runs import Controller, environments


@pytest.fixture(params=environments(), ids=lambda path: path.parent.name)
def controller(request: pytest.FixtureRequest, tmp_path: Path) -> Controller:
    """Return a controller with a store of its own."""
    return Controller(request.param, tmp_path)
