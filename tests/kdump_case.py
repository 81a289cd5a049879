# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of kdump's command lines share: a made-up core in a folder of its own, what runs look like."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import made_core

KDUMP = None
CORES = []
CODECS = []
JSON = True
CORE_BYTES = made_core.core_bytes()
NR = {kind: last - first + 1 for kind, (first, last) in made_core.KINDS.items()}
# The struct pages lie among the pages reserved at boot.
NR["struct_pages"] = made_core.NR_PAGES * 64 // made_core.PAGE
NR["kernel_first"] -= NR["struct_pages"]
GONE = NR["poisoned"] + NR["offline"]
CODEC_FLAGS = {"zlib": 1, "lzo": 2, "snappy": 4, "zstd": 0x20}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def left(level):
    """Pages that the dump of the made-up core has at LEVEL."""
    out = GONE
    out += NR["cache"] if level & 6 else 0
    out += NR["cache_private"] if level & 4 else 0
    out += NR["user"] if level & 8 else 0
    out += NR["free"] if level & 16 else 0
    return made_core.NR_PAGES - out


class Case(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.mkdtemp(prefix="kdump-cli-")
        self.addCleanup(shutil.rmtree, self.tmp)
        self.links = os.path.join(self.tmp, "bin")
        os.mkdir(self.links)
        for name in ("makedumpfile", "vmcore-dmesg", "kdump"):
            os.symlink(KDUMP, os.path.join(self.links, name))
        self.core = self.file("core", CORE_BYTES)
        self.dump = self.path("dump")

    def path(self, name):
        return os.path.join(self.tmp, name)

    def file(self, name, content):
        with open(self.path(name), "wb") as out:
            out.write(content)
        return self.path(name)

    def run_as(self, name, *arguments, stdin=None, text=True):
        result = subprocess.run([os.path.join(self.links, name), *map(str, arguments)], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, input=stdin, universal_newlines=text, timeout=120)
        errors = result.stderr if text else result.stderr.decode()
        self.assertNotRegex(errors, "Sanitizer|runtime error")
        return result

    def kdump(self, *arguments, **more):
        return self.run_as("kdump", *arguments, **more)

    def makedumpfile(self, *arguments, **more):
        return self.run_as("makedumpfile", *arguments, **more)

    def good(self, result, status=0):
        self.assertEqual(result.returncode, status, result.stderr)
        return result

    def fails(self, result, *texts, status=1):
        """One sentence on standard error that has TEXTS."""
        self.assertEqual(result.returncode, status, result.stderr)
        lines = [line for line in result.stderr.splitlines() if ": " in line and not line.startswith("About ") and
                 "warning:" not in line]
        self.assertEqual(len(lines), 1, result.stderr)
        for text in texts:
            self.assertIn(text, lines[0])

    def usage(self, result, *texts):
        self.fails(result, *texts, status=2)
        self.assertEqual(result.stdout, "")

    def refused(self, result, *texts):
        """The front's way to say it."""
        self.fails(result, "makedumpfile: ", *texts)
        self.assertEqual(result.stdout, "\nmakedumpfile Failed.\n")
        self.assertFalse(os.path.exists(self.dump))

    def tally(self, dump, status=0):
        out = self.good(self.kdump("check", dump), status).stdout
        numbers = re.search(r"(\d+) pages of RAM: (\d+) are there .*, (\d+) were left out, (\d+) cannot be read", out)
        self.assertTrue(numbers, out)
        return tuple(map(int, numbers.groups()))

    def is_whole(self, dump, level):
        self.assertEqual(self.tally(dump), (made_core.NR_PAGES, left(level), made_core.NR_PAGES - left(level), 0))
        return dump


def main():
    """Run the tests of the calling program: KDUMP [CORE...]"""
    global KDUMP, CORES, CODECS, JSON  # pylint: disable=global-statement
    KDUMP, CORES = os.path.abspath(sys.argv[1]), sys.argv[2:]
    version = subprocess.run([KDUMP, "--version"], check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
    CODECS = re.findall(r"\+(\w+)", version)
    with tempfile.NamedTemporaryFile() as core:
        core.write(CORE_BYTES)
        core.flush()
        told = subprocess.run([KDUMP, "info", "--json", core.name], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    JSON = b"json-c was not built in" not in told.stderr
    result = unittest.main(argv=[sys.argv[0]], exit=False, verbosity=1).result
    bad = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.testsRun - len(result.skipped) - bad, bad))
    return 1 if bad else 0
