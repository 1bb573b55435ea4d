# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Health checks: fifty HTTP probes in one call against fifty tasks, and against curl over the same list.

The services of this bench take 0.3 s to answer, as a health endpoint does that asks its database, cache and workers. A
probe runs in a process of its own, so that nothing it meets can make the module hang; against a service that answers
at once that is most of its time, and the last line tells how much. The best of each side counts: noise of the machine
only ever makes a side slower.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import typing as t
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT: t.Final = Path(__file__).resolve().parent.parent
COUNT: t.Final = 50
ROUNDS: t.Final = 3
ANSWER_SECONDS: t.Final = 0.3
CALLS_BAR: t.Final = 12
CURL_BAR: t.Final = 1.5

SERVER: t.Final = """
import asyncio, sys

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    await asyncio.sleep(float(sys.argv[1]))
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
    await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
#: The module without Ansible around it: takes the checks from its input.
PROBE: t.Final = """
import json, sys
import upkeep
from ansible.module_utils.upkeep.probe.plan import plan
from ansible.module_utils.upkeep.probe.runner import run
found = run(plan(json.load(sys.stdin)), workers=50)
assert all(one["status"] == "ok" for one in found), found
"""
PLAY: t.Final = {"hosts": "localhost", "connection": "local", "gather_facts": False}


@contextmanager
def service(seconds: float) -> Iterator[list[str]]:
    """Give the addresses of a service that takes so long for each answer."""
    command = [sys.executable, "-c", SERVER, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            port = int(process.stdout.readline()) if process.stdout else 0
            yield [f"http://127.0.0.1:{port}/{number}" for number in range(COUNT)]
        finally:
            process.kill()


def best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the shortest time that some work took, s."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def play(folder: Path, name: str, task: dict[str, t.Any]) -> None:
    """Run a playbook of one task; raises CalledProcessError with its output when it fails."""
    path = folder / f"{name}.yml"
    path.write_text(json.dumps([{"name": name, **PLAY, "tasks": [task]}]), encoding="utf-8")  # JSON is YAML
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "--inventory", "localhost,", str(path)]
    # Without our callback: it would write a record of each run, on both sides.
    env = {**os.environ, "ANSIBLE_CALLBACK_PLUGINS": str(folder)}
    done = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-2000:], file=sys.stderr)
        done.check_returncode()


def checks_of(urls: list[str]) -> list[dict[str, t.Any]]:
    """Return a check for each address."""
    return [{"name": f"n{number}", "kind": "http", "url": url} for number, url in enumerate(urls)]


def calls(urls: list[str]) -> bool:
    """Measure one call against a task for each address, whole processes; return whether the bar is kept."""
    ours = {"name": "Probe", "health_probe": {"checks": checks_of(urls), "workers": COUNT}}
    theirs = {"name": "Ask", "ansible.builtin.uri": {"url": "{{ item }}"}, "loop": urls}
    with tempfile.TemporaryDirectory(prefix="bench-health-") as name:
        one = best(lambda: play(Path(name), "ours", ours))
        fifty = best(lambda: play(Path(name), "theirs", theirs), rounds=1)
    ratio = fifty / one
    print(f"bench health_probe_calls ours={one:.2f} other={fifty:.2f} unit=s ratio={ratio:.1f} bar={CALLS_BAR}")
    return ratio >= CALLS_BAR


def probes(urls: list[str]) -> float:
    """Return how long the probes take, s, without the start of Python and its modules."""

    def run(checks: list[dict[str, t.Any]]) -> object:
        command = [sys.executable, "-c", PROBE]
        return subprocess.run(command, cwd=PROJECT, input=json.dumps(checks), text=True, check=True)  # noqa: S603

    return best(lambda: run(checks_of(urls))) - best(lambda: run([]))


def curl(urls: list[str]) -> float:
    """Return how long curl takes for all addresses at once, s."""
    listed = [word for url in urls for word in ("--output", "/dev/null", url)]
    command = ["curl", "--silent", "--no-progress-meter", "--parallel", "--parallel-immediate", "--parallel-max", "50"]
    return best(lambda: subprocess.run([*command, *listed], check=True, capture_output=True))  # noqa: S603


def at_once(urls: list[str]) -> bool:
    """Measure our probes against curl; return whether the bar is kept."""
    ours, other = probes(urls), curl(urls)
    ratio = ours / other
    print(f"bench health_probe_curl ours={ours:.2f} other={other:.2f} unit=s ratio={ratio:.2f} bar=<={CURL_BAR}")
    return ratio <= CURL_BAR


def main() -> int:
    """Measure; returns 1 when a bar is missed."""
    with service(ANSWER_SECONDS) as urls:
        kept = [calls(urls), at_once(urls)]
    with service(0) as urls:
        each, theirs = (1000 * seconds / COUNT for seconds in (probes(urls), curl(urls)))
    print(f"a probe costs {each:.1f} ms when the service answers at once, curl {theirs:.1f} ms")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
