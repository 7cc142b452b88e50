# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""doc/interop.rst says what this run showed."""

import pytest

from framework.interop import check


def test_document_says_what_was_run(interop):
    """Verify: the tables in the document are those of this run; it comes last."""
    record, write, whole = interop
    if not whole:
        pytest.skip("only some of the tests were run")
    if record.failed():
        pytest.skip("other tests failed: the document tells of runs that pass")
    wrong, only_versions = check(record, write)
    if only_versions:
        pytest.skip(wrong)
    assert not wrong, wrong
