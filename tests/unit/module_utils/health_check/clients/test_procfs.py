# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The processes of this host."""

from __future__ import annotations

import os

from ansible.module_utils.upkeep.health_check.clients import procfs
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.health_check.kinds.conftest import STAT


@given(
    st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 2**22), st.integers(0, 2**40)
)
def test_a_name_may_hold_anything(name: str, pid: int, ticks: int) -> None:
    found = procfs.parse_stat(
        STAT.format(pid=pid, name=name, session=7, user=ticks, system=3, pages=2)
    )
    assert found == procfs.Process(pid, name, 7, ticks + 3, 2 * os.sysconf("SC_PAGE_SIZE"))


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    procfs.units_in(text)
