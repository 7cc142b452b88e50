# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""devtools/demo.sh passes, and cleans up however it ends."""

import glob
import os
import re
import signal
import subprocess

import pytest

from framework import paths
from framework.child import Child
from framework.net import sh
from framework.wait import wait_for


@pytest.fixture
def demo(closing):
    """demo(): start demo.sh."""

    class Demo:
        def __init__(self):
            env = {**os.environ, "VSR_BUILD": str(paths.BUILD)}
            self.child = Child([paths.ROOT / "devtools/demo.sh"], env=env, name="demo.sh")

        def python(self):
            """The pid of demo.py."""
            done = subprocess.run(
                ["pgrep", "-P", str(self.child.pid), "-f", "devtools/demo.py"],
                capture_output=True, text=True, timeout=60, check=True,
            )
            return int(done.stdout.split()[0])

        def traces(self):
            """Network namespaces and hugepage files of the demonstration that exist now."""
            names = re.findall(r"\bvsr(\d+)n\d+\b", self.child.output)
            spaces = [n for n in sh("ip", "netns").split() if re.match(r"vsr\d+n", n)]
            return [n for n in spaces if re.match(r"vsr(\d+)n", n).group(1) in names] + [
                f for name in names for f in glob.glob(f"/dev/hugepages/vsr{name}n*")
            ]

        def close(self):
            self.child.close()

    return lambda: closing(Demo())


def test_demo_passes(demo):
    """Verify: PASS as the last line, each row of the table, and the clean-up."""
    run = demo()
    assert run.child.wait(300) == 0
    assert run.child.output.rstrip().splitlines()[-1] == "PASS"
    for row in ("VF 1 to VF 2 .*Gbit/s", "VF 2 to VF 1 .*Gbit/s", "forwarded .*Mpps",
                r"doorbells per 1000 packets +\d", "ring layout +packed", "receive path +packed",
                "pings lost +0 of", "violations of virtio +none"):
        assert re.search(row, run.child.output), row
    assert run.traces() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_interrupted_demo_cleans_up(number, demo):
    """Steps: send a signal to demo.sh during the traffic; SIGKILL to demo.py only.

    Verify: the exit code is not 0, and everything is cleaned up.
    """
    run = demo()
    run.child.expect(r"pings answered")
    assert run.traces()
    if number == signal.SIGKILL:
        os.kill(run.python(), number)
    else:
        run.child.signal(number)
    assert run.child.wait() != 0
    assert "PASS" not in run.child.output
    wait_for(lambda: not run.traces(), "the traces of the demonstration to go")


def test_demo_refuses_arguments():
    done = subprocess.run(
        [str(paths.ROOT / "devtools/demo.sh"), "now"], capture_output=True, text=True, timeout=60,
        check=False,
    )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "now" in done.stderr
