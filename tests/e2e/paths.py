# SPDX-License-Identifier: GPL-2.0-or-later
"""Where things are: the project's root, and below build/ what tests/setup has made."""
import os

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")
PKG = os.path.join(BUILD, "pkg")
LOGS = os.path.join(BUILD, "logs")
