# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""The command line of vsr-bench."""

import argparse
import signal
import subprocess
import sys

from framework.signals import default_for_children

from . import admin, bridge, latency, notify, pmd, scale
from .common import Refused, go_first, program_path

TOP = """\
Usage: vsr-bench COMMAND [OPTIONS]

Measure net_vsr and the parts that it uses. Every command has --help and --json.

  pmd      dpdk-testpmd forwarding on the simulated NIC, net_vsr against net_virtio
  bridge   a guest on a VF through vsr-bridge, DPDK's vdpa_ifc, and net_vhost
  latency  one packet in flight: there and back, net_vsr against net_virtio
  scale    1 to 256 VFs: time to create, probe and start them, memory of each
  notify   one doorbell: memory BAR, trapped I/O BAR, admin queue, and other ways
  admin    administration commands per second, to 1 to 256 VFs
  floor    the limit: packets between two cores over rings, without a driver
  driver   the driver alone: cycles and instructions per packet of each path

Two processors are needed, and nothing else should run on them.
An overview, in about a minute:

  vsr-bench pmd --quick
"""

# Commands that are separate programs, in C.
PROGRAMS = ("driver", "floor")
COMMANDS = {"pmd": pmd, "bridge": bridge, "latency": latency, "scale": scale, "notify": notify,
            "admin": admin}


class Parser(argparse.ArgumentParser):
    """argparse that reports a mistake in one sentence."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def program(name, args):
    path = program_path(name)
    sys.stdout.flush()
    with subprocess.Popen([f"vsr-bench {name}", *args], executable=path,
                          start_new_session=True) as child:
        go_first(child.pid)
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.terminate()
            raise


def command(name, args):
    module = COMMANDS[name]
    parser = Parser(
        prog=f"vsr-bench {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one object on stdout, for programs")
    module.options(parser)
    return module.run(parser.parse_args(args))


def interrupt(_number, _frame):
    raise KeyboardInterrupt


def main(argv):
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(TOP, end="")
        return 0 if argv else 2
    name, args = argv[0], argv[1:]
    default_for_children()
    # These signals end the started programs too, through KeyboardInterrupt.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        if name in PROGRAMS:
            return program(name, args)
        if name in COMMANDS:
            return command(name, args)
        raise Refused(f"there is no command {name} (see vsr-bench --help)", 2)
    except Refused as error:
        print(f"vsr-bench: {error}", file=sys.stderr)
        return error.code
    except (TimeoutError, EOFError, AssertionError) as error:
        print(f"vsr-bench {name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"vsr-bench {name}: interrupted", file=sys.stderr)
        return 130
