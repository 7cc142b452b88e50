# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vsrd on a host of either kind, and clients of vsrd."""

import json
import signal
import socket

from . import paths
from .child import Child
from .wait import SLOW, wait_for

VSRD = paths.BUILD / "app/vsrd/vsrd"
KEEPER = paths.BUILD / "app/vsrd/vsrd-keeper"


class Refused(Exception):
    """vsrd answered with an error object of JSON-RPC."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error["code"]
        self.message = error["message"]
        self.data = error.get("data", {})
        self.errno = self.data.get("errno")


class Client:
    """One connection to vsrd."""

    def __init__(self, path, timeout=SLOW):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self._rest = b""
        self._id = 0

    def close(self):
        self.socket.close()

    def send_raw(self, data: bytes):
        self.socket.sendall(data)

    def receive(self):
        """The next line, parsed; None when vsrd has closed the connection."""
        while b"\n" not in self._rest:
            data = self.socket.recv(65536)
            if not data:
                return None
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return json.loads(line)

    def call(self, method, **params):
        """Call a method. Returns the result or raises Refused. Drops earlier notifications."""
        self._id += 1
        request = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        self.send_raw(json.dumps(request).encode() + b"\n")
        while True:
            answer = self.receive()
            if answer is None:
                raise EOFError("vsrd has closed the connection")
            if answer.get("id") == self._id:
                break
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def next_event(self) -> dict:
        while True:
            line = self.receive()
            assert line is not None, "vsrd has closed the connection"
            if line.get("method") == "event":
                return line["params"]


def shown(host, *args):
    """Run vsrctl, which must succeed. Returns its answer."""
    done = host.vsrctl("--json", *args)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(done, *words, code=1):
    """Check that vsrctl printed one error message with these words, and its exit code."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line.startswith("vsrctl: ")]
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0], f"{word!r} is not in: {lines[0]}"


class Daemon:
    """A daemon, started by vsrd-keeper or alone.

    client(), call() and pid need its socket on this machine, so they work for the simulated host
    only.
    """

    def __init__(self, host, program, args, keeper):
        self.host = host
        self.keeper = keeper
        self.name = program.name
        self.command = host.wrap([*([KEEPER] if keeper else []), program, *args])
        self.socket = host.run_dir / f"{program.name}.sock"
        self.child = None

    def launch(self):
        self.child = Child(self.command, env=self.host.env, name=self.name)
        return self

    def start(self):
        self.launch()
        self.child.expect("answers on", self.host.patience)
        return self

    @property
    def pid(self) -> int:
        """The pid of the daemon, not of its keeper."""
        return self.call("health")["pid"]

    def client(self) -> Client:
        return Client(self.socket)

    def call(self, method, **params):
        client = self.client()
        try:
            return client.call(method, **params)
        finally:
            client.close()

    def kill(self):
        """kill -9 the daemon. With a keeper, wait until the next daemon answers."""
        mark = self.child.mark()
        self.host.run("kill", "-9", str(self.pid))
        if self.keeper:
            self.child.expect("answers on", self.host.patience, mark)
        else:
            self.child.wait(self.host.patience)

    def stop(self) -> int:
        """Stop the daemon and its keeper. Returns the exit code."""
        self.child.signal(signal.SIGTERM)
        return self.child.wait(self.host.patience)

    def close(self):
        if self.child is None:
            return
        if self.child.alive():
            self.child.signal(signal.SIGTERM)
            try:
                self.child.wait(30)
            except TimeoutError:
                self.child.kill()
        self.child.close()


class Vsrd(Daemon):
    """vsrd."""

    def __init__(self, host, keeper=True, args=None):
        super().__init__(host, VSRD, ("--pf", host.pf) if args is None else args, keeper)

    @property
    def pid(self) -> int:
        return json.loads(self.host.vsrctl("--json", "health").stdout)["pid"]

    def wait_event(self, client, kind, timeout=SLOW):
        """Wait for the next event of a type, on a connection that has subscribed to events."""
        seen = []

        def found():
            event = client.next_event()
            seen.append(event)
            return event if event["type"] == kind else None

        return wait_for(found, f"the event {kind}", timeout, every=0)
