# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The processes of this host."""

from __future__ import annotations

import os

import pytest
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


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("0::/system.slice/nginx.service\n", ("system.slice", "nginx.service")),
        ("0::/system.slice/nginx.service/worker\n", ("system.slice", "nginx.service")),
        ("3:memory:/a.service\n1:name=systemd:/b.slice/b.service\n", ("b.slice", "b.service")),
        ("0::/init.scope\n", ("init.scope",)),
        ("0::/\n", ()),
        ("", ()),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service\n",
            ("user.slice", "user-1000.slice", "user@1000.service"),
        ),
        (
            "0::/machine.slice/libpod-a.scope/system.slice/nginx.service\n",
            ("machine.slice", "libpod-a.scope"),
        ),
    ],
)
def test_a_user_cannot_take_the_name_of_a_unit(text: str, parts: tuple[str, ...]) -> None:
    assert procfs.units_in(text) == parts


def test_in_a_container_the_unit_is_that_of_its_own_systemd() -> None:
    text = "0::/machine.slice/libpod-a.scope/system.slice/nginx.service\n"

    found = procfs.units_in(text, "/machine.slice/libpod-a.scope")

    assert found == ("system.slice", "nginx.service")
