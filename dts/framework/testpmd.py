# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Debian's dpdk-testpmd on a host, controlled by its command line."""

import glob
import itertools
import os
import pathlib
import re
import shutil

from . import paths
from .child import Child
from .wait import wait_for

PROMPT = "testpmd> "
HUGE_DIR = "/dev/hugepages"
_serial = itertools.count()


def huge_files(prefix):
    return glob.glob(f"{HUGE_DIR}/{prefix}map_*")


def sweep(prefix):
    """Remove the files that an EAL on this machine left for the next run with the same prefix."""
    for name in huge_files(prefix):
        pathlib.Path(name).unlink(missing_ok=True)
    shutil.rmtree(f"/var/run/dpdk/{prefix}", ignore_errors=True)


class Testpmd:
    """One interactive testpmd.

    devices: PCI addresses, each with devargs after a comma if wanted.
    vsr: load net_vsr with -d; otherwise DPDK's own net_virtio drives the functions.
    cores: "N,M", the processors; by default those of the host.
    """

    __test__ = False  # pytest would take it for a test class, because of its name

    def __init__(
        self,
        host,
        devices,
        vsr=False,
        eal=(),
        args=(),
        cores=None,
        memory=None,
        token=None,
        env=None,
    ):
        self.host = host
        self.env = env or {}
        self.prefix = f"vsr{os.getpid()}n{next(_serial)}"
        command = [paths.TESTPMD, *(["-l", cores] if cores else ["--lcores", host.lcores])]
        command += ["-m", memory or host.memory]
        command += ["--file-prefix", self.prefix, "--iova-mode=va", "--no-telemetry"]
        if vsr:
            command += ["-d", paths.plugin()]
        for device in devices:
            command += ["-a", device]
        token = token or host.token
        if token:
            command += [f"--vfio-vf-token={token}"]
        command += [*eal, "--", "-i", f"--total-num-mbufs={host.mbufs}", *args]
        self.command = [str(word) for word in command]
        self.child = None

    # ------------------------------------------------------------ start and end

    def start(self, timeout=None):
        """Start and wait for the first prompt."""
        self.launch()
        self.child.expect(re.escape(PROMPT), timeout or self.host.patience)
        return self

    def launch(self):
        """Start without waiting."""
        self.child = Child(self.host.wrap(self.command), env={**self.host.env, **self.env},
                           name="dpdk-testpmd")
        return self

    def run_to_end(self, timeout=None):
        """Start, and wait for the end of testpmd. Returns exit code and output."""
        self.launch()
        code = self.child.wait(timeout or self.host.patience)
        return code, self.child.output

    @property
    def pid(self) -> int:
        return self.child.pid

    def quit(self, timeout=None) -> int:
        """Quit. Returns the exit code."""
        self.child.send("quit\n")
        code = self.child.wait(timeout or self.host.patience)
        self._sweep()
        return code

    def kill(self):
        """kill -9. Returns the exit code."""
        code = self.child.kill()
        self._sweep()
        return code

    def close(self):
        if self.child is not None:
            self.child.close()
        self._sweep()

    def _sweep(self):
        # No later run uses this prefix.
        self.host.sweep(self.prefix)

    # ------------------------------------------------------------ commands

    def cmd(self, text, timeout=None) -> str:
        """Type a command. Returns its output up to the next prompt."""
        timeout = timeout or self.host.patience
        mark = self.child.mark()
        self.child.send(text + "\n")
        # The terminal echoes the command; the output and the prompt follow. Another thread may
        # print a message (link state change) between any two characters of the echo.
        typed = r"[\s\S]*?".join(map(re.escape, text))
        echo = self.child.expect(typed + r"\s*\n", timeout, mark)
        prompt = self.child.expect(re.escape(PROMPT), timeout, echo.end())
        return self.child.output[echo.end() : prompt.start()]

    def start_forwarding(self, mode=None):
        if mode:
            self.cmd(f"set fwd {mode}")
        self.cmd("start")

    def stop_forwarding(self):
        return self.cmd("stop")

    def stats(self, port) -> dict:
        """{"RX-packets": ..., "RX-missed": ..., "TX-packets": ...} of a port."""
        text = self.cmd(f"show port stats {port}")
        return {name: int(value) for name, value in re.findall(r"([RT]X-[a-z]+):\s+(\d+)", text)}

    def xstats(self, port) -> dict:
        text = self.cmd(f"show port xstats {port}")
        return {name: int(value) for name, value in re.findall(r"^(\w+): (\d+)\s*$", text, re.M)}

    def info(self, port) -> str:
        return self.cmd(f"show port info {port}")

    def driver(self, port) -> str:
        return re.search(r"^Driver name: (\S+)", self.info(port), re.M).group(1)

    def mac(self, port) -> str:
        return re.search(r"^MAC address: (\S+)", self.info(port), re.M).group(1).lower()

    def link_up(self, port) -> bool:
        return re.search(r"^Link status: (\w+)", self.info(port), re.M).group(1) == "up"

    def wait_link(self, port, up=True, timeout=None):
        what = f"port {port} link {'up' if up else 'down'}"
        wait_for(lambda: self.link_up(port) == up, what, timeout or self.host.patience)

    def burst_mode(self, direction, port=0, queue=0) -> str:
        text = self.cmd(f"show {direction}q info {port} {queue}")
        found = re.search(r"^Burst mode: (.*)$", text, re.M)
        return found.group(1).strip() if found else ""
