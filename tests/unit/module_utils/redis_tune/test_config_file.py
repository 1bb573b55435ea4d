# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of Redis are read as Redis reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.upkeep.redis_tune.config_file import (
    ConfigFileError,
    deciding_line,
    read_config,
)


def written(folder: Path, name: str, *lines: str) -> str:
    """Write a file and return its path."""
    path = folder / name
    path.write_text("\n".join(lines) + "\n")

    return str(path)


def test_the_last_line_decides_also_in_an_included_file(tmp_path: Path) -> None:
    other = written(tmp_path, "other.conf", "# a comment", 'MaxMemory "2mb"')
    main = written(tmp_path, "redis.conf", "maxmemory 1mb", f"include {other}")

    line = deciding_line(read_config(main), "maxmemory")

    assert line
    assert line.place == f"{other}:2"
    assert line.value == "2mb"


def test_an_include_that_stands_first_does_not_decide(tmp_path: Path) -> None:
    other = written(tmp_path, "other.conf", "maxmemory 2mb")
    main = written(tmp_path, "redis.conf", f"include {other}", "maxmemory 1mb")

    line = deciding_line(read_config(main), "maxmemory")

    assert line
    assert line.place == f"{main}:2"


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        (["save 900 1", "save 300 10"], "900 1 300 10"),
        (["save 900 1 300 10"], "900 1 300 10"),
        (["save 900 1", 'save ""'], ""),
        (['save ""', "save 60 5"], "60 5"),
    ],
)
def test_lines_of_save_add_up(tmp_path: Path, lines: list[str], value: str) -> None:
    line = deciding_line(read_config(written(tmp_path, "redis.conf", *lines)), "save")

    assert line
    assert line.value == value


def test_a_pattern_includes_its_files_in_order(tmp_path: Path) -> None:
    written(tmp_path, "20.inc", "maxmemory 2mb")
    written(tmp_path, "10.inc", "maxmemory 1mb")
    main = written(tmp_path, "redis.conf", f"include {tmp_path}/*.inc")

    assert [line.value for line in read_config(main)] == ["1mb", "2mb"]


def test_a_loop_of_includes_ends(tmp_path: Path) -> None:
    main = written(tmp_path, "redis.conf", f"include {tmp_path}/redis.conf")

    with pytest.raises(ConfigFileError, match="too many files"):
        read_config(main)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("include missing.conf", "not absolute"),
        ("include /nowhere/at/all.conf", "cannot be read"),
        ("include /dev/zero", "cannot be read"),
    ],
)
def test_an_include_that_cannot_be_followed_is_named(
    tmp_path: Path, line: str, message: str
) -> None:
    with pytest.raises(ConfigFileError, match=message):
        read_config(written(tmp_path, "redis.conf", line))


def test_quotes_that_do_not_end_do_not_end_the_run(tmp_path: Path) -> None:
    main = written(tmp_path, "redis.conf", 'logfile "x', "maxmemory 1mb")

    assert deciding_line(read_config(main), "maxmemory")


def test_after_an_include_only_the_last_save_counts(tmp_path: Path) -> None:
    other = written(tmp_path, "other.conf", "maxmemory 2mb")
    lines = ["save 900 1", f"include {other}", "save 300 10", "save 60 5"]
    line = deciding_line(read_config(written(tmp_path, "redis.conf", *lines)), "save")

    assert line
    assert line.value == "60 5"
