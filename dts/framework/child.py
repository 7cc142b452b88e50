# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""A program in the background of a test: its output is collected, all waits have deadlines."""

import os
import pty
import re
import signal
import subprocess
import threading
import time

from .wait import SLOW

# Control sequences for terminals are removed from the output.
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


class Child:
    """A program on its own pseudo terminal.

    A terminal and not a pipe, because many programs buffer their output when it is a pipe.
    """

    def __init__(self, command, env=None, name=None, cwd=None):
        self.command = [str(word) for word in command]
        self.name = name or os.path.basename(self.command[0])
        self._text = ""
        self._news = threading.Condition()
        self._closed = False
        master, slave = pty.openpty()
        os.set_inheritable(slave, True)
        self._master = master
        self.process = subprocess.Popen(
            self.command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        """The output so far."""
        with self._news:
            return self._text

    def alive(self) -> bool:
        return self.process.poll() is None

    def _read(self):
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # no process has the terminal open any more
                data = b""
            with self._news:
                if not data:
                    self._closed = True
                    self._news.notify_all()
                    return
                self._text += ESCAPES.sub("", data.decode(errors="replace"))
                self._news.notify_all()

    def mark(self) -> int:
        """The end of the output so far, for the argument `since` of expect()."""
        with self._news:
            return len(self._text)

    def expect(self, pattern, timeout=SLOW, since=0) -> re.Match:
        """Wait until the output after the position `since` matches.

        Raises TimeoutError, or EOFError when the program ended before. Both show the end of the
        output.
        """
        pattern = re.compile(pattern, re.MULTILINE)
        end = time.monotonic() + timeout
        with self._news:
            while True:
                found = pattern.search(self._text, since)
                if found:
                    return found
                if self._closed:
                    raise EOFError(
                        f"{self.name} ended without printing {pattern.pattern!r}; {self._tail()}"
                    )
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError(
                        f"{self.name} did not print {pattern.pattern!r} in {timeout:g} s;"
                        f" {self._tail()}"
                    )
                self._news.wait(left)

    def _tail(self) -> str:
        return "it printed:\n" + "\n".join(self._text.splitlines()[-40:])

    def send(self, text: str):
        os.write(self._master, text.encode())

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def wait(self, timeout=SLOW) -> int:
        """Wait for the end of the program. Returns the exit code, negative for a signal."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            text = f"{self.name} did not end in {timeout:g} s; {self._tail()}"
            raise TimeoutError(text) from None
        self._reader.join(5)
        return code

    def kill(self) -> int:
        """kill -9. Returns the exit code."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def close(self):
        """Kill the program if it still runs, and close the terminal."""
        if self.alive():
            self.kill()
        if self._master >= 0:
            self._reader.join(5)
            os.close(self._master)
            self._master = -1
