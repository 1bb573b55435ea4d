# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A weekly run that finds nothing to do, against the same work with stock modules in loops.

Both sides run on the demo fleet with the same inventory, profiles, forks and connection, in turn,
after one warm-up each. Interpreter starts are counted on the targets themselves, by a wrapper
around Python, in one further run of each.

Such playbooks look again at their end whatever they did; Upkeep does where something was changed,
which is nowhere here. So the other side is also measured without its
second look.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
import typing as t
from pathlib import Path

PROJECT: t.Final = Path(__file__).resolve().parent.parent
OURS: t.Final = "playbooks/weekly.yml"
OTHER: t.Final = "bench/playbooks/weekly_stock.yml"
SAME: t.Final = ("-e", "@bench/same_work.yml")
BAR: t.Final = 3.0
COUNTER: t.Final = "/usr/local/bin/counting-python3"
TALLY: t.Final = "/usr/local/lib/interpreter-starts"
WRAPPER: t.Final = f'#!/bin/sh\necho x >> {TALLY}\nexec /usr/bin/python3 "$@"\n'


def tool(name: str) -> str:
    """Return the path of a program beside this interpreter."""
    return str(Path(sys.executable).parent / name)


class Played(t.NamedTuple):
    """What one run of a playbook took: seconds, seconds of the controller's CPU, printed lines."""

    seconds: float
    cpu: float
    lines: int


def cpu_of_children() -> float:
    """Return the CPU seconds of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)

    return used.ru_utime + used.ru_stime


def play(playbook: str, *args: str) -> Played:
    """Run a playbook and return what it took; its lines are those up to the recap.

    Raises CalledProcessError when it fails.
    """
    begun, cpu = time.monotonic(), cpu_of_children()
    done = subprocess.run(  # noqa: S603 - our own programs, no shell
        [tool("ansible-playbook"), playbook, *SAME, *args],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-2000:], file=sys.stderr)
        done.check_returncode()

    lines = done.stdout.partition("\nPLAY RECAP")[0].count("\n") + 1

    return Played(time.monotonic() - begun, cpu_of_children() - cpu, lines)


def on_hosts(module: str, arguments: str, *args: str) -> str:
    """Run one ad-hoc task on the systems and return its output."""
    command = [tool("ansible"), "systems", "--become", "-m", module, "-a", arguments, *args]
    done = subprocess.run(  # noqa: S603
        command, cwd=PROJECT, capture_output=True, text=True, check=True
    )

    return done.stdout


def count_starts(playbook: str, *args: str) -> dict[str, int]:
    """Return host -> interpreter starts in one run of a playbook."""
    on_hosts("ansible.builtin.copy", f"content='{WRAPPER}' dest={COUNTER} mode=0755", *args)
    on_hosts("ansible.builtin.copy", f"content='' dest={TALLY} mode=0666", *args)
    play(playbook, "-e", f"ansible_python_interpreter={COUNTER}", *args)
    counted = on_hosts("ansible.builtin.command", f"wc -l {TALLY}", *args)
    on_hosts("ansible.builtin.file", f"path={TALLY} state=absent", *args)
    on_hosts("ansible.builtin.file", f"path={COUNTER} state=absent", *args)
    lines = counted.splitlines()

    return {lines[i].split()[0]: int(lines[i + 1].split()[0]) for i in range(0, len(lines) - 1, 2)}


def main() -> int:
    """Measure, print the figures and the closing line; returns 1 when the bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.weekly_noop", description=__doc__)
    parser.add_argument(
        "--limit", default="systems", help="hosts or systems to measure on, as for ansible-playbook"
    )
    parser.add_argument(
        "--pairs", type=int, default=3, help="how often to run both sides (default: 3)"
    )
    options = parser.parse_args()
    limit = ["--limit", options.limit]
    for playbook in (OURS, OTHER):
        play(playbook, *limit)

    once = ["--skip-tags", "again", *limit]
    sides = [
        (play(OURS, *limit), play(OTHER, *limit), play(OTHER, *once)) for _ in range(options.pairs)
    ]

    for ours, other, shorter in sides:
        print(
            f"  ours {ours.seconds:6.1f} s ({ours.cpu:.1f} s of CPU, {ours.lines} lines)   "
            f"stock modules {other.seconds:6.1f} s ({other.cpu:.1f} s of CPU), "
            f"once {shorter.seconds:6.1f} s",
            flush=True,
        )

    ours_starts, other_starts = count_starts(OURS, *limit), count_starts(OTHER, *limit)
    for host in sorted(ours_starts):
        print(f"  {host}: interpreter starts {ours_starts[host]} against {other_starts.get(host)}")

    ours, other, shorter = (
        statistics.median(run.seconds for run in side) for side in zip(*sides, strict=True)
    )
    ratio = other / ours
    print(
        f"  without the second look of the other side: {shorter:.1f} s, ratio {shorter / ours:.2f}"
    )
    print(f"bench weekly_noop ours={ours:.1f} other={other:.1f} unit=s ratio={ratio:.2f} bar={BAR}")

    return 0 if ratio >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
