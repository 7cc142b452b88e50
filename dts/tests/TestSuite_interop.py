# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""doc/interop.rst agrees with this run."""

import pytest

from framework.interop import check


def test_document_says_what_was_run(interop):
    """Verify: the document has the results of this run. This test runs last."""
    record, write, whole = interop
    if not whole:
        pytest.skip("only some of the tests were run")
    if record.failed():
        pytest.skip("other tests failed, and the document describes a run without failures")
    wrong, only_versions = check(record, write)
    if only_versions:
        pytest.skip(wrong)
    assert not wrong, wrong
