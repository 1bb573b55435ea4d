# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verifying model files: how fast one large file is read, and what twenty files cost in one call.

Both sides take turns over the same file from the page cache. Figures are medians of the rounds, and
so is the ratio, which is taken within each round: what slows the machine for a while slows both
sides.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known

# isort: split
from ansible.module_utils.upkeep.model_verification.reading import read

PROJECT: t.Final = Path(__file__).resolve().parent.parent
SIZE: t.Final = 2 << 30
CHUNK: t.Final = 16 << 20
ROUNDS: t.Final = 5
FILES: t.Final = 20
MD5_BAR: t.Final = 0.9
BOTH_BAR: t.Final = 1.2
CALLS_BAR: t.Final = 4.5

PLAY: t.Final = {"hosts": "localhost", "connection": "local", "gather_facts": False}


def fill(path: Path, size: int) -> None:
    """Write a file of ``size`` bytes that no file system can store as a hole."""
    block = os.urandom(CHUNK)
    with path.open("wb") as stream:
        for _ in range(size // CHUNK):
            stream.write(block)


def seconds(work: t.Callable[[], object]) -> float:
    """Return how long some work takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def rounds(*sides: t.Callable[[], object]) -> list[list[float]]:
    """Return the times of each side, s, round by round."""
    taken = [[seconds(side) for side in sides] for _ in range(ROUNDS)]
    return [list(times) for times in zip(*taken, strict=True)]


def ratio(ours: t.Sequence[float], other: t.Sequence[float]) -> float:
    """Return the median over the rounds of ``ours`` by ``other``."""
    return statistics.median(mine / theirs for mine, theirs in zip(ours, other, strict=True))


def digests(path: Path) -> bool:
    """Measure the rates on one large file; return whether both bars are kept."""
    fill(path, SIZE)
    md5, md5sum, sha256, both = rounds(
        lambda: read(path, path.parent, ["md5"]),
        lambda: subprocess.run(  # noqa: S603
            ["/usr/bin/md5sum", str(path)], check=True, stdout=subprocess.DEVNULL
        ),
        lambda: read(path, path.parent, ["sha256"]),
        lambda: read(path, path.parent, ["md5", "sha256"]),
    )
    path.unlink()
    rate, other = (SIZE / 2**20 / statistics.median(taken) for taken in (md5, md5sum))
    faster = ratio(md5sum, md5)
    print(
        f"bench model_md5 ours={rate:.0f} other={other:.0f} unit=MiB/s ratio={faster:.2f} "
        f"bar={MD5_BAR}"
    )
    slower = max(md5, sha256, key=statistics.median)
    together = ratio(both, slower)
    ours, alone = statistics.median(both), statistics.median(slower)
    print(
        f"bench model_both ours={ours:.2f} other={alone:.2f} unit=s ratio={together:.2f} "
        f"bar=<={BOTH_BAR}"
    )

    return faster >= MD5_BAR and together <= BOTH_BAR


def playbook(folder: Path, name: str, tasks: list[dict[str, t.Any]]) -> Path:
    """Write a playbook of some tasks; JSON is YAML."""
    path = folder / f"{name}.yml"
    path.write_text(json.dumps([{"name": name, **PLAY, "tasks": tasks}]), encoding="utf-8")
    return path


def play(path: Path) -> None:
    """Run a playbook; raises CalledProcessError with its output when it fails."""
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "--inventory",
        "localhost,",
        str(path),
    ]
    # Without our callback: it would write a record of each run, on both sides.
    env = {**os.environ, "ANSIBLE_CALLBACK_PLUGINS": str(path.parent)}
    done = subprocess.run(  # noqa: S603
        command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-2000:], file=sys.stderr)
        done.check_returncode()


def calls(folder: Path) -> bool:
    """Measure twenty files in one call against twenty tasks, whole processes.

    Return whether the bar is kept.
    """
    files = [folder / f"model{i}.pkl" for i in range(FILES)]
    for path in files:
        path.write_bytes(os.urandom(1 << 20))

    models = [{"name": path.stem, "path": str(path)} for path in files]
    ours = playbook(folder, "ours", [{"name": "Verify", "model_verify": {"models": models}}])
    stat = {"checksum_algorithm": "sha256", "get_checksum": True}
    tasks = [
        {"name": f"Look at {path.name}", "ansible.builtin.stat": {"path": str(path), **stat}}
        for path in files
    ]
    theirs = playbook(folder, "theirs", tasks)
    one, twenty = rounds(lambda: play(ours), lambda: play(theirs))
    times = ratio(twenty, one)
    median, other = statistics.median(one), statistics.median(twenty)
    print(
        f"bench model_calls ours={median:.2f} other={other:.2f} unit=s ratio={times:.2f} "
        f"bar={CALLS_BAR}"
    )

    return times >= CALLS_BAR


def main() -> int:
    """Measure all three; returns 1 when a bar is missed."""
    with tempfile.TemporaryDirectory(prefix="bench-models-") as name:
        folder = Path(name)
        kept = [digests(folder / "large.pkl"), calls(folder)]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
