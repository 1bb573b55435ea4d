# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What hangs on Ansible itself is tested once for each ansible-core that set-up installed, the rest on the newest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.runs import Controller, environments


@pytest.fixture(params=environments(), ids=lambda path: path.parent.name)
def controller(request: pytest.FixtureRequest, tmp_path: Path) -> Controller:
    """Return a controller with a store of its own."""
    return Controller(request.param, tmp_path)


@pytest.fixture
def newest(tmp_path: Path) -> Controller:
    """Return a controller with the newest core, for what is decided by our own code alone."""
    return Controller(environments()[0], tmp_path)
