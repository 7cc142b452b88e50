# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""A virtual machine whose only network is a vhost-user socket. QEMU is the client of the socket,
and connects again when the back end comes back."""

import contextlib
import json
import pathlib
import re
import shutil
import socket
import tempfile
import threading
import time

from . import qemu
from .child import Child
from .vhost_image import image
from .wait import SLOW, wait_for

BOOT = 600.0  # seconds; the machine may be busy
MEMORY = 192  # MB
APPEND = (
    "console=ttyS0 panic=-1 quiet loglevel=1 nokaslr mitigations=off tsc=reliable no_timer_check"
    " random.trust_cpu=on memhp_default_state=online"
)


class VhostGuest:
    """One QEMU.

    kernel: qemu.KERNEL or qemu.BACKPORTS. incoming: wait for a guest that migrates to here.
    """

    def __init__(self, name, path, address, mac, kernel=qemu.KERNEL, queues=1, packed=False,
                 legacy=False, incoming=False):
        self.name, self.path, self.address, self.mac = name, path, address, mac
        self.kernel, self.queues, self.packed, self.legacy = kernel, queues, packed, legacy
        self.incoming = incoming
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"vsr-guest-{name}-", dir="/tmp"))
        self.child = self.qmp = self._serial = None
        self._text, self._number = "", 0
        self._lock = threading.Lock()

    def _command(self):
        kernel = qemu.VM / self.kernel
        (self.dir / "initrd").write_bytes(image(self.kernel))
        device = {"driver": "virtio-net-pci", "id": "nic", "bus": "port0", "netdev": "net",
                  "mac": self.mac, "host_mtu": 1500, "romfile": ""}
        if self.legacy:
            device.update({"disable-legacy": "off", "disable-modern": True})
        else:
            device["packed"] = self.packed
        if self.queues > 1:
            device.update({"mq": True, "vectors": 2 * self.queues + 2})
        append = f"{APPEND} vsr.address={self.address}"
        if self.legacy:
            append += " virtio_pci.force_legacy=1"
        return qemu.program(
            "usr/bin/qemu-system-x86_64", "-L", qemu.ROOT / "usr/share/qemu",
            "-L", qemu.ROOT / "usr/share/seabios", "-L", qemu.ROOT / "usr/lib/ipxe/qemu",
            "-M", "q35,memory-backend=mem", "-accel", "tcg,thread=multi,tb-size=128",
            "-cpu", "Nehalem", "-smp", self.queues, "-m", f"{MEMORY}M,slots=2,maxmem=1G",
            "-object", f"memory-backend-memfd,id=mem,size={MEMORY}M,share=on",
            "-nodefaults", "-display", "none",
            "-kernel", kernel / "vmlinuz", "-initrd", self.dir / "initrd", "-append", append,
            "-qmp", f"unix:{self.dir / 'qmp'},server=on,wait=off",
            "-chardev", f"socket,id=line,path={self.dir / 'line'},server=on,wait=off",
            "-serial", "chardev:line",
            "-device", "pcie-root-port,id=port0,chassis=1,slot=1,bus=pcie.0",
            "-chardev", f"socket,id=vu,path={self.path},server=off,reconnect-ms=200",
            "-netdev", f"vhost-user,id=net,chardev=vu,queues={self.queues}",
            "-device", json.dumps(device),
            *(["-incoming", f"unix:{self.dir / 'incoming'}"] if self.incoming else []),
        )

    # ------------------------------------------------------------ start and end

    def launch(self):
        """Start QEMU, without waiting for the guest."""
        self.child = Child(self._command(), name=f"qemu of {self.name}")
        wait_for(lambda: (self.dir / "line").exists() and (self.dir / "qmp").exists()
                 or not self.child.alive(), "the sockets of QEMU")
        assert self.child.alive(), self.child.output
        # At once: what a serial line says while nobody listens is lost.
        self._serial = socket.socket(socket.AF_UNIX)
        self._serial.connect(str(self.dir / "line"))
        self.qmp = qemu.Qmp(self.dir / "qmp")
        return self

    def ready(self):
        """Wait until the guest runs commands. Keeps the id of this boot."""
        self.boot = self._expect(r"^@ready (\S+)\n", BOOT).group(1)
        return self

    def start(self):
        return self.launch().ready()

    def kill(self):
        """kill -9 of QEMU."""
        self.child.kill()
        self._serial.close()
        self.qmp.close()

    def close(self):
        if self.child is not None:
            self.child.close()
        for thing in (self._serial, self.qmp):
            if thing is not None:
                thing.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    # ------------------------------------------------------------ commands

    def _expect(self, pattern, timeout):
        """Wait for a line of the guest. The text before it is in self.before."""
        end = time.monotonic() + timeout
        while True:
            found = re.search(pattern, self._text, re.MULTILINE)
            if found:
                self.before = self._text[:found.start()]
                self._text = self._text[found.end():]
                return found
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"guest {self.name} did not print {pattern} in {timeout:g} s; it"
                                   f" printed {self._text[-1000:]!r}\n{self.child.output}")
            self._serial.settimeout(left)
            with contextlib.suppress(TimeoutError):
                data = self._serial.recv(65536)
                if not data:
                    raise EOFError(f"QEMU of {self.name} has ended: {self.child.output}")
                self._text += data.decode(errors="replace").replace("\r", "")

    def sh(self, command, timeout=SLOW, check=True):
        """Run a command of the guest's shell. Returns its output."""
        with self._lock:
            self._number += 1
            self._serial.settimeout(SLOW)
            self._serial.sendall(f"{self._number} {command}\n".encode())
            code = int(self._expect(rf"^@done {self._number} (\d+)\n", timeout).group(1))
            text = self.before.strip()
        assert not check or code == 0, f"guest {self.name}: {command}: exit {code}: {text[-1000:]}"
        return text

    def start_in_background(self, command, log):
        """Start a command whose output goes to a file of the guest. Returns its process id."""
        return int(self.sh(f"{command} >{log} 2>&1 & echo $!"))

    def reboot(self, how):
        """Reboot the guest: "command", "sysrq" or "reset" (QEMU's). Wait until it is up again."""
        old = self.boot
        if how == "reset":
            self.qmp("system_reset")
        else:
            text = {"command": "reboot -f", "sysrq": "echo b >/proc/sysrq-trigger"}[how]
            self._serial.sendall(f"0 {text}\n".encode())
        self.ready()
        assert self.boot != old

    # ------------------------------------------------------------ network

    def ping(self, address, count=5, size=56):
        """Single pings, each with a long time for the answer. Returns the number of answers."""
        one = f"/tools/ping -n -c 1 -W 20 -s {size} {address}"
        answers = self.sh(f"for i in $(seq {count}); do {one}; done", SLOW + 20 * count,
                          check=False)
        return answers.count(" 1 received")

    def wait_ping(self, address, timeout=SLOW):
        """Wait until an answer comes."""
        one = f"/tools/ping -n -c 1 -W 1 {address}"
        wait_for(lambda: " 1 received" in self.sh(one, check=False),
                 f"an answer of {address} to guest {self.name}", timeout)

    def ping_begin(self, address, interval=0.05):
        """Ping in the background until ping_end()."""
        return self.start_in_background(f"/tools/ping -n -D -i {interval} {address}", "/tmp/ping")

    def ping_end(self, process):
        """Returns (sent, received, longest time between two answers in ms)."""
        # Until ping has its own handler, it ignores the signal, as the shell's background jobs do.
        self.sh(f"while [ -e /proc/{process} ]; do kill -INT {process}; sleep 0.1; done")
        text = self.sh("cat /tmp/ping")
        sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) received",
                                            text).groups())
        times = [float(t) for t in re.findall(r"^\[([\d.]+)\] \d+ bytes from", text, re.MULTILINE)]
        gaps = [after - before for before, after in zip(times, times[1:])]
        return sent, received, round(1000 * max(gaps, default=0))

    def iperf3_server(self):
        """Start iperf3 -s, once for each boot of the guest, and wait until it listens: between two
        tests it does not."""
        self.sh("[ -e /tmp/iperf3 ] || iperf3 -s -D -I /tmp/iperf3 >/tmp/iperf3.log 2>&1")
        wait_for(lambda: self.sh("grep -l ':1451 .* 0A ' /proc/net/tcp /proc/net/tcp6",
                                 check=False), f"iperf3 of {self.name} to listen at port 5201")

    def iperf3(self, address, seconds=3, options=""):
        """TCP to a server. Returns megabits per second that arrived."""
        text = self.sh(f"iperf3 -c {address} -t {seconds} -J --connect-timeout 30000 {options}",
                       seconds + 2 * SLOW, check=False)
        answer = json.loads(text)
        assert "error" not in answer, answer["error"]
        return round(answer["end"]["sum_received"]["bits_per_second"] / 1e6, 1)

    def carrier(self):
        return self.sh("cat /sys/class/net/eth0/carrier", check=False)

    def features(self):
        """The feature bits that the driver accepted: a set of numbers."""
        text = self.sh("cat /sys/class/net/eth0/device/features")
        return {bit for bit, value in enumerate(text) if value == "1"}

    def has_socket(self, port):
        """Whether a TCP socket of the guest listens at a port, or is connected there."""
        return f":{port:04X} " in self.sh("cut -d ' ' -f 1-7 /proc/net/tcp /proc/net/tcp6")

    def complaints(self):
        """Lines of the kernel's log that a healthy guest does not have."""
        text = self.sh("dmesg", check=False)
        return [line for line in text.splitlines() if re.search(
            r"WARNING:|BUG:|Oops|Call Trace|NETDEV WATCHDOG|is not a head|corrupt|bad page", line)]

    # ------------------------------------------------------------ QEMU

    def plug_memory(self, megabytes=128):
        """Add memory to the guest. Returns (MB before, MB afterwards)."""

        def total():
            return int(self.sh("grep MemTotal /proc/meminfo").split()[1]) // 1024

        before = total()
        self.qmp("object-add", **{"qom-type": "memory-backend-memfd", "id": "more", "share": True,
                                  "size": megabytes << 20})
        self.qmp("device_add", driver="pc-dimm", id="dimm", memdev="more")
        wait_for(lambda: total() > before + megabytes // 2, "the new memory")
        return before, total()

    def migrate(self, target, timeout=300, bandwidth=1 << 25):
        """Migrate to a guest with incoming=True. Returns the answer of query-migrate.

        bandwidth: bytes a second. The default gives a migration of some seconds, in which the
        back end writes to memory that was copied already.
        """
        self.qmp("migrate-set-parameters", **{"max-bandwidth": bandwidth, "downtime-limit": 300})
        self.qmp("migrate", uri=f"unix:{target.dir / 'incoming'}")

        def ended():
            state = self.qmp("query-migrate")
            return state if state.get("status") in ("completed", "failed", "cancelled") else None

        state = wait_for(ended, "the end of the migration", timeout, every=0.2)
        target.boot = self.boot
        return state
