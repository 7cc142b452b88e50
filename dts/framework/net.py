# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Network namespaces for the taps, and ping and iperf3 in them."""

import contextlib
import ctypes
import itertools
import json
import os
import re
import subprocess

from .child import Child
from .wait import SLOW, wait_for

_serial = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def _setns(file):
    if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def sh(*command, timeout=SLOW, check=True) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout}")
    return done.stdout


def tap_name() -> str:
    """A name that no other run uses. The kernel allows 15 characters."""
    return f"vt{os.getpid()}x{next(_serial)}"[:15]


class Namespace:
    """A network namespace, and the interface that is moved into it."""

    def __init__(self, address):
        self.name = f"vsr{os.getpid()}n{next(_serial)}"
        self.address = address
        self.interface = None
        self.source = None
        sh("ip", "netns", "add", self.name)

    def take(self, interface, mac=None, mtu=None, source=None):
        """Move the interface into the namespace and set it up with the namespace's address.

        source: the namespace of the interface now and after close(); None is the machine's own.
        """
        self.interface, self.source = interface, source
        if source is None:
            wait_for(lambda: os.path.exists(f"/sys/class/net/{interface}"),
                     f"interface {interface}")
            sh("ip", "link", "set", interface, "netns", self.name)
        else:
            source.run("ip", "link", "set", interface, "netns", self.name)
        # Only traffic of the test: no router solicitations.
        self.run("sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1", check=False)
        if mac:
            self.run("ip", "link", "set", interface, "address", mac)
        if mtu:
            self.run("ip", "link", "set", interface, "mtu", mtu)
        # TCP must send a segment again only when the segment was lost, not because this machine is
        # slow: no tail loss probes, and a timeout that a busy processor cannot reach.
        self.run("sysctl", "-qw", "net.ipv4.tcp_early_retrans=0")
        self.run("ip", "address", "add", f"{self.address}/24", "dev", interface)
        self.run("ip", "link", "set", interface, "up")
        self.run("ip", "link", "set", "lo", "up")
        network = self.address.rsplit(".", 1)[0] + ".0/24"
        self.run("ip", "route", "change", network, "dev", interface, "src", self.address,
                 "rto_min", "10s")

    @property
    def mac(self):
        return json.loads(self.run("ip", "-j", "link", "show", self.interface))[0]["address"]

    def wrap(self, *command):
        return ["ip", "netns", "exec", self.name, *map(str, command)]

    def run(self, *command, timeout=SLOW, check=True) -> str:
        return sh(*self.wrap(*command), timeout=timeout, check=check)

    def echo_replies(self) -> int:
        """Number of answers to pings so far."""
        names, values = re.findall(r"^Icmp: (.*)$", self.run("cat", "/proc/net/snmp"), re.M)
        return int(dict(zip(names.split(), values.split()))["InEchoReps"])

    def ping(self, address, count=20, size=56, interval=0.02):
        """Ping. Returns (sent, received).

        The received ones are the kernel's count. ping itself waits for the last answers only for
        twice the round-trip time so far, which is too short on a busy machine.
        """
        before = self.echo_replies()
        out = self.run(
            "ping", "-n", "-c", count, "-i", interval, "-s", size, address,
            timeout=SLOW + count, check=False,
        )
        found = re.search(r"(\d+) packets transmitted", out)
        assert found, out
        sent = int(found.group(1))
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: self.echo_replies() - before >= sent, "the last answer", SLOW)
        return sent, self.echo_replies() - before

    def ping_each(self, address, count=5, size=56, patience=20):
        """Send single pings, each with `patience` seconds for the answer. Returns the number of
        answers. (For several at once, see ping().)"""
        return sum(
            " 1 received" in self.run("ping", "-n", "-c", 1, "-W", patience, "-s", size, address,
                                      check=False)
            for _ in range(count)
        )

    def close(self):
        if self.source is not None:
            self.run("ip", "link", "set", self.interface, "netns", self.source.name, check=False)
        sh("ip", "netns", "delete", self.name, check=False)

    @contextlib.contextmanager
    def entered(self):
        """Move this thread into the namespace. Sockets that are opened there stay there."""
        with open("/proc/thread-self/ns/net") as before, \
                open(f"/run/netns/{self.name}") as inside:
            _setns(inside)
            try:
                yield
            finally:
                _setns(before)


def iperf3(server, client, seconds=3, reverse=False, window="256K", streams=1):
    """TCP from the namespace `client` to the namespace `server`, or back.

    The window limits the packets in flight to what the rings on the way can hold. Without a limit,
    TCP sends more until packets are dropped, and a drop would not be a fault of the driver.
    """
    listener = Child(server.wrap("iperf3", "-s", "-1", "--forceflush"), name="iperf3 -s")
    try:
        listener.expect(r"Server listening")
        command = ["iperf3", "-c", server.address, "-t", seconds, "-J", "--connect-timeout", 30000]
        command += ["-w", window, "-P", streams]
        if reverse:
            command += ["-R"]
        answer = json.loads(client.run(*command, timeout=seconds + SLOW, check=False))
        assert "error" not in answer, answer["error"]
        listener.wait()
        return answer["end"]
    finally:
        listener.close()
