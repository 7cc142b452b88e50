# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""How Sphinx builds these documents: /usr/bin/python3 -m sphinx -W -b html doc OUT."""

import pathlib
import re

project = "vsr"
author = "The vsr authors"
copyright = "2026, The vsr authors"
release = re.search(
    r"version: '([^']+)'", (pathlib.Path(__file__).parents[1] / "meson.build").read_text()
).group(1)
version = release

extensions = []
highlight_language = "none"
html_theme = "alabaster"
html_theme_options = {"page_width": "1000px", "description": "virtio SR-IOV for DPDK"}
html_copy_source = False
