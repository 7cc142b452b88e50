# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Functions of vsr-sim in the virtual machine: QEMU's vfio-user-pci shows them to Linux, and either
virtio_net of Linux or net_vsr drives them. One boot has a function for each of several settings."""

import contextlib
import json

from .host import Host
from .net import Namespace
from .qemu import KERNEL, Vm
from .sim import PF, Sim
from .tap import Tap


class Guest(Host):
    """One function, with its own vsr-sim, and its interface in Linux."""

    kind = "machine"
    patience = 240
    memory, mbufs = 64, 4096

    def __init__(self, number, features, vfs=0, args=()):
        self.number = number
        self.features = features
        self.interface = None
        self.address = f"192.168.{80 + number}.2"
        self.vm = None
        self.sim = Sim(features=features, taps=["pf"], vfs=vfs, queue_pairs=2,
                       args=["--vfio-user", "--mac", f"02:76:73:72:{number:02x}:00", *args])
        self.space = Namespace(f"192.168.{80 + number}.1")

    def start(self):
        """Start vsr-sim. Start QEMU afterwards, because QEMU connects to the socket of vsr-sim when
        QEMU starts."""
        self.sim.start()
        self.space.take(self.sim.taps["pf"])

    def arguments(self):
        n = self.number
        device = {"driver": "vfio-user-pci", "bus": f"rp{n}", "addr": "0x0",
                  "socket": {"type": "unix", "path": str(self.sim.dir / "fn" / f"{PF}.sock")}}
        return ["-device", f"pcie-root-port,id=rp{n},chassis={n + 1},slot={n + 1},bus=pcie.0,"
                f"addr={n + 4:x}", "-device", json.dumps(device)]

    def sh(self, script):
        """Run a shell script in the virtual machine; $i is the interface. Returns its output."""
        done = self.vm.run("sh", "-ec", f"i={self.interface}; {script}")
        assert done.returncode == 0, f"{script}: {done.stderr}"
        return done.stdout

    def find(self, vm):
        """Find the interface in Linux by the address of the function."""
        self.vm = vm
        self.pf = f"0000:{self.number + 1:02x}:00.0"
        self.interface = self.sh(f"ls /sys/bus/pci/devices/{self.pf}/virtio*/net").strip()
        return self

    def bind(self, driver):
        """Unbind the function from its driver and bind it to another one."""
        self.sh(f"cd /sys/bus/pci/devices/{self.pf}; echo {driver} > driver_override;"
                f" [ ! -e driver ] || echo {self.pf} > driver/unbind;"
                f" echo {self.pf} > /sys/bus/pci/drivers_probe; [ -e driver ]")

    def up(self):
        self.sh(f"ip address replace {self.address}/24 dev $i; ip link set $i up")
        # The MAC address may have changed: let the other end ask again.
        self.space.run("ip", "neighbour", "flush", "dev", self.space.interface)

    def down(self):
        self.sh("ip link set $i down; ip address flush dev $i")

    def attribute(self, name):
        return self.sh(f"cat /sys/class/net/$i/{name}").strip()

    def wrap(self, command):
        return self.vm.wrap(command)

    def sweep(self, prefix):
        self.sh(f"rm -rf /dev/hugepages/{prefix}map_* /run/dpdk/{prefix}")

    def open_tap(self, function="pf"):
        return Tap(self.sim.taps[function], self.space).open()

    def set_link(self, function, up):
        self.sim.set_link(function, up)

    def check_clean(self):
        self.sim.check_clean()

    def fn(self):
        return self.sim.fn("pf")


@contextlib.contextmanager
def linux_guests(settings, kernel=KERNEL, **conf):
    """Boot with a function for each entry of {name: features}. Yields {name: Guest}. conf: more
    arguments for each Guest."""
    with contextlib.ExitStack() as stack:
        guests = {}
        for number, (name, features) in enumerate(settings.items()):
            guest = guests[name] = Guest(number, features, **conf)
            stack.callback(guest.space.close)
            stack.callback(guest.sim.close)
            guest.start()
        # With caching-mode, the IOMMU reports each map to QEMU's vfio-user-pci.
        vm = Vm([word for guest in guests.values() for word in guest.arguments()],
                iommu_args=",caching-mode=on", kernel=kernel)
        stack.callback(vm.close)
        vm.boot().thin_dpdk()
        yield {name: guest.find(vm) for name, guest in guests.items()}
