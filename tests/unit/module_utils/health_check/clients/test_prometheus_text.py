# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The text format of Prometheus."""

from __future__ import annotations

import typing as t

from ansible.module_utils.upkeep.health_check.clients import prometheus_text as exposition
from hypothesis import given
from hypothesis import strategies as st

ANNOUNCED: t.Final = (
    "# TYPE http_requests_total counter\n# TYPE http_request_duration_seconds histogram\n"
)


@given(
    st.text()
    | st.lists(st.sampled_from([*ANNOUNCED.split(), "{", '"', "\\", "1", "NaN", "\n"])).map(
        " ".join
    )
)
def test_any_text_is_parsed(text: str) -> None:
    read = exposition.parse(text)
    times = exposition.histogram(read, "http_request_duration_seconds")
    assert times.percentile(0.95) is None or times.number > 0


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_a_sample_is_read_as_it_was_written(label: str, value: float) -> None:
    escaped = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    if len(f'x{{a="{escaped}"}}'.splitlines()) != 1:
        return  # other line ends than \n are not escaped, and no sample of ours has them

    assert exposition.parse(f'x{{a="{escaped}"}} {value!r} 1395066363000').samples == [
        exposition.Sample("x", {"a": label}, value)
    ]
