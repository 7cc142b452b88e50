# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Two guests on one back end of vhost-user, for several tests: see TestSuite_vhost_guests."""

import dataclasses

from . import qemu
from .vhost_guest import VhostGuest

ADDRESSES = {"a": ("10.99.0.1", "52:54:00:99:00:01"), "b": ("10.99.0.2", "52:54:00:99:00:02")}


@dataclasses.dataclass(frozen=True)
class Row:
    """A back end, and what its guests are."""

    backend: type
    kernel: str = qemu.KERNEL
    queues: int = 1
    packed: bool = False
    legacy: bool = False
    long: bool = False  # run the tests that end or move processes, too
    conf: tuple = ()  # further (argument, value) of the back end


class Pair:
    """The back end, the guests a and b, and a socket "m" to which a can migrate."""

    def __init__(self, row):
        self.row = row
        self.closing = []
        self.a = self.b = None
        self.places = {"a": "a", "b": "b"}  # socket of each guest: a migration changes it
        self.free = ["m"]
        self.backend = row.backend(["a", "b", "m"], queues=row.queues, **dict(row.conf))
        self.closing.append(self.backend)

    def guest(self, name, place=None, **conf):
        """A guest that is not started."""
        address, mac = ADDRESSES[name]
        row = self.row
        path = self.backend.sockets[place or self.places[name]]
        made = VhostGuest(name, path, address, mac, row.kernel, row.queues, row.packed, row.legacy,
                          **conf)
        self.closing.append(made)
        return made

    def up(self):
        """Start what does not run: at first, or after a test that failed."""
        if self.backend.child is None or not self.backend.alive():
            self.backend.start()
        started = []
        for name in ("a", "b"):
            guest = getattr(self, name)
            if guest is None or not guest.child.alive():
                setattr(self, name, self.guest(name).launch())
                started.append(getattr(self, name))
        for guest in started:
            guest.ready()
        return self

    def moved(self, guest):
        """The guest runs on at the free socket now, in this QEMU."""
        old = getattr(self, guest.name)
        old.kill()
        self.free, self.places[guest.name] = [self.places[guest.name]], self.free[0]
        setattr(self, guest.name, guest)

    def close(self):
        for thing in reversed(self.closing):
            thing.close()
