#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong while a dump is saved, on a real core: save-faults.py KDUMP CORE [--kills N] [--sizes N] [--flips N]

SIGKILL at random moments, a size limit at N places, deadlines, and bits flipped in the metadata of a copy of the core (its notes, memory sections, struct
pages, page tables, log). Every time there must be a dump that `kdump check` and, where it is there, libkdumpfile opens, and no hang.
"""
import argparse
import glob
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

try:
    import kdumpfile
except ImportError:
    kdumpfile = None

SECONDS_MAX = 120


def opens(kdump, path):
    """None, or what is wrong."""
    run = subprocess.run([kdump, "check", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=SECONDS_MAX)
    if run.returncode not in (0, 3):
        return "check: status %d: %s" % (run.returncode, run.stderr[-300:])
    if kdumpfile:
        try:
            with open(path, "rb") as file:
                context = kdumpfile.kdumpfile(file)
                if context.attr["file.format"] != "diskdump":
                    return "libkdumpfile takes it for %s" % context.attr["file.format"]
        except Exception as error:  # whatever it raises
            return "libkdumpfile: %r" % error
    return None


def save(kdump, core, target, *options, kill_after=None):
    process = subprocess.Popen([kdump, "save", "-q", *options, core, target], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if kill_after is not None:
        time.sleep(kill_after)
        process.send_signal(signal.SIGKILL)
    try:
        errors = process.communicate(timeout=SECONDS_MAX)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None, "it hangs"
    return process.returncode, errors


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def note(self, what, fault):
        if fault:
            print("FAIL %s: %s" % (what, fault), flush=True)
            self.failed += 1
        else:
            self.passed += 1


def dumps_in(folder):
    return [path for path in glob.glob(os.path.join(folder, "vmcore*")) if os.path.getsize(path)]


def fresh(folder):
    target = os.path.join(folder, "target")
    shutil.rmtree(target, ignore_errors=True)
    os.mkdir(target)
    return target


def kills(args, folder, tally):
    begun = time.monotonic()
    status, errors = save(args.kdump, args.core, fresh(folder), "-d", "0")
    whole = time.monotonic() - begun
    tally.note("level 0", errors if status else None)
    found = 0
    for number in range(args.kills):
        target = fresh(folder)
        moment = random.uniform(0, whole)
        save(args.kdump, args.core, target, "-d", "0", kill_after=moment)
        for dump in dumps_in(target):
            found += 1
            tally.note("killed after %.3f s (%d)" % (moment, number), opens(args.kdump, dump))
        if os.path.exists(os.path.join(target, "dmesg.txt")):
            tally.note("log of %d" % number, None if os.path.getsize(os.path.join(target, "dmesg.txt")) else "empty")
    print("killed %d times, %d dumps were begun" % (args.kills, found))


def sizes(args, folder, tally):
    target = fresh(folder)
    save(args.kdump, args.core, target, "-d", "0")
    whole = os.path.getsize(os.path.join(target, "vmcore"))
    for number in range(args.sizes):
        limit = whole * (number + 1) // (args.sizes + 1)
        target = fresh(folder)
        status, errors = save(args.kdump, args.core, target, "-d", "0", "--max-size", str(limit))
        found = dumps_in(target)
        if status == 1 and number == 0 and not found:
            continue  # not even room for the tables
        fault = None
        if status != 3:
            fault = "status %s: %s" % (status, errors)
        elif len(found) != 1 or not found[0].endswith("-incomplete"):
            fault = "files: %s" % found
        elif os.path.getsize(found[0]) > limit:
            fault = "%d bytes" % os.path.getsize(found[0])
        tally.note("limit of %d" % limit, fault or opens(args.kdump, found[0]))


def deadline(args, folder, tally):
    target = fresh(folder)
    status, errors = save(args.kdump, args.core, target, "-d", "0", "--workers", "0", "--codec", "zlib:9", "--deadline", "1")
    found = dumps_in(target)
    tally.note("deadline", errors if status not in (0, 3) else opens(args.kdump, found[0]) if found else "no dump")


def flips(args, folder, tally):
    """Metadata lies in the file's first page and, of the kernel, anywhere: half of the flips hit notes and headers, half pages of the most important class."""
    copy = os.path.join(folder, "core")
    shutil.copyfile(args.core, copy)
    listed = subprocess.run([args.kdump, "info", "--map", args.core], check=True, stdout=subprocess.PIPE, text=True).stdout
    loads = []
    with open(args.core, "rb") as file:
        head = file.read(1 << 16)
    phoff = int.from_bytes(head[32:40], "little")
    for i in range(int.from_bytes(head[56:58], "little")):
        at = phoff + i * int.from_bytes(head[54:56], "little")
        words = [int.from_bytes(head[at + j:at + j + 8], "little") for j in range(0, 56, 8)]
        if head[at] == 1:
            loads.append((words[3], words[4], words[1]))
        elif head[at] == 4:
            notes = (words[1], words[4])
    spots = []
    for line in listed.splitlines():
        pages, name = line.split(" ", 1)
        if name in ("kernel, first", "struct pages", "slab"):
            first, last = (int(word, 0) * 4096 for word in pages.split("-"))
            spots += [(off + max(first, paddr) - paddr, off + min(last + 4096, paddr + size) - paddr)
                      for paddr, size, off in loads if max(first, paddr) < min(last + 4096, paddr + size)]
    lines = head[notes[0]:notes[0] + notes[1]].find(b"OSRELEASE=")
    for number in range(args.flips):
        undo = []
        with open(copy, "r+b") as file:
            for _ in range(random.choice((1, 1, 4, 64, 1000))):
                if number % 2:
                    at = random.choice((random.randrange(64 + 56 * 8), notes[0] + random.randrange(notes[1]),
                                        notes[0] + lines + random.randrange(3000)))
                else:
                    at = random.randrange(*random.choice(spots))
                file.seek(at)
                old = file.read(1)
                undo.append((at, old))
                file.seek(at)
                file.write(bytes([old[0] ^ 1 << random.randrange(8)]))
        target = fresh(folder)
        status, errors = save(args.kdump, copy, target)
        found = dumps_in(target)
        fault = None
        if status is None or status < 0 or "Sanitizer" in errors or "runtime error" in errors:
            fault = "status %s: %s" % (status, errors[-2000:])
        elif status in (0, 3):
            fault = opens(args.kdump, found[0]) if found else "no dump"
        elif number % 2 == 0:
            fault = "status %d: %s" % (status, errors)
        tally.note("flips %d" % number, fault)
        with open(copy, "r+b") as file:
            for at, old in reversed(undo):
                file.seek(at)
                file.write(old)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kdump")
    parser.add_argument("core")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--sizes", type=int, default=50)
    parser.add_argument("--flips", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    random.seed(args.seed)
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="save-faults-", dir=os.environ.get("TMPDIR")) as folder:
        deadline(args, folder, tally)
        kills(args, folder, tally)
        sizes(args, folder, tally)
        flips(args, folder, tally)
    print("%d passed, %d failed" % (tally.passed, tally.failed))
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
