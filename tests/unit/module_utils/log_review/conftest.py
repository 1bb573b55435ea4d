# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests of several files need."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.log_review import run as running


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have logs read in the process of the test, which can then see what is called."""

    def here(work: t.Any, *_more: t.Any, **_limits: t.Any) -> tuple[list[t.Any], str]:
        return list(work()), ""

    monkeypatch.setattr(running.isolated, "run", here)
