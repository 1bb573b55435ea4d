# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Crontabs and logrotate files, read as cron and logrotate read them."""

from __future__ import annotations

import pytest
from ansible.module_utils.upkeep.preflight.crontab import (
    crontab_jobs,
    logrotate_names,
    logrotate_sections,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("line", "when", "command"),
    [
        ("0 9 * * * /opt/daily.sh", "0 9 * * *", "/opt/daily.sh"),
        ("\t*/15  *\t* * mon-fri  /opt/x --all", "*/15  *\t* * mon-fri", "/opt/x --all"),
        (
            "0 3 1 1,4,7,10 * /opt/dr.sh >> /var/log/dr 2>&1",
            "0 3 1 1,4,7,10 *",
            "/opt/dr.sh >> /var/log/dr 2>&1",
        ),
        ("@daily /opt/daily.sh", "@daily", "/opt/daily.sh"),
        ("@Reboot cd /opt && ./run", "@Reboot", "cd /opt && ./run"),
        ("5 4 * * sun echo a%b", "5 4 * * sun", "echo a%b"),
    ],
)
def test_a_users_own_line(line: str, when: str, command: str) -> None:
    [job] = crontab_jobs(f"# head\n{line}\n", with_user=False)
    assert (job.line, job.when, job.user, job.command) == (1, when, "", command)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "   ",
        "# 0 9 * * * /opt/x",
        "MAILTO=ops@example.org",
        ' "A B" = c',
        "PATH = /bin:/opt",
        "0 9 * * /opt",
    ],
)
def test_a_line_that_is_no_job(line: str) -> None:
    assert crontab_jobs(line, with_user=False) == []


def test_the_system_crontab_names_a_user() -> None:
    text = (
        "SHELL=/bin/sh\n17 * * * * root run-parts /etc/cron.hourly\n@weekly hyperopt /opt/x.sh\n"
        "0 0 * * * lonely\n"
    )
    jobs = crontab_jobs(text, with_user=True)

    assert [(job.user, job.command) for job in jobs] == [
        ("root", "run-parts /etc/cron.hourly"),
        ("hyperopt", "/opt/x.sh"),
    ]


def test_sections_are_told_by_their_paths() -> None:
    text = """# comment
weekly
/var/log/a.log "/var/log/b c.log"
/var/log/d.log {
    rotate 4
    postrotate
        if true; then { /usr/bin/x; }
        fi
    endscript
}
/var/log/e.log { daily }
/var/log/f.log
{
    daily
}
"""

    assert logrotate_sections(text) == [
        '/var/log/a.log "/var/log/b c.log" /var/log/d.log',
        "/var/log/e.log",
        "/var/log/f.log",
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("/a/x.log /b/y.log { weekly }", ["/a/x.log", "/b/y.log"]),
        ("/a/x.log\n/b/y.log\n{\n weekly\n}\n", ["/a/x.log", "/b/y.log"]),
        ("\"/a/x y.log\" '/b/z.log'{\n}\n", ["/a/x y.log", "/b/z.log"]),
        ("/a/x.log { weekly } /b/y.log { daily }", ["/a/x.log", "/b/y.log"]),
        ("/a/x.log {\n weekly } /b/y.log {\n}\n", ["/a/x.log", "/b/y.log"]),
        (
            "/a/x.log {\n postrotate\n  if { true; }\n endscript\n}\n/b/y.log {}",
            ["/a/x.log", "/b/y.log"],
        ),
        ("/a/x.log {\n}\ninclude /b/conf.d\n", ["/a/x.log", "/b/conf.d"]),
        ("weekly\ncompress\n/a/x.log {\n}\n", ["/a/x.log"]),
        ("/a/" + "x" * 5000 + " /b/y.log {\n}\n", ["/a/" + "x" * 5000, "/b/y.log"]),
    ],
    ids=range(9),
)
def test_every_log_that_a_file_names_is_known(text: str, names: list[str]) -> None:
    assert logrotate_names(text) == names


@given(st.text(), st.booleans())
def test_no_text_is_too_strange(text: str, with_user: bool) -> None:
    for job in crontab_jobs(text, with_user):
        assert job.command in text
    assert isinstance(logrotate_sections(text), list)
    assert isinstance(logrotate_names(text), list)
