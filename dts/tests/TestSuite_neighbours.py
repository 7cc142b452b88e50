# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vsrd and vsrd-keeper beside others that stop, flood, do not read, or mean harm."""

import fcntl
import os
import signal
import subprocess
import threading

import pytest

from framework.child import Child
from framework.sim import PF
from framework.vsrd import KEEPER, VSRD, Client, Refused
from framework.wait import SLOW, wait_for

PYTHON = "/usr/bin/python3"
F_SETPIPE_SZ = 1031
# Longer than every wait of vsrd, so that a call which waits without a limit is seen.
LIMIT = 45.0


class Piped:
    """A program whose output goes into a pipe that nobody reads, 4096 bytes long."""

    def __init__(self, command, env):
        self.read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, F_SETPIPE_SZ, 4096)
        self.process = subprocess.Popen(
            [str(word) for word in command], stdout=write_end, stderr=write_end, env=env
        )
        os.close(write_end)

    def end_reader(self):
        os.close(self.read_end)
        self.read_end = -1

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(SLOW)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.read_end >= 0:
            self.end_reader()


def ask(host, method, **params):
    """Call a method with a limit of time."""
    client = Client(host.run_dir / "vsrd.sock", LIMIT)
    try:
        return client.call(method, **params)
    finally:
        client.close()


def answers(host) -> bool:
    try:
        return bool(ask(host, "version"))
    except (OSError, EOFError):
        return False


# ---------------------------------------------------------------- the keeper

KEPT = """
import os, socket, sys, time
name = os.environ["NOTIFY_SOCKET"]
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.connect("\\0" + name[1:] if name[0] == "@" else name)
nb = int(os.environ.get("LISTEN_FDS", "0"))
print("has", [os.readlink(f"/proc/self/fd/{3 + i}") for i in range(nb)], "end", flush=True)
print("asks", name, flush=True)
if nb == 0:
    socket.send_fds(sock, [b"FDSTORE=1\\nFDNAME=honest"], [os.memfd_create("honest")])
time.sleep(0.3)
sys.exit(1)
"""

# The keeper has no child for some time after each run: the message arrives then too.
FORGE = """
import os, socket, sys, time
if sys.argv[2] != "0":
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
name = sys.argv[1]
evil = os.memfd_create("evil")
end = time.monotonic() + 3
while time.monotonic() < end:
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.connect("\\0" + name[1:] if name[0] == "@" else name)
        sock.send(b"FDSTOREREMOVE=1\\nFDNAME=honest")
        socket.send_fds(sock, [b"FDSTORE=1\\nFDNAME=evil"], [evil])
    except OSError:
        pass
    time.sleep(0.01)
"""


@pytest.mark.parametrize("user", (0, 65534))
def test_keeper_obeys_its_child_only(user, closing):
    """Steps: a keeper in a PID namespace of its own, and a sender outside of it that tries to
    remove what is kept and to store something else. Verify: the next child gets what the first one
    stored, and nothing more."""
    keeper = closing(Child(
        ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", KEEPER, PYTHON, "-c", KEPT],
        name="keeper",
    ))
    name = keeper.expect(r"^asks (\S+)$").group(1)
    subprocess.run([PYTHON, "-c", FORGE, name, str(user)], check=True, timeout=SLOW)
    keeper.expect("^has .* end$", since=keeper.mark())
    runs = [line for line in keeper.output.splitlines() if line.startswith("has ")]
    assert len(runs) > 2
    assert runs[0] == "has [] end"
    assert set(runs[1:]) == {"has ['/memfd:honest (deleted)'] end"}


def test_keeper_survives_the_reader_of_its_log(sim, closing):
    """Steps: end the reader of the pipe that is the log, then kill -9 vsrd. Verify: the keeper
    starts vsrd again, which takes over the PF."""
    host = sim(vfs=2)
    keeper = closing(Piped(host.wrap([KEEPER, VSRD, "--pf", PF]), host.env))
    wait_for(lambda: answers(host), "vsrd")
    pid = ask(host, "health")["pid"]
    keeper.end_reader()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: answers(host), "the next vsrd")
    assert ask(host, "pf.show", pf=PF)["adopted"]
    assert keeper.process.poll() is None


def test_stopped_keeper_stops_nobody_else(sim, daemon):
    """Steps: stop the keeper, then ask for the health many times, create VFs, release the
    PF, and end vsrd. Verify: each call is answered, health names the keeper, vsrd ends; the keeper
    that goes on starts vsrd again, which owns the PF."""
    host = sim(vfs=2)
    vsrd = daemon(host)
    pid = vsrd.pid
    os.kill(vsrd.child.pid, signal.SIGSTOP)
    try:
        results = []

        def health():
            results.append(ask(host, "health"))

        threads = [threading.Thread(target=health) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        assert len(results) == len(threads)
        assert not any(result["keeper"] for result in results)
        assert ask(host, "vf.create", pf=PF, count=1)
        assert ask(host, "vf.destroy", pf=PF)
        assert ask(host, "pf.release", pf=PF)
        # The keeper has not read yet that it shall close the PF.
        with pytest.raises(Refused):
            ask(host, "pf.attach", pf=PF)
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not answers(host), "the end of vsrd")
    finally:
        mark = vsrd.child.mark()
        os.kill(vsrd.child.pid, signal.SIGCONT)
    vsrd.child.expect("answers on", since=mark)
    health = ask(host, "health")
    assert health["keeper"] and health["ok"] and len(health["pfs"]) == 1


# ---------------------------------------------------------------- the log


def test_log_that_nobody_reads_stops_nobody(sim, closing):
    """Steps: the log is a full pipe; create and destroy VFs. Verify: every call is answered, and
    vsrd ends when it shall."""
    host = sim(vfs=2)
    vsrd = closing(Piped(host.wrap([VSRD, "--pf", PF]), host.env))
    wait_for(lambda: answers(host), "vsrd")
    for _ in range(20):
        assert ask(host, "vf.create", pf=PF, count=2)
        assert ask(host, "vf.destroy", pf=PF)
    vsrd.process.terminate()
    assert vsrd.process.wait(SLOW) == 0


def test_refused_user_writes_few_lines(sim, daemon, tmp_path):
    """Steps: a user who is not served connects a thousand times. Verify: a few lines in the log,
    and the number of refused clients in the statistics."""
    host = sim(vfs=2)
    folder = tmp_path
    path = f"{folder}/sock"
    for part in (folder, *list(folder.parents)[:-1]):
        if part.stat().st_uid == os.geteuid():
            os.chmod(part, part.stat().st_mode | 0o011)
    vsrd = daemon(host, keeper=False, args=["--pf", PF, "--socket", path, "--allow-uid", "65533"])
    script = (
        "import os, socket, sys\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "for _ in range(1000):\n"
        "    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(1000); s.close()\n"
    )
    subprocess.run([PYTHON, "-c", script, path], check=True, timeout=SLOW)
    client = Client(path)
    assert client.call("stats")["turned_away"] == 1000
    client.close()
    assert 0 < vsrd.child.output.count("client refused") < 100
