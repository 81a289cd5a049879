# SPDX-License-Identifier: GPL-2.0-or-later
"""What `kdump save` says before, meanwhile and afterwards."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import tempfile
import termios

import dump as dumps
from harness import ALL, Run

COLUMNS = ("found", "saved", "of them zero", "left out", "lost")
UNITS = ("B", "KiB", "MiB", "GiB")


def told_bytes(text, level):
    match = re.search(r"About ([\d.]+) (\w+) will be written at level %s" % level, text)
    return float(match[1]) * 1024 ** UNITS.index(match[2]) if match else None


def table_of(text):
    """The table at the end: name -> {column: number}. Columns stop where their names do."""
    rows, stops = {}, {}
    for line in text.splitlines():
        if line.startswith("pages ") and "found" in line:
            stops = {name: line.index(name) + len(name) for name in COLUMNS}
        elif stops and len(line) >= max(stops.values()):
            words = [line[:stop].split()[-1] for stop in stops.values()]
            if all(word.isdigit() for word in words):
                rows[line[:16].strip()] = dict(zip(stops, map(int, words)))
    return rows


def table_fault(test, rows, dump):
    """None, or where the table does not say what is in the file."""
    total = rows.pop("all", None)
    if not total:
        return "there is none"
    for column, value in total.items():
        if sum(row[column] for row in rows.values()) != value:
            return "the sum of %r is wrong: %s" % (column, rows)
    there = {}
    for pfn, off, _, _ in dump.descriptors_of():
        saved, zero, lost = there.get(test.core.class_of[pfn], (0, 0, 0))
        there[test.core.class_of[pfn]] = (saved + (off != 0), zero + (off == dump.zeros), lost + (off == 0))
    for name, row in rows.items():
        if (row["saved"], row["of them zero"], row["lost"]) != there.get(name, (0, 0, 0)):
            return "%s: %s in the table, %s in the file" % (name, row, there.get(name))
    if total["saved"] + total["lost"] != len(dump.planned):
        return "%s in the table, %d in the bitmap" % (total, len(dump.planned))
    return None if total["found"] == len(test.core.class_of) else "%d pages were found" % total["found"]


def prediction(test):
    def level(number):
        run = Run(test, "-d", number, quiet=False)
        size = os.path.getsize(run.dumps()[0])
        told = told_bytes(run.errors, number)
        good = told is not None and abs(told - size) <= size / 4
        test.note("prediction at level " + number, None if good else "%s, then %d" % (told, size))
        test.note("table at level " + number, table_fault(test, table_of(run.out), dumps.Dump(run.dumps()[0])))
        run.remove()

    test.each(level, ("31", "0", "1", "8"))


def on_terminal(command, env):
    """Exit status, and what was written to the terminal that is standard error."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    env = dict(os.environ, TERM="xterm", **env)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=slave, env=env)
    os.close(slave)
    text = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # how a terminal ends
            break
        text += part
        if not part:
            break
    os.close(master)
    return process.wait(), text.decode(errors="replace")


def terminal(test):
    """A line that changes on a terminal; elsewhere one of its own each five seconds."""
    folder = tempfile.mkdtemp(dir=test.folder)
    status, text = on_terminal([test.args.kdump, "save", *ALL, test.args.core, folder],
                               test.preload(FAULT_SLOW=test.slow))
    shown = [int(percent) for percent in re.findall(r"\r *(\d+)%[^\r]*MiB/s, +\d+ s left", text)]
    fault = None
    if status:
        fault = "status %d" % status
    elif len(shown) < 4 or shown != sorted(shown):
        fault = "%s: %r" % (shown, text[-400:])
    test.note("changing line", fault)
    run = Run(test, *ALL, env=test.preload(FAULT_SLOW=test.slow * 3), quiet=False)
    lines = [line for line in run.errors.splitlines() if re.match(r" *\d+%.*MiB/s, +\d+ s left$", line)]
    test.note("lines elsewhere", None if 1 <= len(lines) <= 5 and "\r" not in run.errors else "%r" % run.errors)
    run.remove()
