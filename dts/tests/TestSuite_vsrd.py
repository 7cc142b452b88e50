# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vsrd, vsrd-keeper, and the commands of vsrctl that use them, on the simulated host."""

import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import tempfile
import time

import pytest

from framework import paths
from framework.child import Child
from framework.sim import PF
from framework.vsrd import KEEPER, VSRD, Refused, Vsrd, refused, shown
from framework.wait import SLOW, wait_for

IFC_IDS = "1af4:1041:8086:15fe"


def num_vfs(host) -> int:
    return int(host.sysfs("bus/pci/devices", PF, "sriov_numvfs").read_text())


def received(host, name="vf1") -> int:
    return host.fn(name)["rx_packets"]


def check_traffic(host, name="vf1"):
    """Check that packets arrive at the function."""
    before = received(host, name)
    wait_for(lambda: received(host, name) > before + 1000, f"packets of {name}")


# ---------------------------------------------------------------- the socket


def test_socket_is_for_its_owner_alone(sim, daemon):
    """Verify: mode 0600 in a folder 0700; version and health; gone after a clean stop."""
    host = sim(vfs=4)
    vsrd = daemon(host)
    assert stat.S_IMODE(vsrd.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(vsrd.socket.parent.stat().st_mode) == 0o700
    assert vsrd.call("version")["name"] == "vsrd"
    assert vsrd.call("health")["ok"]
    assert vsrd.stop() == 0
    assert not vsrd.socket.exists()


def test_a_vf_is_found_with_all_that_opens_it(sim, daemon):
    """Verify: vf.find agrees with vf.show and token.show, and refuses a VF that is not there."""
    vsrd = daemon(sim(vfs=4))
    vsrd.call("vf.create", pf=PF, count=2)
    found = vsrd.call("vf.find", pf=PF, vf=2)
    (seen,) = [vf for vf in vsrd.call("vf.show", pf=PF)["vfs"] if vf["vf"] == 2]
    assert (found["pci"], found["driver"]) == (seen["pci"], seen["driver"])
    assert found["token"] == vsrd.call("token.show", pf=PF)["token"]
    with pytest.raises(Refused, match="no VF 3: create it") as refusal:
        vsrd.call("vf.find", pf=PF, vf=3)
    assert refusal.value.errno == "ENODEV"


def test_other_users_are_refused_unless_named(sim, daemon):
    """Steps: several users connect to a socket that everybody can reach. Verify: only root and
    users that --allow-uid names get an answer."""
    host = sim(vfs=4)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        path = f"{folder}/sock"
        # vsrd may close the connection before a refused user has sent the request.
        ask = (
            "import contextlib, socket, sys\n"
            "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
            "with contextlib.suppress(OSError):"
            ' s.sendall(b\'{"jsonrpc":"2.0","id":1,"method":"version"}\\n\')\n'
            "print(s.recv(4096).decode())"
        )

        def answer(user):
            return subprocess.run(
                ["/usr/bin/python3", "-c", ask, path],
                user=user,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            ).stdout

        daemon(host, args=["--socket", path, "--allow-uid", "65533"])
        assert '"vsrd"' in answer(0)
        assert '"vsrd"' in answer(65533)
        assert "EACCES" in answer(65534) and "--allow-uid 65534" in answer(65534)


def test_socket_has_the_owner_and_mode_of_its_options(sim, daemon, closing):
    host = sim(vfs=2)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = pathlib.Path(folder, "sock")
        daemon(host, args=["--socket", path, "--socket-owner", "65533", "--socket-group", "65534",
                           "--socket-mode", "0620"])
        made = path.stat()
        assert (made.st_uid, made.st_gid, stat.S_IMODE(made.st_mode)) == (65533, 65534, 0o620)
    for option, value in (("mode", "rw"), ("mode", "01000"), ("owner", "no such user")):
        other = closing(Vsrd(host, keeper=False, args=[f"--socket-{option}", value])).launch()
        assert other.child.wait() == 2 and value in other.child.output


def test_folder_of_another_user_is_refused(sim, closing):
    """Steps: start vsrd with a folder of tokens that others own, can write to, or that is a link.

    Verify: vsrd ends with one sentence, and has written nothing there.
    """
    host = sim(vfs=2)
    with tempfile.TemporaryDirectory(dir="/tmp") as top:
        cases = {name: pathlib.Path(top, name) for name in ("alien", "open", "link", "file")}
        cases["alien"].mkdir(mode=0o700)
        os.chown(cases["alien"], 65534, 65534)
        cases["open"].mkdir()
        os.chmod(cases["open"], 0o777)
        cases["link"].symlink_to(top)
        cases["file"].write_text("")
        for name, path in cases.items():
            other = closing(Vsrd(host, keeper=False, args=["--run-dir", path])).launch()
            assert other.child.wait() == 1, name
            assert f"cannot use the folder {path}" in other.child.output
            assert path.is_file() or path == cases["link"] or not list(path.iterdir())


def test_second_daemon_is_refused(sim, daemon, closing):
    host = sim(vfs=4)
    daemon(host)
    second = closing(Vsrd(host, keeper=False, args=())).launch()
    assert second.child.wait() == 1
    assert "another vsrd answers" in second.child.output


def test_protocol_is_json_rpc(sim, daemon):
    """Verify: batches, notifications and error codes; a line that is too long ends the
    connection."""
    vsrd = daemon(sim(vfs=4))
    client = vsrd.client()

    def answer(text):
        client.send_raw(text.encode() + b"\n")
        return client.receive()

    assert answer("{")["error"]["code"] == -32700
    assert answer('{"jsonrpc":"2.0","id":1,"id":2,"method":"version"}')["error"]["code"] == -32700
    assert answer("[" * 100 + "]" * 100)["error"]["code"] == -32700
    assert answer("[]")["error"]["code"] == -32600
    assert answer('{"id":1,"method":"version"}')["error"]["code"] == -32600
    assert answer('{"jsonrpc":"2.0","id":1,"method":"no"}')["error"]["code"] == -32601
    unknown = '{"jsonrpc":"2.0","id":"a","method":"version","params":{"x":1}}'
    assert answer(unknown)["error"]["code"] == -32602
    assert answer('{"jsonrpc":"2.0","id":1,"method":"pf.show"}')["error"]["code"] == -32602
    version = '{"jsonrpc":"2.0","id":7,"method":"version"}'
    quiet = '{"jsonrpc":"2.0","method":"version"}'
    # Notifications get no answer: the next line is the answer to the batch.
    client.send_raw(f"{quiet}\n[{quiet}]\n".encode())
    batch = answer(f"[{version},{quiet},1]")
    assert [one.get("id") for one in batch] == [7, None]
    client.send_raw(b" " * 70000)
    assert client.receive()["error"]["code"] == -32600
    assert client.receive() is None
    client.close()


def test_unfinished_request_times_out(sim, daemon):
    """Steps: send half a request and wait. Verify: vsrd closes the connection after a timeout, and
    serves other clients meanwhile."""
    vsrd = daemon(sim(vfs=4))
    slow = vsrd.client()
    slow.send_raw(b'{"jsonrpc"')
    assert vsrd.call("version")
    started = time.monotonic()
    assert slow.receive() is None
    assert 3 < time.monotonic() - started < 30


def test_client_that_reads_no_answers_is_disconnected(sim, daemon):
    vsrd = daemon(sim(vfs=4))
    client = vsrd.client()
    client.socket.settimeout(30)
    line = b'{"jsonrpc":"2.0","id":1,"method":"pf.list"}\n' * 200
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(2000):
            client.send_raw(line)
    assert vsrd.call("version")


# ---------------------------------------------------------------- VFs


def test_create_show_destroy(sim, daemon):
    """Steps: create and destroy VFs, reset the PF, create VFs. Verify: sysfs, token file, events;
    no violation."""
    host = sim(vfs=4)
    vsrd = daemon(host)
    listener = vsrd.client()
    listener.call("events.subscribe")
    answer = shown(host, "vf", "create", PF, 3)
    assert num_vfs(host) == 3 and len(answer["vfs"]) == 3
    kept = host.dir / "run" / f"{PF}.token"
    assert kept.read_text() == answer["token"] + "\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [vsrd.wait_event(listener, "vf_added")["vf"] for _ in range(3)] == [1, 2, 3]

    refused(host.vsrctl("vf", "create", PF, 2), "3 VFs already", f"vf destroy {PF}")
    assert shown(host, "vf", "destroy", PF)["destroyed"] == 3
    assert num_vfs(host) == 0
    assert vsrd.wait_event(listener, "vf_removed")["vf"] == 1

    assert shown(host, "pf", "reset", PF)["state"] == "up"
    assert len(shown(host, "vf", "create", PF, 4)["vfs"]) == 4
    assert [vf["assigned"] for vf in shown(host, "vf", "show", PF)["vfs"]] == 4 * [False]
    refused(host.vsrctl("vf", "create", PF, 5), "out of range", "1 to 4")
    assert not host.violations()


def test_vfs_made_by_others_are_seen(sim, daemon):
    """Steps: write sriov_numvfs. Verify: events, and the answer to vf.show."""
    host = sim(vfs=4)
    vsrd = daemon(host)
    listener = vsrd.client()
    listener.call("events.subscribe")
    host.sysfs("bus/pci/devices", PF, "sriov_numvfs").write_text("2")
    assert [vsrd.wait_event(listener, "vf_added")["vf"] for _ in range(2)] == [1, 2]
    host.sysfs("bus/pci/devices", PF, "sriov_numvfs").write_text("0")
    assert vsrd.wait_event(listener, "vf_removed")
    assert vsrd.call("vf.show", pf=PF)["vfs"] == []


@pytest.mark.parametrize(
    "conf, words",
    [
        ({"features": "-sr_iov"}, ["VIRTIO_F_SR_IOV", "does not offer"]),
        ({"args": ["--fault", "refuse-features-ok"]}, ["FEATURES_OK"]),
    ],
    ids=["not offered", "not accepted"],
)
def test_without_the_feature_vf_enable_is_never_written(conf, words, sim, daemon):
    host = sim(vfs=4, **conf)
    daemon(host)
    refused(host.vsrctl("vf", "create", PF, 2), *words)
    assert num_vfs(host) == 0
    # NumVFs and VF Enable in the registers.
    config = host.sysfs("bus/pci/devices", PF, "config").read_bytes()
    at = 0x100
    while int.from_bytes(config[at : at + 2], "little") != 0x10:
        at = int.from_bytes(config[at + 2 : at + 4], "little") >> 4
    assert config[at + 8] & 1 == 0 and config[at + 0x10 : at + 0x12] == b"\0\0"
    # If VF Enable had been set and cleared again, the device would have counted a violation (C070).
    assert host.violations() == {}


def test_id_table_forbids_and_permits(sim, daemon, tmp_path):
    """Steps: a device that offers the feature and whose ids are forbidden; one that does not offer
    the feature and whose ids are permitted.

    Verify: VFs are refused in the first case and created in the second, and both are logged; other
    ids in the table change nothing.
    """
    table = tmp_path / "ids"
    table.write_text(f"# broken\nforbid {IFC_IDS}\n")
    host = sim(profile="ifc", vfs=4)
    vsrd = daemon(host, args=["--pf", PF, "--sriov-ids", table])
    refused(host.vsrctl("vf", "create", PF, 2), "forbidden", str(table))
    assert num_vfs(host) == 0
    assert "forbidden" in vsrd.child.output
    vsrd.stop()
    # The same without a daemon.
    refused(host.vsrctl("--sriov-ids", table, "vf", "create", PF, 2), "forbidden")

    host = sim(profile="ifc", features="-sr_iov", vfs=4)
    table.write_text("permit 1af4:1041:8086:0001\n")
    vsrd = daemon(host, args=["--pf", PF, "--sriov-ids", table])
    refused(host.vsrctl("vf", "create", PF, 2), "does not offer")
    vsrd.stop()
    table.write_text(f"permit {IFC_IDS}\n")
    vsrd = daemon(host, args=["--pf", PF, "--sriov-ids", table])
    assert len(shown(host, "vf", "create", PF, 2)["vfs"]) == 2
    assert "permitted without VIRTIO_F_SR_IOV" in vsrd.child.output


def test_bad_id_table_is_refused(sim, closing, tmp_path):
    table = tmp_path / "ids"
    table.write_text("forbid 1af4:1041\n")
    vsrd = closing(Vsrd(sim(vfs=4), keeper=False, args=["--sriov-ids", table])).launch()
    assert vsrd.child.wait() == 1
    assert "line 1" in vsrd.child.output


# ---------------------------------------------------------------- users of VFs


def test_vf_in_use_keeps_its_pf_from_change(sim, daemon, testpmd):
    """Steps: testpmd has VF 2 open; destroy the VFs, rotate the token, release the PF; kill -9
    testpmd.

    Verify: all are refused with pid and name of the user; after the kill the VF is free at once.
    """
    host = sim(vfs=4)
    vsrd = daemon(host)
    host.token = shown(host, "vf", "create", PF, 3)["token"]
    vf = "0000:01:00.2"
    pmd = testpmd(host, [vf])
    for method, params in {
        "vf.destroy": {},
        "token.rotate": {},
        "pf.release": {},
    }.items():
        with pytest.raises(Refused) as refusal:
            vsrd.call(method, pf=PF, **params)
        assert refusal.value.errno == "EBUSY"
        (user,) = refusal.value.data["users"]
        assert user["vf"] == 2 and user["pci"] == vf and user["name"] == "dpdk-testpmd"
        assert os.path.exists(f"/proc/{user['pid']}")
    refused(host.vsrctl("vf", "destroy", PF), vf, "dpdk-testpmd", "in use")
    users = [vf["users"] for vf in shown(host, "vf", "show", PF)["vfs"]]
    assert users[0] == [] and users[1][0]["name"] == "dpdk-testpmd" and users[2] == []
    assert num_vfs(host) == 3
    pmd.kill()
    assert not any(vf["assigned"] for vf in shown(host, "vf", "show", PF)["vfs"])
    host.destroy_vfs()


HOLD_GROUP = """
import ctypes, os, sys, time
ctypes.CDLL(None).prctl(15, bytes.fromhex(sys.argv[2]), 0, 0, 0)
os.open("/dev/vfio/" + sys.argv[1], os.O_RDWR)
print("held", flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("name, text", [
    (b"dpdk-forwarder\xc3", "dpdk-forwarder\\xc3"),  # the kernel cuts a name in a character
    (b"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
    (b"a\nb", "a\\x0ab"),
])
def test_user_is_shown_whatever_bytes_its_name_has(sim, daemon, closing, name, text):
    """Steps: a process whose name is no printable text has VF 1 open; show and destroy the VFs.

    Verify: the VF is in use; the name is printed with the other bytes as \\xNN.
    """
    host = sim(vfs=2)
    daemon(host)
    shown(host, "vf", "create", PF, 2)
    group = shown(host, "vf", "show", PF)["vfs"][0]["iommu_group"]
    command = host.wrap(["/usr/bin/python3", "-c", HOLD_GROUP, str(group), name.hex()])
    closing(Child(command, env=host.env, name="holder")).expect("held")
    (user,) = shown(host, "vf", "show", PF)["vfs"][0]["users"]
    assert user["name"] == text
    table = host.vsrctl("vf", "show", PF)
    assert text in table.stdout
    assert all(line.isprintable() for line in table.stdout.splitlines())
    refused(host.vsrctl("vf", "destroy", PF), "in use by " + text)
    refused(host.vsrctl("pf", "release", PF), "in use by " + text)


def test_words_that_are_no_text_are_refused(sim, daemon):
    """Steps: name a PF by bytes that are no UTF-8, and by a control sequence."""
    host = sim(vfs=2)
    daemon(host)
    for word in (b"\xff\xfe", b"\x1b[31m"):
        command = host.wrap([paths.VSRCTL, "pf", "show"]) + [word]
        result = subprocess.run(command, capture_output=True, env=host.env, timeout=SLOW,
                                check=False)
        assert result.returncode == 2 and b"no printable text" in result.stderr
        assert b"\xff" not in result.stderr and b"\x1b" not in result.stderr


def test_vf_opens_with_the_token_only(sim, daemon, testpmd):
    """Steps: open the VF with no token, a wrong one, the right one; rotate the token; open the VF
    with the old and the new one."""
    host = sim(vfs=2)
    vsrd = daemon(host)
    token = shown(host, "vf", "create", PF, 1)["token"]
    vf = "0000:01:00.1"
    assert shown(host, "token", PF)["token"] == token

    def opens(with_token):
        pmd = testpmd.unstarted(host, [vf], token=with_token)
        pmd.launch()
        # Without a port, testpmd prints an error and ends.
        found = pmd.child.expect(r"testpmd> |No probed ethernet|Cannot|Error", SLOW).group()
        fine = "testpmd>" in found
        pmd.kill()
        return fine

    assert not opens(None)
    assert not opens("12345678-1234-4234-8234-123456789abc")
    assert opens(token)
    fresh = shown(host, "token", PF, "--rotate")["token"]
    assert fresh != token and vsrd.call("token.show", pf=PF)["token"] == fresh
    assert (host.dir / "run" / f"{PF}.token").read_text() == fresh + "\n"
    assert not opens(token)
    assert opens(fresh)


def test_vfs_of_a_pf_without_pasid_have_none(sim, daemon):
    """Verify: on a PF without PASID, acquiring is refused and releasing is no error."""
    host = sim(vfs=2)
    vsrd = daemon(host)
    host.create_vfs(1)
    assert vsrd.call("pasid.show", pf=PF)["present"] is False
    with pytest.raises(Refused) as refusal:
        vsrd.call("pasid.acquire", pf=PF, vf=1)
    assert refusal.value.errno == "EINVAL"
    assert vsrd.call("pasid.release", pf=PF, vf=1)
    host.destroy_vfs()


# ---------------------------------------------------------------- reset, crash and restart


def test_reset_of_the_pf_leaves_vf_traffic(sim, daemon, testpmd):
    host = sim(vfs=2, wires={"vf1": "gen:size=64"})
    daemon(host)
    host.token = shown(host, "vf", "create", PF, 1)["token"]
    pmd = testpmd(host, ["0000:01:00.1"])
    pmd.start_forwarding()
    check_traffic(host)
    resets = host.fn("vf1")["counters"]["resets"]
    for _ in range(3):
        assert shown(host, "pf", "reset", PF)["state"] == "up"
        check_traffic(host)
    assert host.fn("vf1")["counters"]["resets"] == resets
    assert pmd.quit() == 0


def test_killed_daemon_is_replaced_and_vf_traffic_continues(sim, daemon, testpmd):
    """Steps: kill -9 vsrd, which has a keeper, three times; then SIGHUP (an upgrade); then stop.

    Verify: VFs are not reset, packets arrive, the next vsrd owns the PF with its VFs, the admin
    queue answers, and registers of a VF keep their values.
    """
    host = sim(vfs=3, wires={"vf1": "gen:size=64"})
    vsrd = daemon(host)
    host.token = shown(host, "vf", "create", PF, 2)["token"]
    assert host.vsrctl("legacy", "write", PF, 2, 18, "01").returncode == 0
    pmd = testpmd(host, ["0000:01:00.1"])
    pmd.start_forwarding()
    check_traffic(host)
    resets = {name: host.fn(name)["counters"]["resets"] for name in ("vf1", "vf2")}

    def check():
        assert {name: host.fn(name)["counters"]["resets"] for name in resets} == resets
        check_traffic(host)
        pf = shown(host, "pf", "show", PF)
        assert pf["adopted"] and pf["kept"] and pf["num_vfs"] == 2 and pf["state"] == "up"
        assert shown(host, "legacy", "read", PF, 2, 18, 1)["data"] == "01"
        assert shown(host, "health")["ok"]
        refused(host.vsrctl("vf", "destroy", PF), "in use")

    for _ in range(3):
        vsrd.kill()
        check()
    mark = vsrd.child.mark()
    vsrd.child.signal(signal.SIGHUP)
    vsrd.child.expect("answers on", SLOW, mark)
    check()
    assert pmd.quit() == 0
    host.destroy_vfs()
    assert not host.violations()
    assert vsrd.stop() == 0


def test_missing_keeper_is_reported(sim, daemon, testpmd):
    """Steps: vsrd without a keeper, a VF in use, kill -9 vsrd.

    Verify: vsrd at its start and `vsrctl health` report that there is no keeper; the VF is reset
    with the PF; a new vsrd does not attach the PF while the VF is open, and names the user of the
    VF. """
    host = sim(vfs=2, wires={"vf1": "gen:size=64"})
    vsrd = daemon(host, keeper=False)
    assert "nobody keeps its descriptors" in vsrd.child.output
    done = host.vsrctl("health")
    assert done.returncode == 1 and "nobody keeps" in done.stdout
    host.token = shown(host, "vf", "create", PF, 1)["token"]
    pmd = testpmd(host, ["0000:01:00.1"])
    pmd.start_forwarding()
    check_traffic(host)
    vsrd.kill()
    wait_for(lambda: host.fn("vf1")["status"] == 0, "the reset of the PF")

    again = daemon(host)
    assert "dpdk-testpmd" in again.child.output and "pf attach" in again.child.output
    with pytest.raises(Refused) as refusal:
        again.call("pf.attach", pf=PF)
    assert refusal.value.errno == "EBUSY" and len(refusal.value.data["users"]) == 1
    pmd.kill()
    assert again.call("pf.attach", pf=PF)["num_vfs"] == 1
    assert shown(host, "token", PF)["token"] == host.token
    host.destroy_vfs()


class Systemd:
    """The descriptor store of systemd, as sd_notify(3) and sd_listen_fds(3) describe it."""

    def __init__(self, folder):
        self.path = f"{folder}/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(SLOW)
        self.store = {}

    def until(self, what):
        """Receive messages up to one with this line."""
        while True:
            data, fds, _, _ = socket.recv_fds(self.socket, 4096, 16)
            lines = dict(line.split("=", 1) for line in data.decode().splitlines())
            name = lines.get("FDNAME")
            if "FDSTORE" in lines:
                self.store[name] = fds[0]
            elif "FDSTOREREMOVE" in lines and name in self.store:
                os.close(self.store.pop(name))
            elif "BARRIER" in lines:
                os.close(fds[0])
            if what in lines:
                return

    def start(self, command, env):
        """Start a command with the stored descriptors as 3, 4, ..."""
        names = list(self.store)
        fds = [self.store[name] for name in names]
        script = 'export LISTEN_PID=$$; exec "$@"'
        for number, fd in enumerate(fds):
            script = f"exec {number + 3}<&{fd + 100}; " + script
        held = [os.dup2(fd, fd + 100) for fd in fds]
        child = subprocess.Popen(
            ["bash", "-c", script, "bash", *command],
            env={
                **env,
                "NOTIFY_SOCKET": self.path,
                "LISTEN_FDS": str(len(fds)),
                "LISTEN_FDNAMES": ":".join(names),
            },
            pass_fds=held,
        )
        for fd in held:
            os.close(fd)
        return child


def test_vsrd_uses_the_descriptor_store_of_systemd(sim, tmp_path):
    """Steps: start vsrd as systemd does, kill -9, start it again with the descriptors it stored.

    Verify: container, group, device and memory are stored under names without colons; the next
    vsrd adopts the PF; releasing the PF empties the store.
    """
    host = sim(vfs=2)
    systemd = Systemd(tmp_path)
    command = host.wrap([VSRD, "--pf", PF])
    child = systemd.start(command, host.env)
    systemd.until("READY")
    names = {f"0000-01-00.0.{part}" for part in ("container", "group", "device", "memory")}
    assert set(systemd.store) == names
    child.kill()
    child.wait(20)
    child = systemd.start(command, host.env)
    try:
        systemd.until("READY")
        assert set(systemd.store) == names
        client = Vsrd(host).client()
        client.socket.settimeout(0.2)
        # vsrd answers when its barrier is closed, which until() does below.
        client.send_raw(
            b'{"jsonrpc":"2.0","id":1,"method":"pf.show","params":{"pf":"%s"}}\n' % PF.encode()
        )
        client.socket.settimeout(20)
        assert client.receive()["result"]["adopted"] is True
        client.send_raw(
            b'{"jsonrpc":"2.0","id":2,"method":"pf.release","params":{"pf":"%s"}}\n' % PF.encode()
        )
        systemd.until("BARRIER")
        assert client.receive()["result"] == {"released": True}
        assert not systemd.store
        child.terminate()
        systemd.until("STOPPING")
    finally:
        child.kill()
        child.wait(20)


@pytest.mark.parametrize("kept", ["smaller", "larger", "missing"])
def test_memory_of_another_version_is_replaced(kept, sim, tmp_path):
    """Steps: kill vsrd; the keeper has no memory of queues, or one of another size, as of another
    version of vsrd; start vsrd again.

    Verify: the PF is adopted with working admin queues, the VFs stay, and new memory is kept.
    """
    host = sim(vfs=2)
    systemd = Systemd(tmp_path)
    command = host.wrap([VSRD, "--pf", PF])
    child = systemd.start(command, host.env)
    systemd.until("READY")
    host.create_vfs(2)
    child.kill()
    child.wait(SLOW)
    memory = "0000-01-00.0.memory"
    size = os.fstat(systemd.store[memory]).st_size
    os.close(systemd.store.pop(memory))
    if kept != "missing":
        systemd.store[memory] = other = os.memfd_create("old")
        os.ftruncate(other, size // 2 if kept == "smaller" else 2 * size)
    child = systemd.start(command, host.env)
    try:
        systemd.until("READY")
        assert os.fstat(systemd.store[memory]).st_size == size
        pf = shown(host, "pf", "show", PF)
        assert pf["adopted"] and pf["kept"] and pf["state"] == "up"
        assert (pf["num_vfs"], pf["admin_why"]) == (2, None) and pf["admin_queues"] > 0
        assert shown(host, "legacy", "read", PF, 1, 18, 1)["data"] == "00"
    finally:
        child.kill()
        child.wait(SLOW)


@pytest.mark.parametrize("restart", [False, True], ids=["reset", "adoption"])
def test_device_that_does_not_end_its_reset_reaches_no_memory(restart, sim, daemon):
    """Steps: a reset of the PF takes longer than vsrd waits, at a command or when the next vsrd
    adopts the PF; later the reset has ended, and the PF is reset again.

    Verify: meanwhile the PF has no memory mapped, since its queues may still run; afterwards it
    has new memory, which is kept, and its admin queues work.
    """
    host = sim(vfs=2)
    vsrd = daemon(host)
    host.create_vfs(1)
    mapped = host.fn("pf")["dma_bytes"]
    assert mapped > 0
    assert host.cli("fault", "slow-reset=10000000").returncode == 0
    if restart:
        vsrd.kill()
        assert vsrd.call("pf.show", pf=PF)["adopted"]
    else:
        refused(host.vsrctl("pf", "reset", PF), "does not finish its reset")
    assert host.fn("pf")["dma_bytes"] == 0
    assert vsrd.call("pf.show", pf=PF)["state"] == "refused"
    assert host.cli("fault", "none").returncode == 0
    wait_for(lambda: vsrd.call("pf.show", pf=PF)["status"] == 0, "the device to end its reset")
    pf = vsrd.call("pf.reset", pf=PF)
    assert pf["state"] == "up" and pf["kept"] and pf["admin_queues"] > 0
    assert host.fn("pf")["dma_bytes"] == mapped
    assert host.vsrctl("legacy", "dump", PF, 1).returncode == 0


def test_unbound_pf_is_closed(sim, daemon):
    """Steps: unbind the PF while vsrd owns it. Verify: the unbinding ends, vsrd sends an event, and
    the PF can be attached again."""
    host = sim(vfs=2)
    vsrd = daemon(host)
    listener = vsrd.client()
    listener.call("events.subscribe")
    host.sysfs("bus/pci/drivers/vfio-pci/unbind").write_text(PF)
    assert vsrd.wait_event(listener, "pf_removed")["pf"] == PF
    assert vsrd.call("pf.list") == {"pfs": []}
    refused(host.vsrctl("pf", "reset", PF), "does not own", "pf attach")
    host.sysfs("bus/pci/drivers_probe").write_text(PF)
    assert shown(host, "pf", "attach", PF)["state"] == "up"
    assert shown(host, "health")["ok"]


def test_device_that_fails_causes_an_event(closing, sim, daemon):
    """Steps: kill the simulator. Verify: an event, and health reports the problem; nothing
    hangs."""
    host = sim(vfs=2)
    vsrd = daemon(host)
    listener = vsrd.client()
    listener.call("events.subscribe")
    host.kill()
    assert "cannot be read" in vsrd.wait_event(listener, "device_error")["why"]
    health = vsrd.call("health")
    assert not health["ok"] and health["pfs"][0]["state"] == "problem"


def test_keeper_ends_when_the_command_cannot_start(sim, closing):
    host = sim(vfs=2)
    child = closing(Child(host.wrap([KEEPER, "/nonexistent"]), env=host.env))
    assert child.wait() == 127
    child = closing(Child(host.wrap([KEEPER, VSRD, "--no-such"]), env=host.env))
    assert child.wait() == 2


# ---------------------------------------------------------------- admin queue


def test_admin_commands_and_legacy_registers(sim, daemon):
    """Verify: lists, capabilities, raw commands, statistics; legacy registers can be written and
    read."""
    host = sim(vfs=2)
    daemon(host)
    host.create_vfs(2)
    lists = shown(host, "admin", "list", PF)
    used = {op["name"] for op in lists["sriov"] if op["in_use"]}
    assert {"legacy_common_cfg_read", "legacy_notify_info"} <= used
    assert shown(host, "admin", "caps", PF)["caps"][0]["name"] == "dev_parts"
    raw = shown(host, "admin", "raw", PF, "list_query", "--group", "sriov", "--result-len", 8)
    assert raw["status"] == 0 and int(raw["result"][0:2], 16) & 0x7C == 0x7C
    # When the device refuses a command, vsrctl prints the status and ends with 1.
    done = host.vsrctl(
        "--json", "admin", "raw", PF, "legacy_common_cfg_read", "0c",
        "--group", "sriov", "--member", 1, "--result-len", 4,
    )  # fmt: skip
    assert done.returncode == 1 and json.loads(done.stdout)["status_name"] == "EINVAL"

    assert host.vsrctl("legacy", "write", PF, 1, 0x12, "03").returncode == 0
    assert shown(host, "legacy", "read", PF, 1, 18, 1)["data"] == "03"
    assert shown(host, "legacy", "read", PF, 2, 18, 1)["data"] == "00"
    dump = shown(host, "legacy", "dump", PF, 1)["registers"]
    values = {reg["name"]: reg["data"] for reg in dump}
    assert values["device_status"] == "03" and values["mac"] == "027673720001"
    doorbells = shown(host, "legacy", "notify-info", PF, 1)["doorbells"]
    assert doorbells and all(one["offset"] % 2 == 0 and 1 <= one["bar"] <= 5 for one in doorbells)
    stats = shown(host, "admin", "stats", PF)
    count = {op["name"]: op["commands"] for op in stats["opcodes"]}
    assert count["legacy_common_cfg_write"] == 1 and count["legacy_common_cfg_read"] >= 3
    assert not host.violations()


def test_wrong_arguments_of_admin_commands_are_refused(sim, daemon):
    host = sim(vfs=2)
    daemon(host)
    host.create_vfs(1)
    refused(host.vsrctl("legacy", "read", PF, 1, 12, 4), "within one field")
    refused(host.vsrctl("legacy", "read", PF, 2, 0, 4), "no VF 2")
    refused(host.vsrctl("legacy", "read", PF, 0, 0, 4), "numbered from 1")
    refused(host.vsrctl("legacy", "write", PF, 1, 4, "xyz"), "hexadecimal")
    refused(host.vsrctl("admin", "raw", PF, "no_such"), "unknown opcode")
    refused(host.vsrctl("admin", "raw", PF, "list_use", "00" * 8), "reserved for vsrd")
    refused(host.vsrctl("admin", "raw", PF, 0, "0"), "pairs")
    refused(host.vsrctl("admin", "raw", PF, 0, "--group", "all"), "self or sriov")
    refused(host.vsrctl("admin", "raw", PF, 0, "--result-len", 20000), "0 to")
    assert not host.violations()


def test_device_without_admin_queue_has_all_other_commands(sim, daemon):
    host = sim(vfs=2, features="-admin_vq")
    daemon(host)
    host.create_vfs(2)
    refused(host.vsrctl("admin", "list", PF), "no admin queue")
    refused(host.vsrctl("legacy", "dump", PF, 1), "no admin queue")
    assert shown(host, "health")["ok"]
    host.destroy_vfs()


# ---------------------------------------------------------------- vsrctl


def test_commands_that_need_the_daemon_say_so(sim):
    host = sim(vfs=2)
    for command in (
        ["health"],
        ["events", "--follow"],
        ["admin", "list", PF],
        ["legacy", "dump", PF, 1],
        ["pf", "reset", PF],
    ):
        refused(host.vsrctl(*command), "vsrd does not answer", "vsrd-keeper", code=3)
    assert shown(host, "version")["vsrd"] is None
    assert shown(host, "pf", "show", PF)["state"] == "not owned by vsrd"
    refused(host.vsrctl("token", PF), "vf create")
    token = shown(host, "vf", "create", PF, 1)["token"]
    assert shown(host, "token", PF)["token"] == token
    assert shown(host, "vf", "show", PF)["vfs"][0]["assigned"] is False


def test_events_are_shown_as_they_happen(sim, daemon, closing):
    host = sim(vfs=2)
    vsrd = daemon(host)
    command = host.wrap([paths.VSRCTL, "events", "--follow"])
    follower = closing(Child(command, env=host.env))
    wait_for(lambda: vsrd.call("stats")["clients"] >= 2, "the follower")
    host.create_vfs(2)
    follower.expect(r"vf_added +0000:01:00.0 +VF 2 0000:01:00.2")
    vsrd.stop()
    assert follower.wait() == 3


def test_top_shows_packets_and_doorbells(sim, daemon, testpmd):
    host = sim(vfs=2, wires={"vf1": "gen:size=64"})
    daemon(host)
    host.token = shown(host, "vf", "create", PF, 2)["token"]
    pmd = testpmd.unstarted(host, ["0000:01:00.1"], vsr=True)
    pmd.command.remove("--no-telemetry")
    pmd.start()
    pmd.start_forwarding("rxonly")
    for _ in range(5):
        rows = shown(host, "top", PF, "--count", 1)["vfs"]
        if rows[0]["rx_per_s"]:
            break
    assert rows[0]["rx_per_s"] > 1000 and rows[0]["doorbells_per_s"] > 0
    assert rows[0]["users"][0]["name"] == "dpdk-testpmd" and rows[0]["admin_per_s"] == 0
    assert rows[1]["rx_per_s"] is None and rows[1]["users"] == []
    text = host.vsrctl("top", PF, "--count", 1).stdout
    assert "DOORBELLS/S" in text and "\x1b" not in text
    assert pmd.quit() == 0


def test_tables_fit_the_terminal(sim, daemon, closing):
    """Steps: print capabilities to a terminal of 60 columns, and to a pipe.

    Verify: the widest column is cut on the terminal, and complete and without colour in the pipe.
    """
    host = sim(vfs=2)
    daemon(host)
    env = {**host.env, "COLUMNS": "60", "TERM": "xterm"}
    child = closing(Child(host.wrap([paths.VSRCTL, "admin", "caps", PF]), env=env))
    assert child.wait() == 0
    lines = child.output.splitlines()
    assert len(lines) == 2 and len(lines[1]) == 60 and lines[1].endswith("..")
    piped = host.vsrctl("admin", "caps", PF).stdout
    assert "\x1b" not in piped and len(piped.splitlines()[1]) > 70


def test_completion_and_manuals_know_every_command():
    """Verify: bash completes, and the manual page explains, each command that --help lists."""
    help_text = subprocess.run(
        [paths.VSRCTL, "--help"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    commands = re.findall(r"^  ([a-z][a-z-]*(?: [a-z][a-z-]*)?)(?= [A-Z\[-]|$)", help_text, re.M)
    assert len(commands) == 28
    manual = (paths.ROOT / "doc/man/vsrctl.8").read_text().replace("\\-", "-")
    script = paths.ROOT / "app/vsrctl/vsrctl.bash"
    for command in commands:
        assert re.search(rf"^\.B {command}$|^\.BI? \"?{command}\b", manual, re.M), command
        words = ["vsrctl", *command.split()]
        typed = " ".join(words[:-1] + [words[-1][:2]])
        done = subprocess.run(
            [
                "bash", "-c",
                f'. "$0"; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1};'
                ' _vsrctl; printf "%s\\n" "${COMPREPLY[@]}"',
                script,
            ],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert words[-1] in done.stdout.split(), (typed, done.stdout)


def test_manual_pages_are_clean():
    """Verify: groff, if it is installed, reports nothing about the manual pages."""
    pages = sorted((paths.ROOT / "doc/man").glob("*.8"))
    assert [page.name for page in pages] == [
        "vsr-bridge.8", "vsrctl.8", "vsrd-keeper.8", "vsrd.8"]
    if not pathlib.Path("/usr/bin/groff").exists():
        pytest.skip("groff is not installed")
    for page in pages:
        done = subprocess.run(
            ["groff", "-man", "-ww", "-z", page],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0 and done.stderr == "", done.stderr
