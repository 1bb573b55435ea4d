# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The text format of Prometheus."""

from __future__ import annotations

import math
import time
import typing as t

import pytest
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
    assert exposition.parse(f'x{{a="{escaped}"}} {value!r} 1395066363000').samples == [
        exposition.Sample("x", {"a": label}, value)
    ]


EXEMPLARS: t.Final = """
t_bucket{le="0.1"} 100 # {trace_id="abc"} 0.067
t_bucket{le="+Inf"} 120 1520879607.789 # {trace_id="d}e"} 3.5 1520879607.7
t_sum 12.5 1520879607.789
"""


def test_exemplars_and_times_are_not_counts() -> None:
    times = exposition.histogram(exposition.parse(EXEMPLARS), "t")

    assert times.buckets == {0.1: 100.0, math.inf: 120.0}
    assert times.seconds == 12.5


@pytest.mark.parametrize(
    ("line", "labels"),
    [
        ('x{ a = "b" , c="d" } 1', {"a": "b", "c": "d"}),
        ('x {a="b"} 1', {"a": "b"}),
        ('x{a="b"}1', {"a": "b"}),
        ('x{a="b\u2028c"} 1', {"a": "b\u2028c"}),
        ('x{a="}",b="#"} 1', {"a": "}", "b": "#"}),
        ('x{a="b",} 1', {"a": "b"}),
        ("x 1", {}),
    ],
)
def test_every_way_to_write_labels_is_read(line: str, labels: dict[str, str]) -> None:
    assert exposition.parse(line).samples == [exposition.Sample("x", labels, 1.0)]


def test_the_count_stands_in_for_a_missing_last_bucket() -> None:
    read = exposition.parse('t_bucket{le="0.1"} 5\nt_count 9\nt_sum 1\n')

    assert exposition.histogram(read, "t").number == 9


def test_a_long_line_takes_no_long_time() -> None:
    began = time.process_time()
    exposition.parse('x{a="' + "\\" * 200_000 + "\nx{" + '"' * 200_001 + "\nx " + "1 " * 200_000)

    assert time.process_time() - began < 5
