# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""A set-up that many tests share: two ports of one testpmd, each with a namespace as its wire."""

import re
import socket
import time

from .net import iperf3
from .wait import SLOW

SINK_PORT, FIRST_PORT = 9000, 20000
FLOWS = 64
LEAST_TCP = 1 << 21  # bytes


class Bridge:
    """Namespace, tap, port 0, testpmd, port 1, tap, namespace."""

    def __init__(self, host, pmd, functions, left, right):
        self.sim = host
        self.pmd = pmd
        self.functions = functions
        self.left, self.right = left, right

    def drops(self) -> dict:
        """{cause: packets} that the simulator or testpmd dropped so far."""
        found = {}
        for name in self.functions:
            for cause, value in self.sim.fn(name)["counters"].items():
                if cause.startswith("drop_") and value:
                    found[f"{name} {cause}"] = value
        text = self.pmd.cmd("show fwd stats all")
        for cause, value in re.findall(r"([RT]X-dropped):\s+(\d+)", text):
            if int(value):
                found[f"testpmd {cause}"] = int(value)
        return found

    def check_ping(self, count=20, size=56):
        sent, received = self.left.ping(self.right.address, count=count, size=size)
        assert (sent, received) == (count, count), f"{received} of {sent} answers came back"

    def check_tcp(self, seconds=2, streams=1, window="256K"):
        """TCP both ways: no segment is sent twice, nothing is dropped."""
        rates = []
        for reverse in (False, True):
            received, deadline = 0, time.monotonic() + SLOW
            # On a busy machine, this takes several runs of iperf3.
            while received < LEAST_TCP:
                assert time.monotonic() < deadline, f"TCP carried {received} bytes in {SLOW:g} s"
                end = iperf3(self.right, self.left, seconds, reverse, window, streams)
                assert end["sum_sent"]["retransmits"] == 0, "TCP sent segments again"
                received += end["sum_received"]["bytes"]
            rates.append(end["sum_received"]["bits_per_second"] / 1e9)
        assert not self.drops()
        return rates


    def check_flows(self):
        """Datagrams of many UDP flows, both ways, each of which arrives.

        Addresses and ports are the same in each run, and so many flows reach every queue, however
        they are hashed. Of a few TCP connections, whose ports the kernel picks, all may share one.
        """
        for source, target in ((self.left, self.right), (self.right, self.left)):
            with target.entered():
                sink = udp_socket(target.address, SINK_PORT)
            with sink:
                for flow in range(FLOWS):
                    with source.entered():
                        sender = udp_socket(source.address, FIRST_PORT + flow)
                    with sender:
                        sender.sendto(bytes([flow]), (target.address, SINK_PORT))
                        assert sink.recv(16) == bytes([flow])


def udp_socket(address, port):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(SLOW)
    made.bind((address, port))
    return made


def bridge(
    make_sim, make_pmd, namespaces, ports=("vf1", "vf2"), vsr=True, devargs="", args=(),
    sim_args=(), **conf
):
    """Build a Bridge and start forwarding.

    ports: "pf", "vf1", ...; as many VFs are created as the highest number.
    """
    left, right, left_tap, right_tap = namespaces
    wires = {ports[0]: f"tap:{left_tap}", ports[1]: f"tap:{right_tap}"}
    host = make_sim(wires=wires, args=sim_args, **conf)
    left.take(left_tap)
    right.take(right_tap)
    addresses = {"pf": "0000:01:00.0"}
    nb_vfs = max((int(name[2:]) for name in ports if name != "pf"), default=0)
    if nb_vfs:
        for index, address in enumerate(host.create_vfs(nb_vfs), 1):
            addresses[f"vf{index}"] = address
    devices = [addresses[name] + devargs for name in ports]
    pmd = make_pmd(host, devices, vsr=vsr, args=args)
    pmd.start_forwarding("io")
    for port in (0, 1):
        pmd.wait_link(port)
    return Bridge(host, pmd, ports, left, right)
