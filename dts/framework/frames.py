# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Frames to send, and the check that they arrive."""

import functools
import random

from scapy.all import IP, IPv6, TCP, UDP, Dot1Q, Ether, Raw

ETHERTYPE = 0x88B5  # for experiments; no kernel answers it


@functools.cache
def frames_of_all_sizes(dst, src):
    """Frames of every size from the smallest to the largest, of many kinds, with random bytes."""
    rng = random.Random(1)
    frames = []
    for size in range(60, 1515):
        vlan = rng.random() < 0.1
        ether = Ether(dst=dst if rng.random() < 0.8 else "ff:ff:ff:ff:ff:ff", src=src)
        if vlan:
            ether /= Dot1Q(vlan=rng.randrange(1, 4095), prio=rng.randrange(8))
        layer = rng.choice(
            [
                IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=size, dport=7),
                IP(src="10.0.0.1", dst="10.0.0.2", ttl=size % 255 + 1) / TCP(dport=size),
                IPv6(src="fd00::1", dst="fd00::2") / UDP(sport=1, dport=size),
                Raw(b""),
            ]
        )
        frame = bytes(ether / layer)
        frame += rng.randbytes(max(0, size - len(frame)))
        frames.append(frame[:size])
    return frames


def frame_to(dst, src, fill=b"x"):
    return bytes(Ether(dst=dst, src=src, type=ETHERTYPE) / Raw(fill * 80))


def flows(dst, src, count):
    """`count` frames, each of another UDP flow and with its number in the payload."""
    return [
        bytes(
            Ether(dst=dst, src=src) / IP(src=f"10.0.{n // 250}.{n % 250 + 1}", dst="10.1.0.1")
            / UDP(sport=1024 + 7 * n, dport=53) / Raw(n.to_bytes(4, "big") * 8)
        )
        for n in range(count)
    ]


def check_crossing(source, target, frames, batch=64):
    """Send frames into one tap. The other tap must receive the same bytes in the same order."""
    for first in range(0, len(frames), batch):
        part = frames[first : first + batch]
        source.send(part)
        assert target.receive(len(part)) == part
