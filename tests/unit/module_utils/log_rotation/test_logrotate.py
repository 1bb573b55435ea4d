# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading logrotate's output: 3.21 (Debian 12), 3.22 (Debian 13), and text that is neither."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation.logrotate import (
    Logrotate,
    LogrotateError,
    parse_output,
    parse_state,
    read_state,
)
from hypothesis import given
from hypothesis import strategies as st

HEAD = """warning: logrotate in debug mode does nothing except printing debug messages!

reading config file upkeep
Reading state from file: /var/lib/logrotate/status
Allocating hash table for state file, size 64 entries
Creating new state

Handling 1 logs
"""

V321 = (
    HEAD
    + """
rotating pattern: "/var/log/x/*.log"  daily (-1 rotations)
empty log files are not rotated, log files >= 1024 are rotated earlier, old logs are removed
switching euid from 0 to 998 and egid from 0 to 998 (pid 77)
considering log /var/log/x/a.log
  Now: 2026-11-21 22:08
  Last rotated at 2026-11-20 22:00
  log needs rotating
considering log /var/log/x/b.log
  Now: 2026-11-21 22:08
  Last rotated at 2026-11-21 22:00
{KEEP}
considering log /var/log/x/c.log
  Now: 2026-11-21 22:08
  Last rotated at 2026-11-20 22:00
  log does not need rotating (log is empty)
considering log /var/log/x/l.log
{LINK}
considering log /var/log/x/gone.log
  log /var/log/x/gone.log does not exist -- skipping
rotating log /var/log/x/a.log, log->rotateCount is -1
dateext suffix '-20261121-220839'
renaming /var/log/x/a.log to /var/log/x/a.log-20261121-220839
"""
)
V321 = V321.replace(
    "{KEEP}",
    "  log does not need rotating (log has been rotated at 2026-11-21 22:00,"
    " which is less than a day ago)",
).replace(
    "{LINK}",
    "  log /var/log/x/l.log is symbolic link. Rotation of symbolic links is not allowed to avoid"
    " security issues -- skipping.",
)
V322 = V321.replace(
    "daily (-1 rotations)\nempty log files", "daily (unlimited rotations), empty log files"
).replace("old logs are removed", "old logs are removed after 30 days")


@pytest.mark.parametrize("text", [V321, V322], ids=["3.21", "3.22"])
def test_decisions_are_read(text: str) -> None:
    output = parse_output(text)

    assert output.decisions == {
        "/var/log/x/a.log": "rotate",
        "/var/log/x/b.log": "keep",
        "/var/log/x/c.log": "keep",
        "/var/log/x/l.log": "skipped",
        "/var/log/x/gone.log": "missing",
    }
    assert output.due() == ["/var/log/x/a.log"]
    assert output.sections == 1
    assert output.skipped == {"/var/log/x/l.log": "is symbolic link"}
    assert output.errors == []
    assert output.config_errors == []
    assert output.state_errors == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "logrotate: command line option -d is gone\n",
    ],
)
def test_text_that_is_not_understood_is_an_error(text: str) -> None:
    with pytest.raises(LogrotateError):
        parse_output(text)


def test_a_file_without_a_decision_that_is_understood_is_unclear() -> None:
    """It costs that file only: the others are judged."""
    text = (
        HEAD
        + "considering log /var/log/a.log\n  log is due for rotation\n"
        + "considering log /var/log/b.log\n  log needs rotating\n"
    )

    decisions = parse_output(text).decisions

    assert decisions == {"/var/log/a.log": "unclear", "/var/log/b.log": "rotate"}


def test_a_last_rotation_in_the_future_is_no_failure() -> None:
    text = (
        HEAD
        + "considering log /var/log/a.log\n"
        + "error: log /var/log/a.log last rotated in the future -- rotation forced\n"
        + "  log needs rotating\n"
    )

    output = parse_output(text)

    assert output.from_future == ["/var/log/a.log"]
    assert output.errors == []
    assert output.due() == ["/var/log/a.log"]


def test_a_folder_that_is_missing_is_a_missing_log() -> None:
    assert parse_output(HEAD + "considering log /nonexistent/folder/a.log\n").decisions == {
        "/nonexistent/folder/a.log": "missing"
    }


def test_errors_are_kept_by_where_they_occur() -> None:
    text = (
        "error: upkeep:2 unknown option 'foo' -- ignoring line\n"
        "Reading state from file: status\nerror: bad line 3 in state file status\n"
        "Handling 1 logs\n"
        "considering log /var/log/a.log\n"
        'error: skipping "/var/log/a.log" because parent directory has insecure permissions\n'
        "considering log /var/log/b.log\n  log needs rotating\n"
        "rotating log /var/log/b.log, log->rotateCount is -1\n"
        "error: failed to compress log /var/log/b.log-20261120-220839\n"
        "running postrotate script\n"
        "error: error running shared postrotate script for '/var/log/*.log '\n"
    )
    output = parse_output(text)

    assert output.config_errors == ["upkeep:2 unknown option 'foo' -- ignoring line"]
    assert output.state_errors == ["bad line 3 in state file status"]
    assert [path for path, _ in output.errors] == ["/var/log/a.log", "/var/log/b.log", ""]
    assert output.due() == ["/var/log/b.log"]


def test_the_state_file_is_read_with_old_and_damaged_lines(tmp_path: Path) -> None:
    text = (
        "logrotate state -- version 2\n"
        '"/var/log/a.log" 2026-11-21-22:8:39\n'
        '"/var/log/with \\"quote\\".log" 2026-11-20\n'
        "nonsense\n"
        '"/var/log/never.log" 9999999999-1-1\n'
    )
    (tmp_path / "status").write_text(text)
    state = read_state(str(tmp_path / "status"))

    assert state == {
        "/var/log/a.log": time.mktime((2026, 11, 21, 22, 8, 39, 0, 0, -1)),
        '/var/log/with "quote".log': time.mktime((2026, 11, 20, 0, 0, 0, 0, 0, -1)),
    }
    assert read_state(str(tmp_path / "none")) == {}


@given(st.text())
def test_no_state_file_is_too_damaged_to_read(text: str) -> None:
    assert isinstance(parse_state(text), dict)


def test_a_program_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    with pytest.raises(LogrotateError, match="nowhere/logrotate"):
        Logrotate("/nowhere/logrotate", str(tmp_path / "status")).preview("")


def test_a_failure_without_a_message_is_an_error(tmp_path: Path) -> None:
    program = tmp_path / "logrotate"
    program.write_text(
        "#!/bin/sh\necho 'Reading state from file: x'\necho 'Handling 1 logs'\nexit 1\n"
    )
    program.chmod(0o755)

    with pytest.raises(LogrotateError, match="code 1"):
        Logrotate(str(program), str(tmp_path / "status")).rotate("")
