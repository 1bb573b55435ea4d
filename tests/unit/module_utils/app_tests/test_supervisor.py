# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reports on coverage. How suites run and end: tests/unit/library/test_app_tests_faults.py."""

from __future__ import annotations

import pytest
from ansible.module_utils.upkeep.app_tests.errors import ReportError
from ansible.module_utils.upkeep.app_tests.supervisor import covered
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("content", "share"),
    [
        (b"SF:a.py\nDA:1,1\nLF:10\nLH:9\nend_of_record\n", 90.0),
        (b"SF:a.py\nLF:10\nLH:10\nend_of_record\nSF:b.py\nLF:30\nLH:0\nend_of_record\n", 25.0),
        (b"SF:a.py\r\nLF:4\r\nLH:4\r\nend_of_record\n", 100.0),
    ],
)
def test_coverage_is_that_of_all_files(content: bytes, share: float) -> None:
    assert covered(content) == share


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"LF:10\nLH:9\n",
        b"LF:0\nLH:0\nend_of_record\n",
        b"LF:10\nLH:11\nend_of_record\n",
        b"LF:ten\nLH:9\nend_of_record\n",
        b"LF:-10\nLH:9\nend_of_record\n",
        b"LF:10\nLH:9\nend_of_record\nSF:b.py\nLF:1",
    ],
)
def test_coverage_that_cannot_be_trusted_is_refused(content: bytes) -> None:
    with pytest.raises(ReportError):
        covered(content)


@given(st.binary(max_size=200))
def test_coverage_is_a_share_or_refused(content: bytes) -> None:
    try:
        assert 0 <= covered(content) <= 100
    except ReportError as error:
        assert str(error)
