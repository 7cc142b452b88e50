# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Runs in the virtual machine: takes commands from its ports, one command per port at a time.

The host's end of a port closes when guest_run.py ends, for whatever reason. The agent kills the
command then.
"""

import fcntl
import glob
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from guest_wire import END, ERRORS, INPUT, OUTPUT, RUN, SIGNAL, Frames, frame  # noqa: E402

CHUNK = 32768


class Command:
    """A program that runs for a port."""

    def __init__(self, number, wanted):
        self.number = number
        self.tty = wanted["tty"]
        if self.tty:
            self.stdin, slave = pty.openpty()
            size = struct.pack("HHHH", wanted["rows"], wanted["columns"], 0, 0)
            fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
            self.outputs = {self.stdin: OUTPUT}
            streams = (slave, slave, slave)
        else:
            stdin, self.stdin = os.pipe()
            out, to_out = os.pipe()
            err, to_err = os.pipe()
            self.outputs = {out: OUTPUT, err: ERRORS}
            streams = (stdin, to_out, to_err)
        try:
            self.process = subprocess.Popen(
                wanted["argv"], stdin=streams[0], stdout=streams[1], stderr=streams[2],
                env={**os.environ, **wanted["env"]}, cwd="/", start_new_session=True,
                preexec_fn=self._lead_terminal if self.tty else None,
            )
        finally:
            for fd in set(streams):
                os.close(fd)

    @staticmethod
    def _lead_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def feed(self, data):
        if self.stdin < 0:
            return
        try:
            if data:
                os.write(self.stdin, data)
            elif not self.tty:
                os.close(self.stdin)
                self.stdin = -1
        except OSError:  # the program has closed its stdin
            pass

    def close(self):
        self.signal(signal.SIGKILL)
        self.process.wait()
        for fd in set(self.outputs) | ({self.stdin} if self.stdin >= 0 else set()):
            os.close(fd)


class Port:
    """One channel to the host, and the command that runs for it."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR)
        self.command = None

    def send(self, kind, payload=b""):
        data = frame(self.command.number, kind, payload)
        while data:
            data = data[os.write(self.fd, data) :]

    def serve(self):
        """Serve the port; does not return."""
        frames = Frames()
        while True:
            poll = select.poll()
            poll.register(self.fd, select.POLLIN)
            for fd in self.command.outputs if self.command else ():
                poll.register(fd, select.POLLIN)
            ready = dict(poll.poll())
            on_port = ready.pop(self.fd, 0)
            data = os.read(self.fd, CHUNK) if on_port & select.POLLIN else b""
            for number, kind, payload in frames.feed(data):
                self.handle(number, kind, payload)
            # While the host has not opened the port, poll() reports the port as readable, but a
            # read returns no data.
            if on_port & select.POLLHUP and not data:
                self.drop()
                frames = Frames()
                self.wait_for_host()
                continue
            for fd in ready:
                self.forward(fd)

    def wait_for_host(self):
        """Sleep until the host has opened the port and sent something. Until then poll() always
        returns at once, so wait for a change (EPOLLET)."""
        with select.epoll() as changes:
            changes.register(self.fd, select.EPOLLIN | select.EPOLLET)
            while any(event & select.EPOLLHUP for _, event in changes.poll()):
                pass

    def drop(self):
        if self.command:
            self.command.close()
            self.command = None

    def handle(self, number, kind, payload):
        if kind == RUN:
            self.drop()
            self.start(number, json.loads(payload))
        elif self.command is None or number != self.command.number:
            pass
        elif kind == INPUT:
            self.command.feed(payload)
        elif kind == SIGNAL:
            self.command.signal(payload[0])

    def start(self, number, wanted):
        try:
            self.command = Command(number, wanted)
        except OSError as error:
            text = f"{wanted['argv'][0]}: {error.strerror}\n".encode()
            data = frame(number, ERRORS, text) + frame(number, END, b"127")
            while data:
                data = data[os.write(self.fd, data) :]

    def forward(self, fd):
        if self.command is None or fd not in self.command.outputs:
            return
        try:
            data = os.read(fd, CHUNK)
        except OSError:  # no process has the terminal open any more
            data = b""
        if data:
            self.send(self.command.outputs[fd], data)
            return
        if fd != self.command.stdin:
            os.close(fd)
        kind = self.command.outputs.pop(fd)
        if not self.command.outputs:
            if kind == OUTPUT and self.command.tty:
                os.close(self.command.stdin)
                self.command.stdin = -1
            self.send(END, str(self.command.process.wait()).encode())
            self.drop()


def main():
    os.environ.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL="C.UTF-8")
    # The only folder that can be written to.
    os.environ.update(HOME="/run", TMPDIR="/run")
    threads = []
    for name in sorted(glob.glob("/sys/class/virtio-ports/*/name")):
        port = Port("/dev/" + name.split("/")[-2])
        threads.append(threading.Thread(target=port.serve))
        threads[-1].start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
