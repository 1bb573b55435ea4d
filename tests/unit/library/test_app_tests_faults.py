# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Suites that misbehave: each ends in time with all that it started, and none counts as passed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.app_tests import command, processes
from ansible.module_utils.upkeep.app_tests import supervisor as supervising

from tests.unit.library.app_projects import USER, Project
from tests.unit.library.module_calls import Answer, by_check

#: What marks the processes of a test, so that it finds those that are left.
MARK: t.Final = f"31536.{os.getpid()}"
DETACHED: t.Final = f"""
import os, subprocess, sys
def start():
    subprocess.Popen(["sleep", "{MARK}"])
    subprocess.Popen(["setsid", "sleep", "{MARK}"])
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "{MARK}"])
        os._exit(0)
    os.wait()
"""


def left() -> list[str]:
    """Return the processes with the mark that run."""
    found = subprocess.run(
        ["pgrep", "--full", f"^sleep {MARK}$"], capture_output=True, text=True, check=False
    )
    return found.stdout.split()


@pytest.fixture(autouse=True)
def nothing_left() -> t.Iterator[None]:
    """Require that no process of a suite is left."""
    yield
    assert left() == []


def status(answer: Answer) -> tuple[str, str]:
    """Return status and message of the suite."""
    found = by_check(answer)["tests:unit"]
    return found["status"], found["message"]


@pytest.mark.parametrize(
    "hang",
    [
        "import signal\ndef test_it(): signal.pause()",
        "while True: pass",
        "from signal import *\nfor name in (SIGTERM, SIGINT, SIGHUP): signal(name, SIG_IGN)\n"
        "def test_it(): pause()",
        f"{DETACHED}\nimport signal\ndef test_it():\n    start(); signal.pause()",
    ],
    ids=["waits", "spins", "deaf", "children"],
)
def test_one_that_hangs_is_stopped_with_all_that_it_started(shop: Project, hang: str) -> None:
    begun = time.monotonic()
    answer = shop.test(hang, {"seconds": 3})

    assert time.monotonic() - begun < 3 + processes.GRACE
    assert answer["suites"][0]["ended"] == "time"
    assert answer["suites"][0]["exit_code"] == -signal.SIGKILL

    said, message = status(answer)

    assert said == "unknown"
    assert "did not end within 3 s and was stopped" in message


def test_what_a_good_suite_leaves_behind_is_ended_and_told(shop: Project) -> None:
    said, message = status(shop.test(f"{DETACHED}\ndef test_it(): start()"))
    assert said == "ok"
    assert "3 processes that it left were ended" in message


def test_the_time_of_all_suites_is_bounded(shop: Project) -> None:
    shop.write("slow/test_slow.py", "import signal\ndef test_it(): signal.pause()")
    shop.write("more/test_more.py", "def test_it(): pass")
    suites = [{"name": "slow", "paths": ["slow"]}, {"name": "more", "paths": ["more"]}]
    found = by_check(shop.run(suites, seconds=3))

    assert {item["status"] for item in found.values()} == {"unknown"}
    assert "did not end within" in found["tests:slow"]["message"]
    assert "the 3 s for all suites are used up" in found["tests:more"]["message"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("import os, signal\ndef test_it(): os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
        ("import os, signal\ndef test_it(): os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
        ("import os, signal\ndef test_it(): os.killpg(0, signal.SIGKILL)", "signal 9"),
        ("import os\ndef test_it(): os._exit(0)", "exit code 0, and it wrote no report"),
        (
            "import atexit, os\natexit.register(os._exit, 3)\ndef test_it(): pass",
            "1 passed, but it ended with exit code 3",
        ),
    ],
)
def test_one_that_dies_is_unknown_whatever_its_exit_code(
    shop: Project, text: str, word: str
) -> None:
    said, message = status(shop.test(text))
    assert said == "unknown"
    assert word in message


REPORT: t.Final = """
import atexit, os, pathlib
path = pathlib.Path(os.environ["HOME"]).parent / "report.xml"
def spoil():
    {}
atexit.register(spoil)
def test_it(): pass
"""


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        ("path.write_bytes(path.read_bytes()[:-20])", "damaged or cut short"),
        ("path.write_bytes(b'')", "damaged or cut short"),
        ("path.write_bytes(b'\\xff\\xfe<testsuites/>')", "damaged or cut short"),
        ("path.write_text('<html/>')", "not JUnit's"),
        (
            'path.write_text(\'<!DOCTYPE a [<!ENTITY b "c">]>'
            '<testsuites><testcase name="&b;"/></testsuites>\')',
            "document type",
        ),
        ("path.unlink()", "it wrote no report"),
        ("path.unlink(); os.mkfifo(path)", "is a FIFO, not a regular file"),
        ("path.unlink(); path.mkdir()", "cannot be read"),
        ("path.unlink(); path.symlink_to('/etc/shadow')", "cannot be read"),
        ("path.unlink(); path.symlink_to(path)", "cannot be read"),
    ],
    ids=["cut", "empty", "bytes", "html", "doctype", "gone", "fifo", "folder", "link", "loop"],
)
def test_a_damaged_report_is_unknown(shop: Project, spoil: str, word: str) -> None:
    said, message = status(shop.test(REPORT.format(spoil)))
    assert said == "unknown"
    assert word in message


@pytest.mark.parametrize(
    "fill",
    [
        "for i in range(400): open(f'{i}', 'wb').write(bytes(1 << 20)); time.sleep(0.01)",
        "for i in range(10**6): open(f'{i}', 'wb').close()",
    ],
    ids=["bytes", "files"],
)
def test_one_that_fills_its_folder_is_stopped(
    shop: Project, monkeypatch: pytest.MonkeyPatch, fill: str
) -> None:
    monkeypatch.setattr(processes, "MOST_FILES", 5000)
    answer = shop.test(f"import time\ndef test_it():\n    {fill}\n    time.sleep(60)")

    assert answer["suites"][0]["ended"] == "space"

    said, message = status(answer)

    assert said == "unknown"
    assert "filled its scratch folder" in message


def test_a_single_file_cannot_outgrow_the_space(shop: Project) -> None:
    said, _ = status(shop.test("def test_it(): open('big', 'wb').write(bytes(30 << 20))"))
    assert said in ("critical", "unknown")


def test_nothing_is_started_without_space(shop: Project) -> None:
    said, message = status(shop.test("def test_it(): pass", space_mb=1 << 40))
    assert said == "unknown"
    assert "MB free" in message


def test_memory_is_bounded(shop: Project) -> None:
    # Whatever the process has that starts the suite, which is this one here.
    said, message = status(
        shop.test("def test_it(): assert len(bytearray(3 << 29))", memory_mb=1024)
    )
    assert said == "critical"
    assert "test_it" in message


def test_a_folder_without_rights_is_removed_too(shop: Project) -> None:
    steps = "os.makedirs('a/b'); open('a/b/c', 'w').close(); os.chmod('a/b', 0); os.chmod('a', 0)"
    text = f"import os\ndef test_it(): {steps}"
    assert status(shop.test(text))[0] == "ok"


def program(shop: Project, script: str) -> str:
    """Return a program in place of Python: pytest itself holds back what tests print."""
    shop.write("program", f"#!/bin/sh\n{script}\n")
    path = shop.folder / "program"
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        (
            "yes 'a very long line' | head -c 100000000; echo; echo the end; exit 7",
            "output: the end",
        ),
        ("tr '\\000' x < /dev/zero | head -c 100000000; exit 7", "wrote no report."),
        ("exec >&- 2>&-; exit 7", "wrote no report"),
        (
            "printf '\\033[2J\\000\\377 hostile\\r\\n'; exit 7",
            "[2J \N{REPLACEMENT CHARACTER} hostile",
        ),
        ("echo '====='; exit 7", "wrote no report."),
    ],
)
def test_output_is_read_and_hurts_nobody(shop: Project, script: str, shown: str) -> None:
    said, message = status(shop.test("", {"seconds": 60}, interpreter=program(shop, script)))

    assert said == "unknown"
    assert "exit code 7" in message
    assert shown in message
    assert len(message) < 400
    assert message.isprintable()


def test_secrets_are_shown_nowhere(shop: Project) -> None:
    secret, password = "correct-horse-battery", "hunter2-hunter2"
    environment = {"API_TOKEN": secret, "QUEUE": f"amqp://shop:{password}@127.0.0.1/"}
    text = f"""
import os, sys, pytest
@pytest.mark.parametrize(
    "value", [{secret!r}, {password!r}, "ftp://u:another-one@127.0.0.1", "password=third-one"]
)
def test_it(value): assert False, value
"""
    failing = shop.test(text, {"environment": environment})
    script = 'echo "token: f0urth-one-7 and $API_TOKEN and $QUEUE"; exit 1'
    dying = shop.test("", {"environment": environment}, interpreter=program(shop, script))

    assert [status(answer)[0] for answer in (failing, dying)] == ["critical", "unknown"]
    assert "output: token: *** and *** and amqp://shop:***@127.0.0.1/" in status(dying)[1]

    for word in (secret, password, "another-one", "third-one"):
        assert word not in str(failing)
        assert word not in str(dying)

    assert "***" in str(failing)


def test_a_suite_that_kills_its_supervisor_s_children_cannot_reach_the_supervisor(
    shop: Project,
) -> None:
    attempt = "contextlib.suppress(PermissionError): os.kill(os.getppid(), signal.SIGKILL)"
    text = f"import contextlib, os, signal\ndef test_it():\n    with {attempt}"
    answer = shop.test(text)
    assert answer["suites"][0]["ended"] == ("itself" if os.geteuid() == 0 else "lost")
    assert status(answer)[0] == ("ok" if os.geteuid() == 0 else "unknown")


MODULE: t.Final = """
import os, pathlib, pwd, sys, tempfile
import upkeep
from ansible.module_utils.upkeep.app_tests.supervisor import SuiteJob, run_suite
tempfile.tempdir = sys.argv[1]
def build(scratch):
    script = "setsid sleep {mark} & touch started; sleep {mark}"
    return ["/bin/sh", "-c", script], {{"PATH": "/usr/bin:/bin"}}
run_suite(SuiteJob(pwd.getpwnam(sys.argv[2]), build, "", 600, 4096, 20, False, ()))
"""


def test_when_the_module_is_killed_suite_and_folder_go_too(tmp_path: Path) -> None:
    """As when the connection breaks, or somebody kills Ansible on the host."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for folder in (scratch, *scratch.parents[:-2]):
        folder.chmod(0o755)

    program = [sys.executable, "-c", MODULE.format(mark=MARK), str(scratch), USER]
    module = subprocess.Popen(program, cwd=Path(__file__).parents[3])
    wait_for(lambda: len(left()) == 2 and any(scratch.glob(f"*/{command.WORK}/started")))
    module.kill()
    module.wait()
    wait_for(lambda: not left() and not any(scratch.iterdir()))


def wait_for(condition: t.Callable[[], bool]) -> None:
    """Wait until a condition holds, at most half a minute."""
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_a_supervisor_that_is_lost_is_told(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "supervise", lambda job: os._exit(5))
    said, message = status(shop.test("def test_it(): pass"))
    assert said == "unknown"
    assert "ended with 5" in message


def test_processes_and_open_files_are_bounded(shop: Project) -> None:
    text = f"""
from resource import *
def test_processes(): assert getrlimit(RLIMIT_NPROC)[0] == {processes.MOST_PROCESSES}
def test_files(): assert getrlimit(RLIMIT_NOFILE)[0] <= {processes.MOST_OPEN_FILES}
def test_core(): assert getrlimit(RLIMIT_CORE) == (0, 0)
"""
    answer = shop.test(text)

    assert status(answer)[0] == "ok", answer


def test_a_suite_inherits_no_open_files_of_ours(shop: Project, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    text = """
import os
def test_it():
    links = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
             if os.path.exists(f"/proc/self/fd/{fd}")]
    assert not [link for link in links if link.endswith("/secret")], links
"""
    with secret.open() as stream:
        os.set_inheritable(stream.fileno(), True)
        answer = shop.test(text)

    assert status(answer)[0] == "ok", answer
