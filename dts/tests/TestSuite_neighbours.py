# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vsrd, vsr-bridge and vsrd-keeper beside others that stop, flood, do not read, or mean harm."""

import errno
import fcntl
import os
import re
import signal
import subprocess
import threading
import time

import pytest

from framework.bridge import Bridge
from framework.child import Child
from framework.sim import PF
from framework.vfio_user import BAR0, STATUS, Guest
from framework.vsrd import KEEPER, VSRD, Client, Refused
from framework.wait import SLOW, wait_for

PYTHON = "/usr/bin/python3"
F_SETPIPE_SZ = 1031
# Longer than every wait of vsrd, so that a call which waits without a limit is seen.
LIMIT = 45.0
# Of one guest; they fit into its socket. A slow device needs 5 s for each.
READS = 40


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
    """Somebody answers. A daemon that is ending answers too: with a refusal."""
    try:
        return bool(ask(host, "version"))
    except Refused:
        return True
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


@pytest.mark.parametrize("ends", [False, True], ids=["goes on", "is late"])
def test_keeper_that_is_slow_at_the_attach_keeps_the_pf(ends, sim, daemon):
    """Steps: stop the keeper, attach the PF; let the keeper go on, then kill -9 vsrd; or end vsrd
    first. Verify: health finds out that the PF is kept; the next vsrd takes it over, with its VF,
    without a reset."""
    host = sim(vfs=2)
    vsrd = daemon(host, args=[])
    pid = vsrd.pid
    os.kill(vsrd.child.pid, signal.SIGSTOP)
    try:
        assert not ask(host, "pf.attach", pf=PF)["kept"]
        assert ask(host, "vf.create", pf=PF, count=1)
        if ends:
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: not answers(host), "the end of vsrd")
    finally:
        mark = vsrd.child.mark()
        os.kill(vsrd.child.pid, signal.SIGCONT)
    if not ends:
        wait_for(lambda: ask(host, "health")["pfs"][0]["kept"], "the answer of the keeper")
        os.kill(pid, signal.SIGKILL)
    vsrd.child.expect("took over the PFs", since=mark)
    vsrd.child.expect("answers on", since=mark)
    health = ask(host, "health")
    assert health["ok"] and health["pfs"][0]["kept"] and health["pfs"][0]["num_vfs"] == 1
    assert "is reset now" not in vsrd.child.output


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


# ---------------------------------------------------------------- other clients, slow devices


class Background:
    """A function in a thread, and whether it has returned."""

    def __init__(self, function, *args, **named):
        self.error = self.result = None

        def run():
            try:
                self.result = function(*args, **named)
            except (Refused, OSError, EOFError) as error:
                self.error = error

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def ended(self) -> bool:
        return not self.thread.is_alive()

    def wait(self, timeout=SLOW):
        self.thread.join(timeout)
        assert self.ended(), "the call does not return"
        if self.error is not None:
            raise self.error
        return self.result


@pytest.fixture
def hammer():
    """hammer(host, count): clients that ask pf.show without a pause, until the test ends."""
    stop = threading.Event()
    threads = []

    def ask_on(path):
        client = Client(path, SLOW)
        while not stop.is_set():
            try:
                client.call("pf.show", pf=PF)
            except Refused:
                pass
        client.close()

    def start(host, count):
        for _ in range(count):
            threads.append(Background(ask_on, host.run_dir / "vsrd.sock"))

    yield start
    stop.set()
    for thread in threads:
        thread.thread.join(SLOW)


def test_busy_clients_do_not_starve_the_watcher(sim, daemon, hammer):
    """Steps: clients ask pf.show without a pause; others create VFs and unbind the PF. Verify:
    vsrd emits the events, and closes the PF for the kernel."""
    host = sim(vfs=2)
    vsrd = daemon(host)
    listener = Client(vsrd.socket, LIMIT)
    listener.call("events.subscribe")
    hammer(host, 8)
    host.write("2", "bus/pci/devices", PF, "sriov_numvfs")
    assert vsrd.wait_event(listener, "vf_added", LIMIT)["pf"] == PF
    unbind = Background(host.sysfs("bus/pci/drivers/vfio-pci/unbind").write_text, PF)
    vsrd.wait_event(listener, "pf_removed", LIMIT)
    unbind.wait()
    listener.close()


def test_idle_clients_do_not_lock_others_out(sim, daemon):
    """Steps: as many clients as there are places connect and do nothing; some of them have
    subscribed to events. Verify: vsrctl is served; a subscription stays; a subscription too many is
    refused."""
    host = sim(vfs=2)
    vsrd = daemon(host)
    listeners = [vsrd.client() for _ in range(56)]
    for listener in listeners:
        assert listener.call("events.subscribe")
    idle = [vsrd.client() for _ in range(8)]
    with pytest.raises(Refused) as refusal:
        idle[0].call("events.subscribe")
    assert refusal.value.errno == "EUSERS"

    def served():
        return host.vsrctl("health").returncode == 0

    wait_for(served, "a place")
    assert host.vsrctl("vf", "create", PF, 1).returncode == 0
    for listener in listeners:
        assert vsrd.wait_event(listener, "vf_added")
        listener.close()
    for client in idle:
        client.close()


def shown_elsewhere(host, folder):
    """A sysfs whose sriov_numvfs keeps its writer waiting, as the kernel may."""
    devices = folder / "bus/pci/devices"
    real = host.sysfs("bus/pci/devices")
    for name in (PF, "0000:01:00.1"):
        (devices / name).mkdir(parents=True)
        for entry in (real / name).iterdir():
            target = os.readlink(entry) if entry.is_symlink() else entry
            if entry.name != "sriov_numvfs":
                (devices / name / entry.name).symlink_to(target)
    os.mkfifo(devices / PF / "sriov_numvfs")
    return devices / PF / "sriov_numvfs"


def test_change_that_hangs_in_the_kernel_delays_nobody_else(sim, daemon, tmp_path):
    """Steps: vf.destroy hangs in its write to sriov_numvfs. Verify: everything else about vsrd and
    about that PF is answered, the PF is shown as busy, another change of it is refused, and vsrd
    ends by SIGTERM."""
    host = sim(vfs=2)
    host.write("1", "bus/pci/devices", PF, "sriov_numvfs")
    shown_elsewhere(host, tmp_path)
    vsrd = daemon(host, keeper=False, args=["--pf", PF, "--sysfs", tmp_path])
    destroy = Background(ask, host, "vf.destroy", pf=PF)
    wait_for(lambda: ask(host, "pf.show", pf=PF)["busy"] == "vf.destroy", "the change")
    assert ask(host, "version") and ask(host, "stats")
    assert ask(host, "health")["pfs"][0]["busy"] == "vf.destroy"
    assert ask(host, "pf.list")["pfs"][0]["num_vfs"] == 1
    assert ask(host, "token.show", pf=PF)["token"]
    assert len(ask(host, "vf.show", pf=PF)["vfs"]) == 1
    others = {
        method: Background(ask, host, method, pf=PF)
        for method in ("pf.attach", "pf.reset", "admin.list")
    }
    for method, code in (("pf.attach", "EEXIST"), ("pf.reset", "EBUSY"), ("admin.list", "EBUSY")):
        with pytest.raises(Refused) as refusal:
            others[method].wait()
        assert refusal.value.errno == code, method
    assert not destroy.ended()
    vsrd.child.signal(signal.SIGTERM)
    vsrd.child.wait()


def test_call_that_hangs_at_the_end_leaves_the_pf_reset(sim, daemon, closing, tmp_path):
    """Steps: a guest uses a VF; pf.attach hangs in its read of a file of sysfs; end vsrd. Verify:
    the PF is reset, vsrd says that something has not ended, and the guest stays connected."""
    host = sim(vfs=2)
    host.write("1", "bus/pci/devices", PF, "sriov_numvfs")
    shown_elsewhere(host, tmp_path)
    vsrd = daemon(host, keeper=False, args=["--pf", PF, "--sysfs", tmp_path])
    bridge = closing(Bridge(host)).start()
    bridge.add_legacy(1)
    guest = Guest(bridge.path(1)).open_ports()
    assert guest.get(STATUS, 1) == 0
    hanging = tmp_path / "bus/pci/devices/0000:09:00.0"
    hanging.mkdir()
    os.mkfifo(hanging / "vendor")
    writers = []

    def is_read():
        try:
            writers.append(os.open(hanging / "vendor", os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            assert error.errno == errno.ENXIO
        return writers

    Background(ask, host, "pf.attach", pf="0000:09:00.0")
    wait_for(is_read, "the call")
    vsrd.child.signal(signal.SIGTERM)
    assert vsrd.child.wait() == 1
    os.close(*writers)
    assert guest.get(STATUS, 1) == 0xFF
    guest.close()
    for line in ("is reset now", "not everything has come to an end"):
        vsrd.child.expect(line)


def test_slow_attach_delays_no_other_pf(sim, daemon):
    """Steps: attach a PF whose device answers seconds later. Verify: calls for another PF, and the
    lists, are answered meanwhile; a second attach is refused."""
    host = sim(vfs=2)
    daemon(host, args=[])
    assert host.cli("fault", "admin-delay=4000000").returncode == 0
    attach = Background(ask, host, "pf.attach", pf=PF)
    wait_for(lambda: ask(host, "health")["uptime_s"] >= 1, "a second")
    with pytest.raises(Refused) as refusal:
        ask(host, "pf.show", pf="0000:05:00.0")
    assert refusal.value.errno == "ENODEV"
    assert ask(host, "pf.list") == {"pfs": []}
    with pytest.raises(Refused) as refusal:
        ask(host, "pf.attach", pf=PF)
    assert refusal.value.errno == "EEXIST" and "another client" in refusal.value.message
    assert not attach.ended()
    assert host.cli("fault", "none").returncode == 0
    assert attach.wait()["state"] == "up"


@pytest.fixture
def served(sim, daemon, closing):
    """served(vfs, **conf): vsrd, and a vsr-bridge that shows VF 1 to legacy guests."""

    def make(vfs=1, **conf):
        host = sim(vfs=vfs, **conf)
        host.vsrd = daemon(host)
        ask(host, "vf.create", pf=PF, count=vfs)
        bridge = closing(Bridge(host)).start()
        bridge.add_legacy(1)
        return bridge

    return make


def test_guest_of_a_slow_device_is_removed(served):
    """Steps: a guest sends many reads of all registers; the device answers EAGAIN to each command.
    Verify: guest.remove ends, although the device would need minutes for these reads; the list of
    guests is answered meanwhile; the next guest is ended by SIGTERM."""
    bridge = served()
    host = bridge.host
    for last in (False, True):
        guest = Guest(bridge.path(1))
        guest.open_ports()
        before = bridge.show(1)["registers"]["commands"]
        assert host.cli("fault", "admin-eagain=1000000000").returncode == 0
        guest.send_reads(BAR0, 0, 20, READS)
        wait_for(lambda: bridge.show(1)["registers"]["commands"] > before, "a read")
        if last:
            assert bridge.stop() == 0
        else:
            remove = Background(bridge.remove, 1)
            assert ask(host, "health") and bridge.call("health")
            assert len(bridge.guests()) <= 1
            assert remove.wait()
            assert host.cli("fault", "none").returncode == 0
            bridge.add_legacy(1)
        guest.close()


def test_guest_that_has_left_frees_its_place(served):
    """Steps: a guest sends many reads to a device that answers EAGAIN, and leaves. Verify: the next
    guest is served while the device is still slow."""
    bridge = served()
    guest = Guest(bridge.path(1))
    guest.open_ports()
    assert bridge.host.cli("fault", "admin-eagain=1000000000").returncode == 0
    guest.send_reads(BAR0, 0, 20, READS)
    guest.close()

    def next_one():
        try:
            return Guest(bridge.path(1), LIMIT)
        except OSError as error:
            assert error.errno == errno.EBUSY
            return None

    wait_for(next_one, "the place of the guest").close()


def test_slow_reset_of_one_vf_keeps_the_admin_queue(served):
    """Steps: a guest resets its VF, which takes longer than a command may. Verify: another guest
    reads its registers during and after this; no admin queue is dead, and the PF is not reset; the
    reset comes to its end."""
    bridge = served(vfs=2)
    host = bridge.host
    bridge.add_legacy(2)
    guest, other = Guest(bridge.path(1)).open_ports(), Guest(bridge.path(2)).open_ports()
    guest.put(STATUS, 1, 1)
    other.put(STATUS, 1, 1)
    assert host.cli("fault", "slow-reset=8000000").returncode == 0
    reset = Background(guest.put, STATUS, 0, 1)
    while not reset.ended():
        assert other.get(STATUS, 1) == 1
    reset.wait()
    assert other.get(STATUS, 1) == 1
    assert ask(host, "health")["ok"]
    assert not re.search("admin_queue_dead|pf_reset", host.vsrd.child.output)
    assert host.cli("fault", "none").returncode == 0
    wait_for(lambda: guest.get(STATUS, 1) == 0, "the end of the reset")
    guest.close()
    other.close()


def test_dead_admin_queue_repairs_itself(served):
    """Steps: the device never answers a command. Verify: vsrd resets the PF by itself after a time,
    and the guest reads its registers before and afterwards."""
    bridge = served()
    host, vsrd = bridge.host, bridge.host.vsrd
    listener = Client(vsrd.socket, LIMIT)
    listener.call("events.subscribe")
    guest = Guest(bridge.path(1))
    guest.open_ports()
    assert guest.get(STATUS, 1) == 0
    assert host.cli("fault", "admin-lose=1").returncode == 0
    assert guest.get(STATUS, 1) == 0xFF
    assert guest.get(STATUS, 1) == 0
    vsrd.wait_event(listener, "admin_queue_dead", LIMIT)
    vsrd.wait_event(listener, "pf_reset", LIMIT)
    wait_for(lambda: guest.get(STATUS, 1) == 0, "the next admin queue")
    wait_for(lambda: ask(host, "health")["ok"], "health")
    guest.close()
    listener.close()


def test_access_of_a_guest_waits_two_seconds_for_others_on_the_pf(sim, daemon, closing, tmp_path):
    """Steps: vf.destroy hangs in its write to sriov_numvfs, and keeps all others out of the PF; a
    guest reads a register. Verify: the read ends with ones after about two seconds, while a client
    waits longer for the same."""
    host = sim(vfs=2)
    host.write("1", "bus/pci/devices", PF, "sriov_numvfs")
    shown_elsewhere(host, tmp_path)
    daemon(host, keeper=False, args=["--pf", PF, "--sysfs", tmp_path])
    bridge = closing(Bridge(host)).start()
    destroy = Background(ask, host, "vf.destroy", pf=PF)
    wait_for(lambda: ask(host, "pf.show", pf=PF)["busy"] == "vf.destroy", "the change")
    bridge.add_legacy(1)
    guest = Guest(bridge.path(1), LIMIT).open_ports()
    client = Background(ask, host, "legacy.read", pf=PF, vf=1, offset=STATUS, len=1)
    began = time.monotonic()
    assert guest.get(STATUS, 1) == 0xFF
    assert 1 < time.monotonic() - began < 6 and not client.ended()
    with pytest.raises(Refused) as refusal:
        client.wait()
    assert refusal.value.errno == "EBUSY" and not destroy.ended()
    guest.close()


def processor_s(pid) -> float:
    """Processor time that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_200_guests_leave_together(sim, daemon, closing):
    """Steps: 200 guests with memory leave at the same moment. Verify: vsrd and vsr-bridge answer
    meanwhile, and do not spend their time on waiting; the next guests find their VFs free and
    reset."""
    count = 200
    host = sim(vfs=count, args=["--queue-pairs", 1])
    daemon(host)
    ask(host, "vf.create", pf=PF, count=count)
    bridge = closing(Bridge(host)).start()
    guests = []
    for vf in range(1, count + 1):
        bridge.add_legacy(vf)
        guest = Guest(bridge.path(vf)).open_ports()
        os.close(guest.map_memory(0, 1 << 20))
        guest.put(STATUS, 1, 1)
        guests.append(guest)
    pids = bridge.pid, ask(host, "health")["pid"]
    before = [processor_s(pid) for pid in pids]
    for guest in guests:
        guest.close()
    assert ask(host, "health")["ok"] and bridge.call("health")["ok"]
    wait_for(
        lambda: not any(one["running"] for one in bridge.guests()),
        "the guests to leave",
    )
    # Each needs about 3 ms; 200 threads that look at a lock again and again need 30 s together.
    assert all(processor_s(pid) - was < 10 for pid, was in zip(pids, before))
    for vf in range(1, count + 1, 10):
        guest = Guest(bridge.path(vf)).open_ports()
        assert guest.get(STATUS, 1) == 0
        guest.close()
