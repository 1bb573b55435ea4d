# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wanted for a log: which wishes are taken over, which are refused, and what logrotate is told."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation.settings import (
    SpecError,
    parse_size,
    parse_specs,
    render,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.module_utils.log_rotation.logrotate_samples import LOGROTATE, entry


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
        ({"paths": []}, "no paths"),
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
        ({"reopen": {"unit": "x.service", "signal": "KILL"}}, "KILL"),
        ({"reopen": {"unit": "x.service; reboot", "signal": "HUP"}}, "reboot"),
    ],
)
def test_a_wish_that_does_not_fit_is_refused_and_named(
    changes: dict[str, t.Any], named: str
) -> None:
    with pytest.raises(SpecError) as caught:
        parse_specs([entry(**changes)])
    assert named in str(caught.value)


def test_two_entries_of_one_name_are_refused() -> None:
    with pytest.raises(SpecError, match="api"):
        parse_specs([entry(), entry(paths=["/var/log/other.log"])])


def test_a_name_with_a_line_break_is_refused() -> None:
    with pytest.raises(SpecError):
        parse_specs([entry(name="a\nb")])


@pytest.mark.parametrize(
    ("text", "size"), [("512", 512), ("1k", 1024), ("100M", 100 * 1024**2), ("2G", 2 * 1024**3)]
)
def test_sizes_are_read_as_logrotate_reads_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.requirement("R-fairedge-27")
def test_the_configuration_says_days_and_seconds() -> None:
    text = render(
        parse_specs([entry(max_size="1k", reopen={"unit": "nginx.service", "signal": "USR1"})])
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
    text = render(parse_specs([entry(compress_after_days=0, reopen="copytruncate")]))
    assert "    nodelaycompress\n" in text
    assert "    copytruncate\n" in text
    assert "create" not in text


def test_beside_a_writer_that_makes_its_own_file_logrotate_makes_none() -> None:
    text = render(parse_specs([entry(owner="fairedge", group="adm", mode="0640")]))
    assert "    nocreate\n" in text
    assert "umask 0026" in text
    assert "setpriv --reuid=fairedge --regid=adm --init-groups" in text
    assert "chown -h fairedge:adm" in text


def test_another_user_may_rotate_than_owns_the_log() -> None:
    assert "    su root adm\n" in render(
        parse_specs([entry(owner="daemon", su_user="root", su_group="adm")])
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
    wish = entry(
        paths=[path],
        cadence=cadence,
        keep_days=keep,
        max_size=size,
        compress_after_days=compress,
        reopen=reopen,
    )
    config = tmp_path / "config"
    config.write_text(render(parse_specs([wish])))
    config.chmod(0o644)
    done = subprocess.run(
        [LOGROTATE, "-d", "-s", str(tmp_path / "state"), str(config)],
        capture_output=True,
        text=True,
    )

    assert "error:" not in done.stderr
    assert f'rotating pattern: "{path}"' in done.stderr
    assert "Handling 1 logs" in done.stderr
