# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Check of RX interrupts: a program sleeps, and packets wake it."""

import os

from . import paths
from .child import Child
from .frames import flows

_PREFIX = f"vsr{os.getpid()}intr"


def check_wakes(host, closing, tap, device, eal=(), wakes=16) -> str:
    """Send one frame each time the program sleeps. Each must wake it once, with one packet.

    Returns the output of the program.
    """
    command = [
        paths.BUILD / "app/test/tools/rx_intr", "--lcores", host.lcores.split(",")[0],
        "-m", host.memory, "--no-telemetry",
        "--iova-mode=va", "--file-prefix", _PREFIX, *eal, "-a", device,
        f"--vfio-vf-token={host.token}", "--", wakes,
    ]
    sleeper = closing(Child(host.wrap(command), env=host.env, name="rx_intr"))
    try:
        mark = 0
        for frame in flows("ff:ff:ff:ff:ff:ff", tap.mac, wakes):
            mark = sleeper.expect(r"^asleep", since=mark).end()
            tap.send([frame])
            woken = sleeper.expect(r"^woken by queue (\d) with (\d+) packets", since=mark)
            assert woken.group(2) == "1"
            mark = woken.end()
        assert sleeper.wait() == 0
        return sleeper.output
    finally:
        host.sweep(_PREFIX)
