# SPDX-License-Identifier: GPL-2.0-or-later
"""End to end: kdump saves the crashed kernel's memory to a disk of the capture kernel; what is on the disk is looked at on the host."""
import dataclasses
import json
import os
import random
import re
import stat
import struct
import subprocess
import sys
import time

import cases
import checks
import disk
import initramfs
import paths
from qemu import Guest, Lost

MIB = 1 << 20
PAGES_HELD = 64
BASE_BYTES, WORKER_BYTES = 32 * MIB, 2 * MIB      # the memory that kdump may use at most


@dataclasses.dataclass(frozen=True)
class Run:
    """One save: options of kdump, the level that they mean, the target: a folder, or a file that a stream is piped into."""
    name: str
    options: str = ""
    level: int = 31
    stream: bool = False
    elf: bool = False

    @property
    def command(self):
        words = f"kdump save {self.options}".strip()
        return f"{words} /proc/vmcore - | cat > /mnt/{self.name}/vmcore.flat" if self.stream else f"{words} /proc/vmcore /mnt/{self.name}"


DEFAULT = Run("crash")


class Saving:
    """A guest from its boot to its end, with what must be known to judge the dumps."""

    def __init__(self, context, guest):
        self.context, self.results, self.guest = context, context.results, guest
        self.facts = self.sentence = None
        self.pages, self.peak, self.printed = {}, {}, {}

    def load_and_crash(self):
        guest, context = self.guest, self.context
        self.facts = cases.boot_first(guest, context)
        context.step(f"Linux {self.facts['release']} is up; load the capture kernel")
        cases.load_capture(guest, context)
        if context.viewer:
            cases.show_loading(guest, context)
        self.pages = checks.pattern_pages(guest.output(f"pattern {cases.SEED:#x} {PAGES_HELD}"), cases.SEED)
        self.results.check("pages are held in the first kernel", len(self.pages) == PAGES_HELD)
        self.marker = f"parachute {os.path.basename(context.folder)} {time.time():.6f}"
        guest.output(f"echo '{self.marker}' > /dev/kmsg")
        context.step("panic")
        console_from = guest.console_length()
        self.start = time.monotonic()
        self.sentence = cases.panic_guest(guest, "sysrq", None)
        guest.wait_hello("capture", cases.BOOT_SECONDS)
        context.timings["panic_to_capture"] = time.monotonic() - self.start
        if context.viewer:
            context.viewer.console(guest.console_text(console_from))

    def mount(self, device, place="/mnt"):
        self.guest.output(f"mkdir -p {place} && mount -t ext4 {device} {place}")

    def save(self, run, want_status=0):
        """Run kdump with its progress on the console, as in a capture kernel without a terminal."""
        guest, name = self.guest, run.name
        guest.output(f"mkdir -p /mnt/{name}")
        command = f"set -o pipefail; {run.command}"
        if not run.stream:
            command = f"/bin/busybox time -v -o /tmp/time {run.command}"
        console_from = guest.console_length()
        begun = time.monotonic()
        status, output = self._watched(run, f"{{ {command}; }} 2>/dev/console")
        took = time.monotonic() - begun
        self.context.timings.setdefault("panic_to_dump", time.monotonic() - self.start)
        self.context.timings[f"save_{name}"] = took
        self.printed[name] = output.decode(errors="replace") + guest.console_text(console_from)
        cases.save(self.context.folder, f"kdump-{name}.txt", self.printed[name])
        self.results.check(f"{name}: exit status {want_status}", status == want_status, f"{status}: {self.printed[name][-400:]}")
        self._check_progress(name, guest.console_text(console_from), took)
        if not run.stream:
            self._measure(name)
        return status

    def _watched(self, run, command):
        if not self.context.viewer:
            return self.guest.run(command, 600)
        self.context.viewer.command(run.command)
        return self.context.viewer.follow(self.guest, command, 600)

    def _check_progress(self, name, text, took):
        lines = re.findall(r"\d+%.*MiB/s.*", text)
        self.results.check(f"{name}: on the console there is a line of progress each 5 s at most", len(lines) <= took / 5 and "\033[K" not in text,
                           f"{len(lines)} lines in {took:.1f} s")

    def _measure(self, name):
        text = self.guest.output("cat /tmp/time")
        match = re.search(r"Maximum resident set size.*: (\d+)", text)
        workers = re.search(r"(\d+) workers? beside", self.printed[name])
        if not self.results.check(f"{name}: busybox tells the peak memory", match and workers, text[:200] + self.printed[name][-200:]):
            return
        peak, bound = int(match[1]) << 10, BASE_BYTES + WORKER_BYTES * int(workers[1])
        self.context.timings[f"peak_mib_{name}"] = peak / MIB
        self.results.check(f"{name}: kdump uses at most {bound >> 20} MiB of memory", peak <= bound, f"{peak / MIB:.1f} MiB")

    def finish(self, raw=True):
        """Unmount; the raw core for comparison, if it is wanted; power off."""
        self.guest.output("umount /mnt")
        if raw:
            return cases.copy_out(self.guest, self.context)
        self.guest.send_only("poweroff -f")
        self.guest.wait_exit(60)
        return None


def inspect(dump, *options):
    """What an independent reader finds in a dump; see saved.py."""
    run = subprocess.run([sys.executable, f"{paths.TOP}/tests/e2e/saved.py", *options, dump], capture_output=True, text=True, check=False)
    try:
        return json.loads(run.stdout)
    except ValueError:
        return {"error": (run.stdout + run.stderr).strip()[-300:] or "saved.py said nothing"}


def host_kdump(*arguments):
    """Our own program on the host; its output."""
    run = subprocess.run([f"{paths.BUILD}/static-x86_64/sbin/kdump", *arguments], capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + run.stderr


def lay_out(stream, path):
    """A file from makedumpfile's flattened stream: records of offset, length and bytes, big endian, behind a block of 4096 bytes."""
    with open(stream, "rb") as source, open(path, "wb") as target:
        head = source.read(4096)
        if not head.startswith(b"makedumpfile\0"):
            raise ValueError(f"{stream} is no flattened stream")
        while True:
            offset, length = struct.unpack(">qq", source.read(16))
            if offset < 0:
                return
            target.seek(offset)
            target.write(source.read(length))


def check_folder(results, run, folder, saving):
    """The files that a save leaves in a folder. Returns the dump's path."""
    names = sorted(os.listdir(folder))
    want = ["vmcore.flat"] if run.stream else ["README.txt", "dmesg.txt", "vmcore"]
    results.check(f"{run.name}: the folder holds {' '.join(want)}", names == want, " ".join(names))
    if run.stream:
        lay_out(f"{folder}/vmcore.flat", f"{folder}/vmcore")
        return f"{folder}/vmcore"
    modes = {name: stat.S_IMODE(os.stat(f"{folder}/{name}").st_mode) for name in names}
    results.check(f"{run.name}: the files are their owner's alone", set(modes.values()) == {0o600}, str(modes))
    check_texts(results, run.name, folder, saving, r"The dump is complete\.")
    return f"{folder}/vmcore"


def check_texts(results, name, folder, saving, state):
    with open(f"{folder}/README.txt", encoding="utf-8", errors="replace") as file:
        note = file.read()
    results.check(f"{name}: README.txt says \"{state}\"", re.search(state, note), note[:300])
    with open(f"{folder}/dmesg.txt", encoding="utf-8", errors="replace") as file:
        log = file.read()
    results.check(f"{name}: dmesg.txt has the mark left before the panic", saving.marker in log, log[-200:])
    results.check(f"{name}: dmesg.txt has the panic", "Kernel panic - not syncing" in log and saving.sentence in log, log[-200:])


def check_dump(results, run, dump, saving, core=None, classes=None, incomplete=False):
    """The dump as libkdumpfile sees it; against the raw core, if there is one."""
    options = ["--level", str(run.level)] + [f"--page={paddr:#x}" for paddr in saving.pages]
    if core:
        options += ["--core", core, "--map", classes]
    facts = inspect(dump, *options)
    name = run.name
    if not results.check(f"{name}: libkdumpfile opens the dump", "error" not in facts, facts.get("error", "")):
        return facts
    results.check(f"{name}: its format is right", facts["format"] == ("elf" if run.elf else "diskdump"), facts["format"])
    results.check(f"{name}: the release is the crashed kernel's", facts["release"] == saving.facts["release"], facts["release"])
    results.check(f"{name}: all CPUs have their registers", len(facts["registers"]) == int(saving.facts["cpus"]), str(facts["registers"]))
    results.check(f"{name}: it is marked {'incomplete' if incomplete else 'complete'}", facts["incomplete"] == incomplete)
    results.check(f"{name}: every page that is there can be read", not facts["unread"], f"{len(facts['unread'])} cannot")
    if core:
        results.check(f"{name}: every page equals the core's", not facts["wrong"] and facts["kept"], f"{len(facts['wrong'])} differ")
        results.check(f"{name}: there is nothing that the core has not", not facts["not_in_core"], str(facts["not_in_core"]))
        if not incomplete:
            results.check(f"{name}: what is left out is of classes that the level leaves out", not facts["left_out_wrongly"],
                          f"{len(facts['left_out_wrongly'])} are not; left out: {facts['left_out']}")
    if not incomplete:
        held = 0 if run.level & 8 else len(saving.pages)
        results.check(f"{name}: {held} of the {len(saving.pages)} held pages of user memory are there", len(facts["held"]) == held,
                      str(len(facts["held"])))
    return facts


def check_with_ours(results, run, dump):
    status, text = host_kdump("check", dump)
    results.check(f"{run.name}: kdump check agrees", status == 0, text[-300:])


def image_for(machine, context, helpers=("vmcore",)):
    image = initramfs.first_image(machine, initramfs.saving_image(machine, helpers))
    return image + initramfs.loader_image(machine, context.loader)


def map_of(context, core):
    """Class of every page of the raw core, as kdump sees it on the host."""
    path = f"{context.folder}/classes"
    status, text = host_kdump("info", "--map", core)
    context.results.check("kdump info --map on the raw core", status == 0, text[-300:])
    cases.save(context.folder, "classes", text)
    return path


def save(context, machine, runs=(DEFAULT,), keep=False):
    """Every run in one capture kernel, one after the other; then all dumps are compared with a raw copy of /proc/vmcore made there too."""
    results = context.results
    target = disk.Disk(f"{context.folder}/disk", 1024 * MIB)
    with Guest(machine, context.folder, image_for(machine, context), disk_bytes=cases.memory_bytes(machine) + 64 * MIB, stop_at_reset=True,
               more_disks=[target]) as guest:
        saving = Saving(context, guest)
        saving.load_and_crash()
        saving.mount("/dev/vdb")
        for run in runs:
            saving.save(run)
        core = saving.finish()
    core.close()
    classes = map_of(context, guest.disk)
    for run in runs:
        target.copy_out(f"/{run.name}", context.folder)
        dump = check_folder(results, run, f"{context.folder}/{run.name}", saving)
        facts = check_dump(results, run, dump, saving, guest.disk, classes)
        context.timings[f"bytes_{run.name}"] = os.path.getsize(dump)
        context.timings[f"kept_{run.name}"] = facts.get("kept", 0)
        check_with_ours(results, run, dump)
    if not keep and not results.failed:
        for path in [guest.disk, target.path] + [f"{context.folder}/{run.name}" for run in runs]:
            initramfs.remove_tree(path) if os.path.isdir(path) else os.unlink(path)


EVERY_FORMAT = (DEFAULT,
                Run("level-1", "-d 1", 1),
                Run("elf", "-E -d 1", 1, elf=True),
                Run("flattened", "-F", stream=True))


def all_cases(x86, arm):
    make = dataclasses.replace
    return [
        cases.Case("save-x86_64-6.1", lambda context: save(context, make(x86, cpus=2), EVERY_FORMAT), False, ("x86_64",)),
        cases.Case("save-x86_64-6.12", lambda context: save(context, make(x86, kernel="6.12")), False, ("x86_64",)),
        cases.Case("save-arm64-6.1", lambda context: save(context, make(arm, cpus=2)), False, ("arm64",)),
    ]
