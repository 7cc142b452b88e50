# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""The simulated host: vsr-sim serve in a folder of the test."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from . import paths
from .child import Child
from .host import NEEDS, Host
from .net import tap_name
from .tap import Tap
from .testpmd import sweep
from .wait import SLOW

PF = "0000:01:00.0"


def mounted(path) -> bool:
    with open("/proc/self/mounts") as mounts:
        return any(line.split()[1] == str(path) for line in mounts)


class Sim(Host):
    """One vsr-sim serve."""

    kind = "simulated"
    has = frozenset(NEEDS) - {"kernel_parameters"}
    pf = PF

    def __init__(
        self,
        profile="full",
        features="",
        vfs=4,
        queue_pairs=2,
        wires=None,
        taps=(),
        args=(),
        directory=None,
    ):
        """wires: {function: wire}; taps: functions that get a tap as their wire."""
        self.profile = profile
        self.features = features
        self.taps = {function: tap_name() for function in taps}
        self.wires = {function: f"tap:{name}" for function, name in self.taps.items()}
        self.wires.update(wires or {})
        self.vfs = vfs
        self.queue_pairs = queue_pairs
        self.args = [str(word) for word in args]
        # The path of a socket has at most 107 characters; pytest's tmp_path may be longer.
        self._owned = directory is None
        self.dir = pathlib.Path(directory or tempfile.mkdtemp(prefix="vsr-dts-", dir="/tmp"))
        self.run_dir = self.dir / "run"
        self.child = None
        self.token = None

    # ------------------------------------------------------------ start and end

    def serve_command(self):
        command = [paths.VSR_SIM, "serve", "--dir", self.dir, "--profile", self.profile]
        if self.features:
            command += [f"--features={self.features}"]
        command += ["--vfs", self.vfs, "--queue-pairs", self.queue_pairs]
        for function, wire in self.wires.items():
            command += ["--wire", f"{function}={wire}"]
        return [str(word) for word in command + self.args]

    def start(self, timeout=SLOW):
        """Start, and wait until vsr-sim is ready."""
        self.child = Child(self.serve_command(), name="vsr-sim serve")
        self.child.expect("^vsr-sim is ready", timeout)
        return self

    @property
    def lcores(self):
        """Two lcores on the first processors that this process may use. There may be only one."""
        allowed = sorted(os.sched_getaffinity(0))
        return f"0@{allowed[0]},1@{allowed[:2][-1]}"

    @property
    def pid(self) -> int:
        return self.child.pid

    def stop(self, timeout=SLOW) -> int:
        """Stop vsr-sim, and check that no mount and no socket is left. Returns its exit code."""
        stopped = self.cli("stop")
        assert stopped.returncode == 0, stopped.stderr
        code = self.child.wait(timeout)
        assert not mounted(self.dir / "sys"), "the simulated sysfs is still mounted"
        left = [p.name for p in self.dir.iterdir() if p.is_socket()]
        assert not left, f"sockets left behind: {left}"
        return code

    def kill(self):
        """kill -9."""
        return self.child.kill()

    def close(self):
        """Stop vsr-sim if it runs, and remove its folder."""
        if self.child is not None:
            if self.child.alive():
                self.cli("stop")
                try:
                    self.child.wait(20)
                except TimeoutError:
                    self.child.kill()
            self.child.close()
        if mounted(self.dir / "sys"):
            subprocess.run(["umount", "-l", self.dir / "sys"], check=False, timeout=20)
        if self._owned:
            shutil.rmtree(self.dir, ignore_errors=True)

    # ------------------------------------------------------------ commands

    def cli(self, command, *args, timeout=SLOW) -> subprocess.CompletedProcess:
        """Run a subcommand of vsr-sim for this folder."""
        return subprocess.run(
            [str(paths.VSR_SIM), command, "--dir", str(self.dir), *[str(word) for word in args]],
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def wrap(self, command):
        """The command line that runs a command on the simulated host."""
        return [str(paths.VSR_SIM), "run", "--dir", str(self.dir), "--", *map(str, command)]

    @property
    def env(self):
        return {name: value for name, value in os.environ.items() if name != "VSR_RUN_DIR"}

    def sweep(self, prefix):
        sweep(prefix)

    def open_tap(self, function):
        return Tap(self.taps[function]).open()

    def set_link(self, function, up):
        done = self.cli("link", function, "up" if up else "down")
        assert done.returncode == 0, done.stderr

    def log(self):
        return self.child.output

    def read(self, *words):
        return self.sysfs(*words).read_text().strip()

    def write(self, text, *words):
        self.sysfs(*words).write_text(f"{text}\n")

    def check_clean(self):
        if self.child is not None and self.child.alive():
            found = self.violations()
            assert found == {}, found

    def sysfs(self, *words) -> pathlib.Path:
        return self.dir.joinpath("sys", *words)

    # ------------------------------------------------------------ counters

    def ask(self, timeout=SLOW, **request):
        """Send a request to the control socket. Faster than cli(), which starts a process."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(timeout)
            link.connect(str(self.dir / "ctl.sock"))
            link.sendall(json.dumps(request).encode() + b"\n")
            with link.makefile() as lines:
                answer = json.loads(lines.readline())
        assert answer["ok"], answer["error"]
        return answer

    def stats(self, *function):
        done = self.cli("stats", *function, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def fn(self, name):
        """Counters, state, features and queues of "pf", "vf1", ..."""
        (function,) = self.stats(name)["functions"]
        return function

    def violations(self):
        """{function and rule: count} of all violations."""
        found = {}
        for function in self.stats()["functions"]:
            for name, value in function["counters"].items():
                if name.startswith("violation_") and value:
                    found[f"{function['name']} {name}"] = value
        return found

    def fds(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))
