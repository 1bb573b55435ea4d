# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The server of the PostgreSQL tests."""

from __future__ import annotations

import pytest

from tests.unit.module_utils.postgresql.server import Server, server


@pytest.fixture(scope="session")
def pg() -> Server:
    """Return the running throw-away server."""
    return server()
