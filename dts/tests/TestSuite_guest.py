# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vsr-bridge and vsrctl guest: guests on VFs, on the simulated host.

The front ends here are moved by hand, so that they can stop, lie and leave at any moment.
"""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import shlex
import signal
import socket
import stat
import struct

import pytest

from framework import vhost_user as vu
from framework.bridge import Bridge
from framework.frames import frame_to
from framework.sim import PF
from framework.vdpa import VirtioUser
from framework.vhost_user import FrontEnd
from framework.vsrd import Refused, refused, shown
from framework.wait import wait_for

GET_QUEUE_NUM = 17


@pytest.fixture
def bridged(sim, daemon):
    """bridged(vfs=4, wires=None, **options of Bridge): a host with vsrd, VFs and vsr-bridge. Ends all."""
    running = []

    def start(vfs=4, wires=None, **options):
        host = sim(vfs=vfs, wires=wires)
        host.vsrd = daemon(host)
        assert host.vsrctl("vf", "create", PF, vfs).returncode == 0
        bridge = Bridge(host, **options).start()
        running.append(bridge)
        return bridge

    yield start
    for bridge in running:
        bridge.close()


def open_files(pid) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def own_memory(pid) -> int:
    """KiB that the process has for itself."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0])


def threads(pid) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def started(bridge, vf=1):
    """A front end whose rings run."""
    front = FrontEnd(bridge.path(vf))
    front.start()
    wait_for(lambda: bridge.show(vf)["running"], f"the VF {vf} of the guest")
    return front


def left(bridge, vf):
    """Wait until nothing of the last front end is there."""
    wait_for(lambda: not bridge.show(vf)["front_end"]["connected"], f"the end of guest {vf}")


# ---------------------------------------------------------------- add, show, remove


def test_a_guest_is_added_shown_and_removed(bridged):
    """Verify: the answer names the options for QEMU; list and show say what runs; a removed guest
    leaves no socket and a free VF."""
    bridge = bridged()
    host = bridge.host
    added = host.vsrctl("guest", "add", PF, 1, "--vhost-user", bridge.path(1), "--queues", 2,
                        "--mac", "52:54:00:00:00:01")
    assert added.returncode == 0, added.stderr
    assert f"-chardev socket,id=vsr-vf1,path={bridge.path(1)},reconnect-ms=" in added.stdout
    assert "queues=2" in added.stdout and "mq=on,vectors=6" in added.stdout
    assert "mac=52:54:00:00:00:01" in added.stdout and "share=on" in added.stdout
    assert stat.S_IMODE(bridge.path(1).stat().st_mode) == 0o600
    assert "no front end" in host.vsrctl("guest", "list").stdout
    front = started(bridge)
    assert front.ask(GET_QUEUE_NUM) == struct.pack("<Q", 2)
    seen = shown(host, "guest", "show", PF, 1)
    assert seen["front_end"]["connected"] and seen["front_end"]["memory"] == 8 << 20
    assert seen["front_end"]["pid"] == os.getpid()
    assert "process" in host.vsrctl("guest", "show", PF, 1).stdout
    assert shown(host, "guest", "stats", PF, 1)["connections"] == 1
    busy = host.vsrctl("vf", "destroy", PF)
    refused(busy, "in use by vsr-bridge")
    assert host.vsrctl("guest", "remove", PF, 1).returncode == 0
    assert not front.alive()
    front.close()
    assert not bridge.path(1).exists() and bridge.guests() == []
    assert [one.name for one in (host.run_dir / "guests").iterdir()] == ["wake"]
    assert host.vsrctl("vf", "destroy", PF).returncode == 0


def test_options_for_qemu_can_be_pasted(bridged):
    """Verify: a shell takes the printed option for one word, and QEMU finds the path in it."""
    bridge = bridged()
    for name in ("plain", "a b", "it's", "a,b,,c", "$x`y`"):
        path = str(bridge.host.dir / name)
        answer = bridge.call("guest.add", pf=PF, vf=1, socket=path)
        option = next(one for one in answer["qemu"] if one.startswith("-chardev"))
        words = shlex.split(option)
        assert len(words) == 2 and words[0] == "-chardev", option
        seen = words[1].replace(",,", "\0").split(",")[2].replace("\0", ",")
        assert seen == f"path={path}", option
        bridge.remove(1)
    with pytest.raises(Refused, match="printable"):
        bridge.call("guest.add", pf=PF, vf=2, socket="/tmp/a\nb")


def test_a_second_vsr_bridge_leaves_the_first_one_alone(bridged):
    """Verify: it ends with one sentence, and the guest of the first one goes on."""
    bridge = bridged()
    bridge.add(1)
    front = started(bridge)
    for args in ((), ("--socket", bridge.host.dir / "other.sock")):
        second = Bridge(bridge.host, args=args)
        with pytest.raises((EOFError, TimeoutError)):
            second.start()
        assert second.child.wait(bridge.host.patience) == 1
        assert "another vsr-bridge" in second.child.output
        second.close()
    assert front.alive() and (bridge.host.run_dir / "guests" / "wake").exists()
    front.close()
    bridge.remove(1)


def test_bad_wishes_are_refused_with_one_sentence_and_leave_nothing(bridged):
    bridge = bridged()
    host = bridge.host
    bridge.add(1)
    add = ("guest", "add", PF)
    refused(host.vsrctl(*add, 1, "--vhost-user", bridge.path(2)), "has a guest already")
    refused(host.vsrctl(*add, 2, "--vhost-user", bridge.path(1)), "is the socket of VF 1")
    refused(host.vsrctl(*add, 9, "--vhost-user", bridge.path(2)), "no VF 9", "vf create")
    refused(host.vsrctl(*add, 2, "--vhost-user", bridge.path(2), "--queues", 3), "2 queue pairs")
    refused(host.vsrctl(*add, 2, "--vhost-user", bridge.path(2), "--queues", 0), "queue pairs")
    refused(host.vsrctl(*add, 2, "--vhost-user", bridge.path(2), "--mac", "01:00:00:00:00:01"),
            "no MAC address")
    refused(host.vsrctl(*add, 2, "--vhost-user", bridge.path(2), "--mode", "fast"), "the mode is")
    refused(host.vsrctl(*add, 2, "--vhost-user", bridge.path(2), "--mode", "relay", "--doorbell",
                        "mapped"), "mode direct only")
    refused(host.vsrctl(*add, 2, "--vhost-user", "/nowhere/sock"), "/nowhere/sock")
    refused(host.vsrctl(*add, 2, "--vhost-user", host.dir / ("x" * 100)), "characters")
    refused(host.vsrctl(*add, 2), "--vhost-user")
    refused(host.vsrctl("guest", "show", PF, 2), "has no guest")
    refused(host.vsrctl("guest", "remove", PF, 2), "has no guest")
    refused(host.vsrctl("guest", "remove", "1:00.9", 1), "no PCI address")
    taken = socket.socket(socket.AF_UNIX)
    taken.bind(str(bridge.path(3)))
    taken.listen()
    refused(host.vsrctl(*add, 2, "--vhost-user", bridge.path(3)), "a process listens")
    taken.close()
    with pytest.raises(Refused, match="uid and access"):
        bridge.call("guest.add", pf=PF, vf=2, socket="/tmp/x", uid=0)
    assert [one["vf"] for one in bridge.guests()] == [1]
    # The VF of all these is free.
    bridge.add(2)


def test_a_vf_in_use_is_refused_with_the_name_of_its_user(bridged, testpmd):
    bridge = bridged()
    host = bridge.host
    vf = shown(host, "vf", "show", PF)["vfs"][1]["pci"]
    pmd = testpmd(host, [vf], vsr=True, token=shown(host, "token", PF)["token"])
    refused(host.vsrctl("guest", "add", PF, 2, "--vhost-user", bridge.path(2)),
            "in use by dpdk-testpmd", "process")
    pmd.close()
    bridge.add(2)


def test_of_two_clients_at_once_one_gets_the_vf(bridged):
    bridge = bridged()

    def add(number):
        try:
            bridge.call("guest.add", pf=PF, vf=1, socket=str(bridge.path(number)))
            return 1
        except Refused as reason:
            assert reason.errno == "EEXIST", reason
            return 0

    for _ in range(5):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(add, range(8))) == 1
        bridge.remove(1)


def test_help_of_a_command_explains_its_options(sim):
    host = sim(vfs=1)
    text = host.vsrctl("guest", "add", "--help").stdout
    for word in ("--vhost-user SOCKET", "--doorbell mapped", "share=on", "usage: vsrctl"):
        assert word in text
    assert "pf attach" not in text
    assert "guest remove" in host.vsrctl("guest", "--help").stdout
    assert "pf attach" in host.vsrctl("--help").stdout


def test_without_vsr_bridge_the_commands_say_what_to_start(sim):
    host = sim(vfs=1)
    refused(host.vsrctl("guest", "list"), "vsr-bridge does not answer", "vsrd-keeper vsr-bridge",
            code=3)


def test_sockets_get_owner_group_and_mode(bridged):
    bridge = bridged()
    done = bridge.host.vsrctl("guest", "add", PF, 1, "--vhost-user", bridge.path(1), "--owner",
                              65533, "--group", 65534, "--socket-mode", "0620")
    assert done.returncode == 0, done.stderr
    made = bridge.path(1).stat()
    assert (made.st_uid, made.st_gid, stat.S_IMODE(made.st_mode)) == (65533, 65534, 0o620)


def test_a_front_end_that_listens_is_found(bridged):
    """Verify: vsr-bridge as client connects when the front end comes, and again when it comes
    back."""
    bridge = bridged()
    bridge.add(1, role="client")
    for _ in range(3):
        with contextlib.suppress(FileNotFoundError):
            bridge.path(1).unlink()
        listener = socket.socket(socket.AF_UNIX)
        listener.settimeout(bridge.host.patience)
        listener.bind(str(bridge.path(1)))
        listener.listen()
        peer, _ = listener.accept()
        front = FrontEnd(link=peer)
        front.start()
        assert bridge.show(1)["front_end"]["connected"]
        front.close()
        listener.close()
        left(bridge, 1)


# ---------------------------------------------------------------- restarts


def test_guests_come_back_after_twenty_kills(bridged):
    """Steps: kill -9 vsr-bridge 20 times, while front ends are connected, and start it again. Verify:
    each time the guests come back on their sockets; vsrd is not affected."""
    bridge = bridged()
    for vf in (1, 2):
        bridge.add(vf)
    owner = bridge.host.vsrd.pid
    for _ in range(20):
        fronts = [started(bridge, vf) for vf in (1, 2)]
        bridge.kill()
        bridge.start()
        bridge.wait_running(1, 2)
        for front in fronts:
            assert not front.alive()
            front.close()
    assert bridge.host.vsrd.pid == owner
    assert [one["vf"] for one in bridge.guests()] == [1, 2]


def test_guests_go_on_while_vsrd_is_killed_and_away(bridged):
    """Steps: kill -9 vsrd 20 times; then stop vsrd, add a guest, and start vsrd again."""
    bridge = bridged()
    bridge.add(1)
    front = started(bridge)
    vsrd = bridge.host.vsrd
    for _ in range(20):
        # After a run of less than 2 seconds the keeper waits before the next one.
        wait_for(lambda: vsrd.call("health")["uptime_s"] > 2, "vsrd has run for a while")
        vsrd.kill()
        assert front.alive()
    bridge.add(2)
    bridge.remove(2)
    vsrd.child.signal(signal.SIGSTOP)
    assert front.alive()
    vsrd.child.signal(signal.SIGCONT)
    front.close()


def test_a_guest_is_refused_while_vsrd_is_away(bridged):
    bridge = bridged()
    bridge.add(1)
    front = started(bridge)
    bridge.host.vsrd.stop()
    refused(bridge.host.vsrctl("guest", "add", PF, 2, "--vhost-user", bridge.path(2)),
            "vsrd does not answer", "start it")
    wait_for(lambda: not bridge.call("health")["vsrd"], "the news that vsrd is away")
    assert "vsrd does not answer" in bridge.host.vsrctl("guest", "health").stdout
    assert front.alive()
    front.close()


def test_a_guest_waits_for_its_vf(bridged):
    """Steps: stop vsr-bridge, destroy the VFs, start it, create the VFs again. Verify: the guest
    waits, health says for what, and it comes back without a command."""
    bridge = bridged()
    bridge.add(1)
    assert bridge.stop() == 0
    assert bridge.host.vsrctl("vf", "destroy", PF).returncode == 0
    bridge.start()
    wait_for(lambda: "has no VF 1" in bridge.guests()[0]["reason"], "the reason")
    health = bridge.host.vsrctl("guest", "health")
    assert health.returncode == 1 and "has no VF 1" in health.stdout
    assert bridge.host.vsrctl("vf", "create", PF, 4).returncode == 0
    bridge.wait_running(1)
    assert bridge.host.vsrctl("guest", "health").returncode == 0
    front = started(bridge)
    front.close()


def test_sigterm_ends_guests_in_order(bridged):
    """Verify: exit code 0, no socket left, the VFs are free, the guests are in the state file."""
    bridge = bridged()
    for vf in (1, 2, 3):
        bridge.add(vf)
    front = started(bridge)
    assert bridge.stop() == 0
    assert not front.alive()
    front.close()
    assert not bridge.path(1).exists() and not bridge.socket.exists()
    assert bridge.host.vsrctl("vf", "destroy", PF).returncode == 0
    assert len(json.loads(bridge.state.read_text())["guests"]) == 3


# ---------------------------------------------------------------- the state file


DAMAGED = [
    "",
    "{",
    "[]",
    '{"version": 1}',
    '{"version": "1", "guests": []}',
    '{"guests": []}',
    '{"version": 1, "guests": [1]}',
    '{"version": 1, "guests": [{"pf": "x", "vf": 1, "socket": "/tmp/x"}]}',
    '{"version": 1, "guests": [{"pf": "01:00.0", "vf": 0, "socket": "/tmp/x"}]}',
    '{"version": 1, "guests": [{"pf": "01:00.0", "vf": 1, "socket": "x"}]}',
    '{"version": 1, "guests": [{"pf": "01:00.0", "vf": 1, "socket": "/tmp/x", "more": 1}]}',
    '{"version": 1, "guests": [{"pf": "01:00.0", "vf": 1, "socket": "/x"},'
    ' {"pf": "01:00.0", "vf": 1, "socket": "/y"}]}',
    '{"version": 1, "guests": [], "guests": []}',
    "\0\0\0\0",
    "[" * 10000,
]


def test_a_damaged_state_file_is_kept_aside(bridged):
    bridge = bridged()
    aside = bridge.state.with_name("guests.json.damaged")
    for text in DAMAGED:
        assert bridge.stop() == 0
        bridge.child.close()
        bridge.state.write_text(text)
        bridge.state.chmod(0o600)
        bridge.start()
        assert bridge.guests() == [], text
        assert "damaged" in bridge.child.output, text
        assert aside.read_text() == text
        aside.unlink()
    bridge.add(1)
    assert stat.S_IMODE(bridge.state.stat().st_mode) == 0o600


def test_the_state_file_of_a_newer_version_is_not_touched(bridged):
    bridge = bridged()
    assert bridge.stop() == 0
    bridge.state.write_text('{"version": 99, "guests": {}}')
    bridge.state.chmod(0o600)
    with pytest.raises((EOFError, TimeoutError)):
        bridge.start()
    assert "newer vsr-bridge" in bridge.child.output
    assert bridge.child.wait(bridge.host.patience) == 1
    assert bridge.state.read_text() == '{"version": 99, "guests": {}}'


def test_a_state_file_of_others_is_not_read(bridged):
    bridge = bridged()
    assert bridge.stop() == 0
    bridge.state.write_text('{"version": 1, "guests": []}')
    bridge.state.chmod(0o666)
    with pytest.raises((EOFError, TimeoutError)):
        bridge.start()
    assert "state file" in bridge.child.output


# ---------------------------------------------------------------- front ends


def test_a_second_front_end_waits_and_the_log_says_so(bridged):
    bridge = bridged()
    bridge.add(1)
    first = started(bridge)
    second = vu.connect(bridge.path(1))
    bridge.child.expect("guest_waiting", bridge.host.patience)
    assert bridge.show(1)["front_end"]["another_waits"]
    assert first.alive()
    first.close()
    second = FrontEnd(link=second)
    second.start()
    second.close()


class Raw:
    """A connection on which nothing was said yet."""

    def __init__(self, path):
        self.link = vu.connect(path)
        self.regions = [vu.Region(0, 4096)]

    send = FrontEnd.send
    acks = False

    def close(self):
        self.link.close()
        self.regions[0].close()


def with_memory(path):
    front = FrontEnd(path)
    front.set_memory()
    return front


def with_rings(path):
    front = FrontEnd(path)
    front.start()
    return front


STAGES = {"nothing": Raw, "features": FrontEnd, "memory": with_memory, "rings": with_rings}


def table(size, gpa=0):
    return struct.pack("<II4Q", 1, 0, gpa, size, vu.USER, 0)


def share_a_disk(front):
    with open("/proc/self/exe", "rb") as disk:
        front.send(vu.SET_MEM_TABLE, table(4096), [disk.fileno()])


LIES = {
    "half a header": lambda front: front.link.sendall(b"\1\0\0\0\1"),
    "huge payload": lambda front: front.link.sendall(struct.pack("<III", 2, 1, 0xFFFFFFFF)),
    "unknown request": lambda front: front.send(200),
    "ring 255": lambda front: front.send(vu.SET_VRING_NUM, struct.pack("<II", 255, 256)),
    "memory without a file": lambda front: front.send(vu.SET_MEM_TABLE, table(4096)),
    "memory beyond its file": lambda front: front.send(
        vu.SET_MEM_TABLE, table(1 << 40), [front.regions[0].fd]),
    "memory on a disk": share_a_disk,
    "truncated memory": lambda front: os.ftruncate(front.regions[0].fd, 0),
    "the end": lambda front: None,
}


def check_passes(sender, receiver, number):
    """Check that a frame passes from one guest to the other."""
    frame = frame_to("ff:ff:ff:ff:ff:ff", f"02:00:00:00:00:{number:02x}")
    sender.transmit(frame)
    assert receiver.receive() == frame


@pytest.mark.parametrize("stage", STAGES)
def test_front_ends_that_lie_end_alone(bridged, stage):
    """Steps: a front end goes to a stage, tells each lie, and leaves, while two other guests send
    frames to each other. Verify: no frame is lost or late; the next front end of the same guest
    gets served; no rule of virtio is broken by the VFs of the others."""
    bridge = bridged(wires={"vf2": "peer:vf3"})
    for vf in (1, 2, 3):
        bridge.add(vf)
    others = [started(bridge, 2), started(bridge, 3)]
    others[1].fill()
    for number, lie in enumerate(LIES.values()):
        front = STAGES[stage](bridge.path(1))
        with contextlib.suppress(OSError, EOFError, AssertionError):
            lie(front)
        check_passes(*others, number)
        front.close()
        left(bridge, 1)
        check_passes(*others, number)
    started(bridge).close()
    for other in others:
        other.close()


def test_a_front_end_that_stops_delays_nobody(bridged):
    """Steps: front ends stop inside a message, and before they read an answer. Verify: the other
    guest answers meanwhile; the first one is ended, with a reason."""
    bridge = bridged()
    bridge.add(1)
    bridge.add(2)
    other = started(bridge, 2)
    front = with_memory(bridge.path(1))
    front.link.sendall(struct.pack("<II", vu.SET_FEATURES, vu.VERSION))
    while bridge.show(1)["front_end"]["connected"]:
        assert other.alive()
    assert "stopped in the middle" in bridge.show(1)["front_end"]["last_end"]
    front.close()
    other.close()


def forwarding(bridge, vf, closing):
    """A virtio-user on a VF that sends back what the wire sends."""
    guest = closing(VirtioUser(
        bridge.host, bridge.path(vf),
        args=["--nb-cores=1", "--forward-mode=io", "--port-topology=loop",
              "--total-num-mbufs=4096"])).start()
    guest.cmd("start")
    return guest


def sent(bridge, vf) -> int:
    """Packets that the VF has sent."""
    (function,) = bridge.host.ask(cmd="stats", function=f"vf{vf}")["functions"]
    return function["tx_packets"]


def check_flows(bridge, vf):
    """Check that packets go through the guest on a VF."""
    before = sent(bridge, vf)
    wait_for(lambda: sent(bridge, vf) > before + 10000, f"packets of VF {vf}")


@pytest.mark.parametrize("mode", ["direct", "relay", "copy"])
def test_a_stopped_front_end_harms_no_other_guest(mode, bridged, closing):
    """Steps: two guests forward at full rate; SIGSTOP the first one, remove and add its guest, and
    let front ends lie at its socket. Verify: packets of the second guest pass all the time; the
    next front end on the first VF has packets."""
    wire = "gen:size=60,flows=16"
    bridge = bridged(vfs=2, wires={"vf1": wire, "vf2": wire})
    guests = []
    for vf in (1, 2):
        bridge.add(vf, mode=mode)
        guests.append(forwarding(bridge, vf, closing))
        check_flows(bridge, vf)
    os.kill(guests[0].pid, signal.SIGSTOP)
    try:
        check_flows(bridge, 2)
        assert bridge.show(1)["front_end"]["connected"]
        bridge.remove(1)
        check_flows(bridge, 2)
        bridge.add(1, mode=mode)
        for lie in LIES.values():
            front = with_rings(bridge.path(1))
            with contextlib.suppress(OSError, EOFError, AssertionError):
                lie(front)
            front.close()
            check_flows(bridge, 2)
        left(bridge, 1)
    finally:
        os.kill(guests[0].pid, signal.SIGCONT)
    guests[0].close()
    forwarding(bridge, 1, closing)
    check_flows(bridge, 1)
    check_flows(bridge, 2)


def test_hundred_rounds_of_guests_leak_nothing(bridged):
    """Steps: 100 front ends come and go in several ways, with guests added and removed in between.
    Verify: open files and memory are those of the beginning; the VF is free."""
    bridge = bridged()
    pid = bridge.pid

    def round_of(number):
        bridge.add(1)
        front = list(STAGES.values())[number % 4](bridge.path(1))
        if number % 3 == 0:
            with contextlib.suppress(OSError, EOFError):
                front.send(200)
        if number % 2:
            front.close()
            left(bridge, 1)
            bridge.remove(1)
        else:
            bridge.remove(1)
            front.close()

    # The first guest whose rings run starts a thread, which stays.
    bridge.add(1)
    started(bridge).close()
    left(bridge, 1)
    bridge.remove(1)
    for number in range(12):
        round_of(number)
    files, memory = open_files(pid), own_memory(pid)
    for number in range(100):
        round_of(number)
    # Connections of earlier clients end when their threads have seen the end.
    wait_for(lambda: open_files(pid) <= files + 1, "the open files of the beginning")
    assert own_memory(pid) < memory + 1024, "more than 10 KiB leak in each round"
    assert bridge.host.vsrctl("vf", "destroy", PF).returncode == 0


def test_64_guests_on_64_vfs(bridged):
    """Verify: at most 4 threads more than with one guest, and less than 4 MiB of memory each; all
    come back after a kill."""
    bridge = bridged(vfs=64, keeper=True)
    bridge.add(1)
    fronts = [started(bridge, 1)]
    pid = bridge.pid
    few, memory = threads(pid), own_memory(pid)
    for vf in range(2, 65):
        bridge.add(vf)
        fronts.append(started(bridge, vf))
    print(f"64 guests: {threads(pid)} threads, one guest: {few}; "
          f"{(own_memory(pid) - memory) / 63:.0f} KiB for each guest")
    assert threads(pid) <= few + 4
    assert own_memory(pid) - memory < 63 * 4096
    assert all(front.alive() for front in fronts)
    bridge.kill()
    bridge.wait_running(*range(1, 65))
    for front in fronts:
        front.close()
    assert bridge.stop() == 0
