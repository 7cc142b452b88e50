# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Signal dispositions of the programs that a test starts."""

import signal

# Python ignores these itself, and subprocess restores them in children.
_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}


def default_for_children():
    """Let programs that this process starts from now on begin with default signal dispositions,
    whatever this process inherited: "nohup ... &" leaves SIGHUP, SIGINT and SIGQUIT ignored.

    This process itself goes on ignoring what it ignores. A handler that does nothing has that
    effect, because exec resets handlers to the default but keeps ignored signals ignored.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in signal.valid_signals() - _BY_PYTHON:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
