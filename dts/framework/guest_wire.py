# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""The protocol between guest_run.py and guest_agent.py over a port of the virtual machine.

A port carries one command at a time. A frame is a header (number of the command, kind, length)
and its payload. The numbers are random. Frames with another number are left over from a command
that was killed, and are dropped.
"""

import struct

HEADER = struct.Struct("<IcI")

RUN = b"r"  # to the guest: a JSON object with argv, tty, rows, columns
INPUT = b"i"  # to the guest: bytes for stdin; no bytes: end of file
SIGNAL = b"s"  # to the guest: one byte, for the command's process group
OUTPUT = b"o"  # to the host: from stdout, or the terminal
ERRORS = b"e"  # to the host: from stderr
END = b"x"  # to the host: exit code as text, negative for a signal


def frame(number, kind, payload=b""):
    return HEADER.pack(number, kind, len(payload)) + payload


class Frames:
    """Splits a stream of bytes into frames."""

    def __init__(self):
        self._data = b""

    def feed(self, data):
        """Yield the frames that are complete now: (number, kind, payload)."""
        self._data += data
        while len(self._data) >= HEADER.size:
            number, kind, length = HEADER.unpack_from(self._data)
            if len(self._data) < HEADER.size + length:
                return
            payload = self._data[HEADER.size : HEADER.size + length]
            self._data = self._data[HEADER.size + length :]
            yield number, kind, payload
