# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The configuration that logrotate is given."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation.config import is_usable, render, render_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.module_utils.log_rotation.logrotate_samples import LOGROTATE, entry, parse_logs


@pytest.mark.requirement("R-fairedge-27")
def test_the_configuration_holds_days_and_seconds() -> None:
    text = render(
        parse_logs(entry(max_size="1k", reopen={"unit": "nginx.service", "signal": "USR1"}))
    )
    for words in (
        "maxage 30",
        "rotate -1",
        "dateformat -%Y%m%d-%H%M%S",
        "create 0640 root root",
        "delaycompress",
    ):
        assert f"    {words}\n" in text

    assert text.count("    postrotate\n") == text.count("    sharedscripts\n") == 1
    assert "maxsize 1024" in text


def test_compression_at_rotation_and_copytruncate() -> None:
    text = render(parse_logs(entry(compress_after_days=0, reopen="copytruncate")))
    assert "    nodelaycompress\n" in text
    assert "    copytruncate\n" in text
    assert "create" not in text


def test_beside_a_writer_that_makes_its_own_file_logrotate_makes_none() -> None:
    text = render(parse_logs(entry(owner="fairedge", group="adm", mode="0640")))
    assert "    nocreate\n" in text
    assert "umask 0026" in text
    assert "setpriv --reuid=fairedge --regid=adm --init-groups" in text
    assert "chown -h fairedge:adm" in text


def test_another_user_may_rotate_than_owns_the_log() -> None:
    assert "    su root adm\n" in render(
        parse_logs(entry(owner="daemon", su_user="root", su_group="adm"))
    )


NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.@%+=:,", min_size=1, max_size=12).filter(
    lambda x: x.strip(".")
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    folder=NAMES,
    stem=NAMES,
    cadence=st.sampled_from(["daily", "weekly", "monthly"]),
    keep=st.integers(1, 4000),
    size=st.sampled_from([None, "1", "3k", "100M", "7G"]),
    compress=st.integers(0, 40),
    reopen=st.sampled_from(["none", "copytruncate", {"unit": "a@b-c.service", "signal": "HUP"}]),
)
def test_logrotate_takes_over_whatever_we_accept(
    tmp_path: Path,
    folder: str,
    stem: str,
    cadence: str,
    keep: int,
    size: str | None,
    compress: int,
    reopen: t.Any,
) -> None:
    path = f"/nonexistent/{folder}/{stem}.log"
    options = entry(
        paths=[path],
        cadence=cadence,
        keep_days=keep,
        max_size=size,
        compress_after_days=compress,
        reopen=reopen,
    )
    config = tmp_path / "config"
    config.write_text(render(parse_logs(options)))
    config.chmod(0o644)
    done = subprocess.run(
        [LOGROTATE, "-d", "-s", str(tmp_path / "state"), str(config)],
        capture_output=True,
        text=True,
    )

    assert "error:" not in done.stderr
    assert f'rotating pattern: "{path}"' in done.stderr
    assert "Handling 1 logs" in done.stderr


def test_the_names_stand_in_one_line_with_the_brace() -> None:
    """logrotate repeats them in its messages: a line break would cut a message in two."""
    text = render(parse_logs(entry(paths=["/x/*.log", "/y/b.log"])))

    assert '\n"/x/*.log" "/y/b.log" {\n' in text


def test_a_configuration_of_files_names_each_and_leaves_out_logs_without_any() -> None:
    logs = parse_logs(entry(name="one", paths=["/x/*.log"]), entry(name="two", paths=["/y/*.log"]))

    text = render_files(logs, {"one": ["/x/a[1].log", "/x/b c.log"], "two": []})

    assert '"/x/a[[]1].log" "/x/b c.log" {' in text
    assert "two" not in text


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a\tb", "a{b", "a}b", "a\udcffb", "\x1b"])
def test_a_name_that_changes_the_configuration_is_not_usable(name: str) -> None:
    assert not is_usable(f"/x/{name}.log")


@pytest.mark.parametrize("name", ["a b", "a[1]", "a*b", "ä", "$(id)", "a;b", "-rf", "#", "it's"])
def test_any_other_name_is_usable(name: str) -> None:
    assert is_usable(f"/x/{name}.log")
