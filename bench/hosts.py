# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one host costs in a weekly run that changes nothing, among 20 hosts against among 5.

Every host of both runs is an alias over ssh of a machine of the demo fleet, in turn, so that the
same machines do four times the work; five runs of their own kind would differ in the machines as
well. With ``--check``, since aliases of one machine would otherwise maintain it at the same time.
Both sizes are measured in turn, after one warm-up each.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from demo import fleet
from demo.fleet import PROJECT, Fleet, Host
from demo.scale_inventory import profiles, write

FEW, MANY = 5, 20
#: Cost per host at MANY may be at most 1.1 times that at FEW; the closing line states the inverse.
BAR: t.Final = round(1 / 1.1, 2)
PLAYBOOK: t.Final = "playbooks/weekly.yml"


def aliases(hosts: t.Sequence[Host], count: int) -> list[tuple[Host, str]]:
    """Return so many aliases of the hosts in turn, each with the name of its real host."""
    turns = zip(range(1, count + 1), itertools.cycle(hosts), strict=False)
    return [(host._replace(name=f"{host.name}-{number}"), host.name) for number, host in turns]


def place_of(folder: Path, real: Fleet, count: int) -> Path:
    """Write an inventory of so many aliases of the fleet's systems, with the shipped profiles.

    Returns its path.
    """
    maintained = [host for host in real.hosts if "control" not in host.components]
    return write(folder / str(count), real, aliases(maintained, count), profiles())


def play(place: Path, store: Path) -> float:
    """Return the seconds of one run on all hosts of an inventory.

    Raises SystemExit with its end when a task failed.
    """
    tool = str(Path(sys.executable).parent / "ansible-playbook")
    command = [
        tool,
        f"--inventory={place}",
        PLAYBOOK,
        "--check",
        "-e",
        '{"verdict_fail_on": []}',
        "-e",
    ]
    begun = time.monotonic()
    done = subprocess.run(  # noqa: S603 - our own programs, no shell
        [*command, f"upkeep_store={store}"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - begun
    if done.returncode:
        raise SystemExit(
            f"a run ended with exit code {done.returncode}:\n"
            f"{done.stdout[-4000:]}{done.stderr[-2000:]}"
        )

    return seconds


def main() -> int:
    """Measure, print the figures and the closing line; returns 1 when the bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.hosts", description=__doc__)
    parser.add_argument(
        "--fleet", default=fleet.DEFAULT, help="a running fleet (default: %(default)s)"
    )
    parser.add_argument(
        "--hosts",
        default="",
        help="of the fleet, comma separated (default: all that are maintained)",
    )
    parser.add_argument(
        "--pairs", type=int, default=3, help="how often to run both sizes (default: %(default)s)"
    )
    wanted = parser.parse_args()
    whole = fleet.select(fleet.load(), wanted.fleet, [], PROJECT / ".demo")
    named = [name for name in wanted.hosts.split(",") if name] or [
        host.name for host in whole.hosts
    ]
    real = whole._replace(hosts=tuple(host for host in whole.hosts if host.name in named))

    with tempfile.TemporaryDirectory(prefix="upkeep-bench-") as name:
        folder = Path(name)
        places = [place_of(folder, real, count) for count in (MANY, FEW)]
        for place in places:
            play(place, folder / "store")

        costs = [
            tuple(
                play(place, folder / "store") / count
                for place, count in zip(places, (MANY, FEW), strict=True)
            )
            for _ in range(wanted.pairs)
        ]

    for many, few in costs:
        print(f"  a host of {MANY}: {many:5.2f} s   a host of {FEW}: {few:5.2f} s", flush=True)

    ours, other = (statistics.median(side) for side in zip(*costs, strict=True))
    ratio = other / ours
    print(
        f"bench hosts ours={ours:.2f} other={other:.2f} unit=s_per_host ratio={ratio:.2f} bar={BAR}"
    )

    return 0 if ratio >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
