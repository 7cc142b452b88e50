# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Back ends of vhost-user: a process that serves one socket for each guest, in one network."""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile

from . import paths
from .bridge import Bridge
from .child import Child
from .net import Namespace, tap_name
from .sim import Sim
from .vdpa import VdpaServe
from .vsrd import Vsrd, shown
from .wait import SLOW, wait_for

HOST = "10.99.0.254"


class HostEnd:
    """A namespace with an interface in the network of the guests."""

    def __init__(self, space):
        self.space = space
        self.address = space.address

    def ping_each(self, address, count):
        return self.space.ping_each(address, count)

    def iperf3(self, address, reverse):
        """TCP to a server in a guest, or back. Returns megabits per second."""
        text = self.space.run("iperf3", "-c", address, "-t", 3, "-J", "--connect-timeout", 30000,
                              *(["-R"] if reverse else []), timeout=3 * SLOW, check=False)
        answer = json.loads(text)
        assert "error" not in answer, answer["error"]
        return round(answer["end"]["sum_received"]["bits_per_second"] / 1e6, 1)


class NetVhost:
    """DPDK's net_vhost in Debian's testpmd, which forwards between each socket and a tap. The taps
    are ports of a bridge of Linux, which is the network, and the host's interface to it."""

    name = "net_vhost"

    def __init__(self, names, queues=1):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="vsr-vhost-", dir="/tmp"))
        self.sockets = {name: self.dir / f"{name}.sock" for name in names}
        self.queues = queues
        self.taps = [tap_name() for _ in names]
        self.child = None
        self.space = Namespace(HOST)
        self.space.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        self.space.run("ip", "link", "add", "br0", "type", "bridge")
        self.space.run("ip", "address", "add", f"{HOST}/24", "dev", "br0")
        self.space.run("ip", "link", "set", "br0", "up")
        self.space.run("ip", "link", "set", "lo", "up")

    def start(self):
        devices = []
        for number, (path, tap) in enumerate(zip(self.sockets.values(), self.taps)):
            path.unlink(missing_ok=True)
            devices += ["--vdev", f"net_vhost{number},iface={path},queues={self.queues}",
                        "--vdev", f"net_tap{number},iface={tap}"]
        cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:2]))
        command = [paths.TESTPMD, "-l", cores, "--in-memory", "--no-pci", "-m", 128,
                   "--file-prefix", f"vsrvhost{os.getpid()}", "--no-telemetry", *devices, "--",
                   "--forward-mode=io", "--auto-start", "--nb-cores=1", "--no-lsc-interrupt",
                   "--no-mlockall", f"--rxq={self.queues}", f"--txq={self.queues}",
                   "--total-num-mbufs=16384"]
        self.child = Child(self.space.wrap(*command), name="dpdk-testpmd with net_vhost")
        self.child.expect("Press enter to exit")
        for tap in self.taps:
            self.space.run("ip", "link", "set", tap, "up", "master", "br0")
        wait_for(lambda: all(path.exists() for path in self.sockets.values()), "the sockets")
        return self

    def kill(self):
        self.child.kill()
        self.child.close()

    def alive(self):
        return self.child.alive()

    @contextlib.contextmanager
    def host(self, name):
        """The host in the network of the guest at the socket of this name."""
        yield HostEnd(self.space)

    def check_clean(self):
        pass

    def close(self):
        if self.child is not None:
            self.child.close()
        self.space.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class OnSim:
    """A back end on VFs of a simulated host. The network is a switch of the simulator. The guests
    run outside of the simulated host."""

    def __init__(self, names, queues=1, args=("--page-per-vq",), features=""):
        """features: those that the VFs have or lack."""
        self.names = list(names)
        self.queues = queues
        self.child = None
        self.sim = Sim(vfs=len(names), queue_pairs=queues, args=args, features=features,
                       wires={self.function(name): "switch:lan" for name in names})

    def function(self, name):
        """The function behind the socket of this name: "vf1", ..."""
        return f"vf{self.names.index(name) + 1}"

    def _wire(self, name, wire):
        done = self.sim.cli("wire", self.function(name), wire)
        assert done.returncode == 0, done.stderr

    @contextlib.contextmanager
    def host(self, name):
        """The host in the network of the guest at a socket: a tap as the wire of its VF."""
        tap, space = tap_name(), Namespace(HOST)
        try:
            self._wire(name, f"tap:{tap}")
            space.take(tap)
            yield HostEnd(space)
        finally:
            self._wire(name, "switch:lan")
            space.close()

    def set_link(self, name, up):
        self.sim.set_link(self.function(name), up)

    def check_clean(self):
        self.sim.check_clean()

    def kill(self):
        self.child.kill()
        self.child.close()

    def alive(self):
        return self.child.alive()

    def close(self):
        if self.child is not None:
            print(f"---- {self.child.name}\n" + "\n".join(self.child.output.splitlines()[-60:]))
            self.child.close()
        self.sim.close()


class VdpaVsr(OnSim):
    """vdpa_vsr in the smallest application."""

    name = "vdpa_vsr"

    def __init__(self, names, queues=1, **conf):
        super().__init__(names, queues, **conf)
        self.sockets = {name: self.sim.dir / f"vhost{n}.sock" for n, name in enumerate(names)}
        self.vfs = None

    def start(self):
        if self.vfs is None:
            self.vfs = self.sim.start().create_vfs(len(self.names))
        for path in self.sockets.values():
            path.unlink(missing_ok=True)
        serve = VdpaServe(self.sim, {vf: [] for vf in self.vfs})
        assert list(serve.sockets.values()) == list(self.sockets.values())
        self.child = serve.start().child
        return self


class VsrBridge(OnSim):
    """vsr-bridge, and vsrd as the owner of the PF. vsr-bridge keeps its guests in a file."""

    name = "vsr-bridge"

    def __init__(self, names, queues=1, guest=(), macs=(), **conf):
        """guest: further (parameter, value) of guest.add. macs: (name, MAC address) of the guests at
        the sockets, where the VF must know it."""
        super().__init__(names, queues, **conf)
        self.guest, self.macs = dict(guest), dict(macs)
        self.vsrd = Vsrd(self.sim)
        self.bridge = Bridge(self.sim)
        self.sockets = {name: self.bridge.path(vf) for vf, name in enumerate(names, 1)}

    def start(self):
        first = self.child is None
        if first:
            self.sim.start()
            self.vsrd.start()
            shown(self.sim, "vf", "create", self.sim.pf, len(self.names))
        self.child = self.bridge.start().child
        if first:
            for vf, name in enumerate(self.names, 1):
                mac = {"mac": self.macs[name]} if name in self.macs else {}
                self.bridge.add(vf, queues=self.queues, **mac, **self.guest)
        self.bridge.wait_running(*range(1, len(self.names) + 1))
        return self

    def close(self):
        self.bridge.close()
        self.vsrd.close()
        super().close()
