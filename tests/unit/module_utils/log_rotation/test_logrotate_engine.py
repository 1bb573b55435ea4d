# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What logrotate says, read from its own words: 3.21 (Debian 12), 3.22 (Debian 13), and words that are neither."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation.engine import (
    Engine,
    EngineError,
    parse,
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
  log does not need rotating (log has been rotated at 2026-11-21 22:00, which is less than a day ago)
considering log /var/log/x/c.log
  Now: 2026-11-21 22:08
  Last rotated at 2026-11-20 22:00
  log does not need rotating (log is empty)
considering log /var/log/x/l.log
  log /var/log/x/l.log is symbolic link. Rotation of symbolic links is not allowed to avoid security issues -- skipping.
considering log /var/log/x/gone.log
  log /var/log/x/gone.log does not exist -- skipping
rotating log /var/log/x/a.log, log->rotateCount is -1
dateext suffix '-20261121-220839'
renaming /var/log/x/a.log to /var/log/x/a.log-20261121-220839
"""
)
V322 = V321.replace(
    "daily (-1 rotations)\nempty log files", "daily (unlimited rotations), empty log files"
).replace("old logs are removed", "old logs are removed after 30 days")


@pytest.mark.parametrize("said", [V321, V322], ids=["3.21", "3.22"])
def test_verdicts_are_read(said: str) -> None:
    answer = parse(said)

    assert answer.verdicts == {
        "/var/log/x/a.log": "rotate",
        "/var/log/x/b.log": "keep",
        "/var/log/x/c.log": "keep",
        "/var/log/x/l.log": "skipped",
        "/var/log/x/gone.log": "missing",
    }
    assert answer.due() == ["/var/log/x/a.log"]
    assert answer.sections == 1
    assert not (answer.errors or answer.config_errors or answer.state_errors)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "logrotate: command line option -d is gone\n",
        HEAD + "considering log /var/log/a.log\n  log is due for rotation\n",
        HEAD
        + "considering log /var/log/a.log\nconsidering log /var/log/b.log\n  log needs rotating\n",
    ],
)
def test_words_that_are_not_understood_are_an_error(said: str) -> None:
    with pytest.raises(EngineError):
        parse(said)


def test_a_folder_that_is_missing_is_a_missing_log() -> None:
    assert parse(HEAD + "considering log /nonexistent/folder/a.log\n").verdicts == {
        "/nonexistent/folder/a.log": "missing"
    }


def test_errors_are_told_apart_by_where_they_are_said() -> None:
    said = (
        "error: upkeep:2 unknown option 'foo' -- ignoring line\n"
        "Reading state from file: status\nerror: bad line 3 in state file status\n"
        "Handling 1 logs\n"
        "considering log /var/log/a.log\n"
        'error: skipping "/var/log/a.log" because parent directory has insecure permissions\n'
        "considering log /var/log/b.log\n  log needs rotating\n"
        "rotating log /var/log/b.log, log->rotateCount is -1\n"
        "error: failed to compress log /var/log/b.log-20261120-220839\n"
        "running postrotate script\nerror: error running shared postrotate script for '/var/log/*.log '\n"
    )
    answer = parse(said)

    assert answer.config_errors == ["upkeep:2 unknown option 'foo' -- ignoring line"]
    assert answer.state_errors == ["bad line 3 in state file status"]
    assert [path for path, _ in answer.errors] == ["/var/log/a.log", "/var/log/b.log", ""]
    assert answer.due() == ["/var/log/b.log"]


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
    with pytest.raises(EngineError, match="nowhere/logrotate"):
        Engine("/nowhere/logrotate", str(tmp_path / "status")).ask("config")


def test_a_failure_without_a_word_is_no_success(tmp_path: Path) -> None:
    program = tmp_path / "logrotate"
    program.write_text(
        "#!/bin/sh\necho 'Reading state from file: x'\necho 'Handling 1 logs'\nexit 1\n"
    )
    program.chmod(0o755)

    with pytest.raises(EngineError, match="code 1"):
        Engine(str(program), str(tmp_path / "status")).rotate("config")
