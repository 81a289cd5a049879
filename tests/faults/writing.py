# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults where the dump goes: the program is killed, the disk full or broken, the time or the room limited."""
import os
import random
import shutil
import signal
import struct
import subprocess
import tempfile
import time

import dump as dumps
from harness import ALL, EDQUOT, EFBIG, EIO, ENOSPC, FINISHED, PAGE, RUNNING, SECONDS_MAX, Run

LEVEL_OFF = PAGE + 8       # of the dump level, in the second header


def header_written(path):
    with open(path, "rb") as file:
        return file.read(8).strip(b"\0")


def killed_fault(test, run):
    found, log = run.dumps(), run.read("dmesg.txt")
    if len(found) > 1:
        return "files: %s" % run.names()
    if run.read("README.txt") and not run.note().startswith((RUNNING, FINISHED)):
        return "README.txt: %s" % run.note()
    if log not in (None, test.log) or (found and log is None):
        return "dmesg.txt is not whole"
    return test.opens(run, found[0]) if found and header_written(found[0]) else None


def kills(test):
    """SIGKILL at moments that lie all over the time of writing, which is made slow: about four seconds."""
    slow = test.preload(FAULT_SLOW=test.slow)
    begun = time.monotonic()
    run = Run(test, *ALL, env=slow)
    whole = time.monotonic() - begun
    test.note("slowly", test.finished(run))
    run.remove()
    seen = []

    def kill(number):
        moment = whole * (number + 4 + random.random()) / (test.args.kills + 4)
        killed = Run(test, *ALL, env=slow, kill_after=moment)
        if killed.status == -signal.SIGKILL:
            fault = killed_fault(test, killed)
            if not fault and killed.dumps() and header_written(killed.dumps()[0]):
                dump = dumps.Dump(killed.dumps()[0])
                seen.append(len(dump.planned) - len(dump.missing()))
        else:
            fault = test.finished(killed)  # it was faster this time
        test.note("killed after %.3f of %.3f s" % (moment, whole), fault)
        killed.remove()

    test.each(kill, range(test.args.kills))
    with_pages = sum(nr > 0 for nr in seen)
    print("killed %d times: %d dumps with pages, %d without" % (test.args.kills, with_pages, len(seen) - with_pages))
    test.note("kills that hit the writing", None if with_pages * 3 > test.args.kills else "only %d" % with_pages)


# ---- disks ----

def spread(test, number):
    """Sizes from less than the tables to almost everything: of the few below the tables most is to be seen."""
    if number < 5:
        return test.tables * number // 3 + 512
    return test.tables + (test.whole - test.tables) * (number - 4) // (test.args.sizes - 4)


def full_fault(test, run, room):
    """It is a part of the dump, or one of level 31 where there is no room for more tables, or nothing at all."""
    why = next((word for word in ("quota", "largest") if word in run.errors), "full")
    if run.status == 1 and room < test.tables:
        return test.refused(run, log=False)
    if run.status == 0 and room < test.tables * 4:
        return test.finished(run, lost=test.core.class_of)
    return test.stopped(run, why, log=room > 256 << 10)


def disk(test):
    def size(number):
        room, error = spread(test, number), (ENOSPC, EDQUOT, EFBIG)[number % 3]
        run = Run(test, *ALL, env=test.preload(FAULT_SIZE=room, FAULT_ERRNO=error))
        test.note("no room beyond %d bytes (%d)" % (room, error), full_fault(test, run, room))
        run.remove()

    def total(limit, options=ALL):
        run = Run(test, *options, env=test.preload(FAULT_TOTAL=limit, FAULT_ERRNO=EIO))
        fault = test.crashed(run)
        if not fault and run.status == 0:
            fault = "status 0"
        elif not fault and run.dumps() and run.status == 3:
            fault = test.opens(run, run.dumps()[0])
        elif not fault and run.dumps():
            fault = "status %d, files: %s" % (run.status, run.names())
        test.note("broken after %d bytes" % limit, fault)
        run.remove()

    test.each(size, range(0, test.args.sizes, 1 if test.args.long else 4))
    few = test.args.sizes // 4
    test.each(total, [1 + test.whole * number // few for number in range(few)])
    broken_descriptors(test, total)
    mounted(test)


def broken_descriptors(test, total):
    """Where mostly descriptors are written: the last of them come when all data is there."""
    options = ("-d", "31", "--codec", "zlib:1")
    run = Run(test, *options)
    end = os.path.getsize(run.dumps()[0])
    table = 24 * len(dumps.Dump(run.dumps()[0]).planned)
    run.remove()
    test.each(lambda limit: total(limit, options), [end - table + table * number // 20 for number in range(20)])


def fill(test, kind, number, inside):
    """A file system in a mount namespace, which goes with the program: what is on it is copied out first."""
    room = spread(test, number) // PAGE * PAGE + (32 << 10) + (1 << 20 if kind == "ext4" else 0)
    folder, kept = tempfile.mkdtemp(dir=test.folder), tempfile.mkdtemp(dir=test.folder)
    image = kept + ".img"
    mount = "mount -t tmpfs -o size=%d tmpfs %s" % (room, folder)
    if kind == "ext4":
        with open(image, "wb") as file:
            file.truncate(room)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", image], check=True)
        mount = "mount -o loop %s %s" % (image, folder)
    script = '%s || exit 9; "$@"; status=$?; cp -a %s/. %s; umount %s; exit $status' % (mount, folder, kept, folder)
    run = Run(test, *ALL, target=folder, wrap=[*inside, "sh", "-c", script, "sh"])
    run.folder = kept
    shutil.rmtree(kept + "/lost+found", ignore_errors=True)
    if run.status == 9:
        print("%s cannot be mounted here: %s" % (kind, run.errors.strip()))
    else:
        test.note("%s of %d bytes" % (kind, room), full_fault(test, run, room))
    run.remove()
    if kind == "ext4":
        os.unlink(image)


def mounted(test):
    """File systems that are really full: tmpfs, and ext4 where loop devices are to be had."""
    inside = ["unshare", "-Urm", "--propagation", "private"]
    if subprocess.run([*inside, "true"], stderr=subprocess.DEVNULL).returncode:
        print("no user namespaces here: no tmpfs is filled")
    else:
        test.each(lambda number: fill(test, "tmpfs", number, inside), range(test.args.sizes))
    if os.geteuid() == 0 and shutil.which("mkfs.ext4"):
        test.each(lambda number: fill(test, "ext4", number, ["unshare", "-m"]), range(5, test.args.sizes, 8))


# ---- ELF ----

def elf(test):
    """The other format: killed, and with too little room."""
    options = ("-d", "0", "-E")
    run = Run(test, *options)
    path = run.dumps()[0]
    blocks = os.stat(path).st_blocks * 512
    test.note("ELF", dumps.opens(test.args.kdump, path, SECONDS_MAX) or dumps.elf_fault(path, test.core, True))
    size = os.path.getsize(path)
    run.remove()
    slow = test.preload(FAULT_SLOW=3000 * (1 << 20) // blocks)

    def kill(number):
        killed = Run(test, *options, env=slow, kill_after=0.5 + number * 0.4)
        found = killed.dumps()
        fault = None
        if found and header_written(found[0]) and os.path.getsize(found[0]) == size:
            fault = dumps.opens(test.args.kdump, found[0], SECONDS_MAX)
            if not fault and killed.status == -signal.SIGKILL:
                fault = dumps.elf_fault(found[0], test.core, False)
        test.note("ELF killed (%d)" % number, fault)
        killed.remove()

    def full(number):
        room = 1 + blocks * number // 6
        stopped = Run(test, *options, env=test.preload(FAULT_TOTAL=room, FAULT_ERRNO=ENOSPC))
        fault = test.crashed(stopped)
        if not fault and stopped.status == 3:
            path = stopped.dumps()[0]
            fault = dumps.opens(test.args.kdump, path, SECONDS_MAX) or dumps.elf_fault(path, test.core, False, True)
        elif not fault and (stopped.status != 1 or stopped.dumps()):
            fault = "status %d, files: %s" % (stopped.status, stopped.names())
        test.note("ELF with room for %d bytes" % room, fault)
        stopped.remove()

    test.each(kill, range(6))
    test.each(full, range(6))


# ---- limits ----

def level_of(run):
    return struct.unpack_from("<i", dumps.Dump(run.dumps()[0]).bytes, LEVEL_OFF)[0] if run.dumps() else None


def level_is(test, run, level):
    """A complete dump of LEVEL."""
    fault = test.finished(run, lost=test.core.class_of)
    return fault or (None if level_of(run) == level else "level %s" % level_of(run))


def deadlines(test):
    run = Run(test, *ALL, "--deadline", "2", env=test.preload(FAULT_SLOW=test.slow))
    fault = test.stopped(run, "the deadline of 2 seconds has passed")
    if not fault and len(dumps.Dump(run.dumps()[0]).missing()) == len(dumps.Dump(run.dumps()[0]).planned):
        fault = "no page is there"
    test.note("deadline in the middle", fault)
    run.remove()
    # The tables take longer than that: no page was written when the time is over.
    run = Run(test, *ALL, "--deadline", "1", env=test.preload(FAULT_SYNC=600))
    test.note("deadline over at once", test.stopped(run, "the deadline of 1 second"))
    run.remove()
    run = Run(test, "--deadline", "100")
    test.note("deadline not met", test.finished(run))
    run.remove()


def limits(test):
    deadlines(test)

    def size(number):
        limit = test.tables * 2 + (test.whole - test.tables * 2) * number // 8
        run = Run(test, *ALL, "--max-size", str(limit))
        fault = test.stopped(run, "size limit")
        if not fault and os.path.getsize(run.dumps()[0]) > limit:
            fault = "%d bytes" % os.path.getsize(run.dumps()[0])
        test.note("--max-size %d" % limit, fault)
        run.remove()

    def memory_limit(limit):
        run = Run(test, *ALL, "--memory-limit", limit)
        test.note("--memory-limit " + limit, test.finished(run))
        run.remove()

    test.each(size, range(8))
    test.each(memory_limit, ("1M", "16M", "64M"))
    small = Run(test, "-d", "31")
    room = os.path.getsize(small.dumps()[0]) * 5 // 4
    small.remove()
    plenty = test.whole * 2
    for levels, limit, want in (("31,1", room, 31), ("1,31", room, 31), ("0,1,31", room, 31), ("1,31", plenty, 1)):
        run = Run(test, "-d", levels, "--max-size", str(limit))
        test.note("-d %s with %d bytes" % (levels, limit), level_is(test, run, want))
        run.remove()
    run = Run(test, "-d", "1,31", "--max-size", str(room // 2))
    test.note("-d 1,31 with too little for either", test.stopped(run, "size limit"))
    run.remove()


# ---- targets ----

def targets(test):
    """What was there before stays."""
    first = Run(test)
    before = first.read("vmcore")
    again = Run(test, target=first.folder)
    fault = test.crashed(again)
    if not fault and (again.status != 1 or again.read("vmcore") != before):
        fault = "status %d, %s" % (again.status, again.names())
    test.note("a second dump", fault)
    first.remove()
    folder = tempfile.mkdtemp(dir=test.folder)
    for number in range(3):
        run = Run(test, *ALL, "--max-size", str(test.tables * 2), target=folder)
        test.note("incomplete dump %d" % number, None if run.status == 3 else run.errors)
    names = [name for name in sorted(os.listdir(folder)) if name.startswith("vmcore")]
    test.note("incomplete dumps beside each other", None if names == [
        "vmcore-incomplete", "vmcore-incomplete-2", "vmcore-incomplete-3"] else "files: %s" % names)
    for name in names:
        test.note("opens " + name, test.opens(run, os.path.join(folder, name)))
    run = Run(test, target=folder)
    test.note("complete beside incomplete", None if run.status == 0 and run.read("vmcore") else run.errors)
    run.remove()
    run = Run(test, *ALL, env=test.preload(FAULT_SLOW=test.slow), wrap=["timeout", "-s", "TERM", "2"])
    test.note("SIGTERM", None if run.status == 124 else "status %s" % run.status)
    run.status = 3
    test.note("what SIGTERM leaves", test.stopped(run, "asked to stop"))
    run.remove()
