#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Run a command in the virtual machine as if it ran on the host:

    guest_run.py FOLDER [NAME=VALUE...] COMMAND...

FOLDER has the sockets of the virtual machine's ports. Input, output, terminal, signals and exit
code are passed on. When this process is killed, the command is killed too.
"""

import fcntl
import json
import os
import re
import resource
import secrets
import select
import signal
import socket
import struct
import sys
import termios
import tty

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from guest_wire import END, ERRORS, INPUT, RUN, SIGNAL, Frames, frame  # noqa: E402

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def take_port(folder):
    """Connect to a port that is not in use. It stays locked until this process ends."""
    for name in sorted(os.listdir(folder)):
        if not re.fullmatch(r"port\d+\.sock", name):
            continue
        lock = os.open(os.path.join(folder, name + ".lock"), os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        port = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        port.connect(os.path.join(folder, name))
        return port
    sys.exit(f"guest_run: all ports of the virtual machine in {folder} are in use")


def window_size():
    try:
        return struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))[:2]
    except OSError:
        return 0, 0


def end(code):
    """End as the command ended: with its exit code, or by its signal."""
    sys.stdout.flush()
    if code >= 0:
        os._exit(code)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
    os.kill(os.getpid(), -code)


def relay(port, number, stdin_open):
    """Pass input and output on until the command ends. Returns its exit code."""
    frames = Frames()
    while True:
        ready, _, _ = select.select([port] + ([0] if stdin_open else []), [], [])
        if 0 in ready:
            try:
                data = os.read(0, 32768)
            except OSError:
                data = b""
            port.sendall(frame(number, INPUT, data))
            stdin_open = bool(data)
        if port in ready:
            data = port.recv(65536)
            if not data:
                sys.exit("guest_run: the virtual machine has ended")
            for of, kind, payload in frames.feed(data):
                if of != number:
                    continue
                if kind == END:
                    return int(payload)
                os.write(2 if kind == ERRORS else 1, payload)


def main():
    folder, words = sys.argv[1], sys.argv[2:]
    env = {}
    while words and re.match(r"\w+=", words[0]):
        name, value = words.pop(0).split("=", 1)
        env[name] = value
    terminal = os.isatty(0)
    rows, columns = window_size() if terminal else (0, 0)
    if terminal:
        # The command has a terminal in the virtual machine. This one passes all bytes on.
        before = termios.tcgetattr(0)
        tty.setraw(0)
    port = take_port(folder)
    number = secrets.randbits(32)
    wanted = {"argv": words, "env": env, "tty": terminal, "rows": rows, "columns": columns}
    port.sendall(frame(number, RUN, json.dumps(wanted).encode()))
    for which in FORWARDED:
        signal.signal(which, lambda got, _: port.sendall(frame(number, SIGNAL, bytes([got]))))
    try:
        code = relay(port, number, True)
    finally:
        if terminal:
            termios.tcsetattr(0, termios.TCSANOW, before)
    end(code)


if __name__ == "__main__":
    main()
