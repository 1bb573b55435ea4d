# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the options of log_rotation accept, and how each refusal names its value."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.log_rotation.settings import (
    RotationOptionError,
    parse,
    parse_size,
)

from tests.unit.module_utils.log_rotation.logrotate_samples import entry, parse_logs


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"paths": ["/var/log/a b.log"]}, "a b.log"),
        ({"paths": ['/var/log/a".log']}, 'a".log'),
        ({"paths": ["/var/log/a\n.log"]}, "a\\n.log"),
        ({"paths": ["/var/log/a{b}.log"]}, "a{b}.log"),
        ({"paths": ["relative.log"]}, "relative.log"),
        ({"paths": ["/var/log/../../etc/shadow"]}, "etc/shadow"),
        ({"paths": ["/var/log/"]}, "/var/log/"),
        ({"paths": []}, "paths is empty"),
        ({"paths": ["/var/log/x/*"]}, "matches its own rotated files"),
        ({"paths": ["/var/log/x/a.log*"]}, "matches its own rotated files"),
        ({"paths": ["/var/log/x/[ab].log*"]}, "matches its own rotated files"),
        ({"cadence": "hourly"}, "hourly"),
        ({"keep_days": 0}, "keep_days"),
        ({"compress_after_days": -1}, "compress_after_days"),
        ({"mode": "416"}, "416"),
        ({"owner": "root\n}"}, "owner"),
        ({"max_size": "100 MB"}, "100 MB"),
        ({"reopen": "restart"}, "restart"),
        ({"reopen": {"unit": "x.service"}}, "unit and signal"),
        ({"reopen": {"unit": "nginx", "signal": "HUP"}}, "full name"),
        ({"reopen": {"unit": "x.service", "signal": "KILL"}}, "KILL"),
        ({"reopen": {"unit": "x.service; reboot", "signal": "HUP"}}, "reboot"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_named(
    changes: dict[str, t.Any], named: str
) -> None:
    with pytest.raises(RotationOptionError) as caught:
        parse_logs(entry(**changes))

    assert named in str(caught.value)


def test_a_duplicate_name_is_refused() -> None:
    with pytest.raises(RotationOptionError, match="duplicate name 'api'"):
        parse_logs(entry(), entry(paths=["/var/log/other.log"]))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("/var/log/a.log", "/var/log/a.log"),
        ("/var/log/*.log", "/var/log/a.log"),
        ("/var/log/a.log", "/var/log/[ab].log"),
        ("/var/log/*.log", "/var/log/*.log"),
        ("/var/*/a.log", "/var/log/a.log"),
    ],
)
def test_a_file_that_two_logs_name_is_refused(one: str, two: str) -> None:
    with pytest.raises(RotationOptionError, match=r"duplicate (file|pattern)"):
        parse_logs(entry(name="one", paths=[one]), entry(name="two", paths=[two]))


def test_logs_of_different_folders_share_nothing() -> None:
    logs = parse_logs(
        entry(name="one", paths=["/var/*.log"]), entry(name="two", paths=["/var/log/a.log"])
    )

    assert len(logs) == 2


def test_every_problem_is_named_with_its_place() -> None:
    with pytest.raises(RotationOptionError) as caught:
        parse({"logs": [entry(keep_days=0, mode="9")], "config_path": "/x"}, "system")

    assert "system.logs 'api'.keep_days is 0; at least 1" in str(caught.value)
    assert "system.logs 'api'.mode is '9'" in str(caught.value)


def test_a_name_with_a_line_break_is_refused() -> None:
    with pytest.raises(RotationOptionError):
        parse_logs(entry(name="a\nb"))


@pytest.mark.parametrize(
    ("text", "size"), [("512", 512), ("1k", 1024), ("100M", 100 * 1024**2), ("2G", 2 * 1024**3)]
)
def test_sizes_are_read_as_logrotate_reads_them(text: str, size: int) -> None:
    assert parse_size(text) == size
