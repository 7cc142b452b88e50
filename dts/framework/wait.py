# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Waits for conditions, always with a deadline."""

import time
from typing import Callable, TypeVar

T = TypeVar("T")

# Seconds. The machine may be busy: deadlines are long, and tests wait for conditions.
SLOW = 60.0


def wait_for(condition: Callable[[], T], what: str, timeout=SLOW, every=0.05) -> T:
    """Call condition until it returns a true value, and return that value.

    Raises TimeoutError with the text `what`.
    """
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise TimeoutError(f"waited {timeout:g} s for {what}")
        time.sleep(every)
