# SPDX-License-Identifier: GPL-2.0-or-later
"""
End to end: kdump saves the crashed kernel's memory to a disk of the capture kernel; what is on the disk is looked at on
the host.
"""
import dataclasses
import json
import os
import random
import re
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import time

import cases
import checks
import disk
import initramfs
import paths
from qemu import Guest

sys.path.insert(0, f"{paths.TOP}/tests/cores")
import peers  # noqa: E402

MIB = 1 << 20
PAGES_HELD = 64
BASE_BYTES, WORKER_BYTES = 32 * MIB, 2 * MIB      # the memory that kdump may use at most


@dataclasses.dataclass(frozen=True)
class Run:
    """One save: options of kdump, the level they mean, the target: a folder, or a file that a stream is piped into."""
    name: str
    options: str = ""
    level: int = 31
    stream: bool = False
    elf: bool = False

    @property
    def command(self):
        words = f"kdump save {self.options}".strip()
        target = f"- | cat > /mnt/{self.name}/vmcore.flat" if self.stream else f"/mnt/{self.name}"
        return f"{words} /proc/vmcore {target}"


DEFAULT = Run("crash")


class Saving:
    """A guest from its boot to its end, with what must be known to judge the dumps."""

    def __init__(self, context, guest):
        self.context, self.results, self.guest = context, context.results, guest
        self.facts = self.sentence = None
        self.fill_mib = 0          # of the first kernel's memory, with what cannot be compressed
        self.pages, self.peak, self.printed = {}, {}, {}

    def load_and_crash(self):
        guest, context = self.guest, self.context
        self.facts = cases.boot_first(guest, context)
        context.step(f"Linux {self.facts['release']} is up; load the capture kernel")
        cases.load_capture(guest, context)
        if context.viewer:
            cases.show_loading(guest, context)
        if self.fill_mib:
            guest.output(f"dd if=/dev/urandom of=/tmp/fill bs=1M count={self.fill_mib} 2>/dev/null")
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
        self.results.check(f"{name}: exit status {want_status}", status == want_status,
                           f"{status}: {self.printed[name][-400:]}")
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
        self.results.check(f"{name}: on the console there is a line of progress each 5 s at most",
                           len(lines) <= took / 5 and "\033[K" not in text,
                           f"{len(lines)} lines in {took:.1f} s")

    def _measure(self, name):
        text = self.guest.output("cat /tmp/time")
        kbytes = cases.peak_kbytes(self.guest, text)
        workers = re.search(r"(\d+) workers? beside", self.printed[name])
        if not self.results.check(f"{name}: busybox tells the peak memory", kbytes and workers, text[:200]
                                  + self.printed[name][-200:]):
            return
        peak, bound = kbytes << 10, BASE_BYTES + WORKER_BYTES * int(workers[1])
        self.context.timings[f"peak_mib_{name}"] = peak / MIB
        self.results.check(f"{name}: kdump uses at most {bound >> 20} MiB of memory", peak <= bound,
                           f"{peak / MIB:.1f} MiB")

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
    run = subprocess.run([sys.executable, f"{paths.TOP}/tests/e2e/saved.py", *options, dump], capture_output=True,
                         text=True, check=False)
    try:
        return json.loads(run.stdout)
    except ValueError:
        return {"error": (run.stdout + run.stderr).strip()[-300:] or "saved.py said nothing"}


def host_kdump(*arguments):
    """Our own program on the host; its output."""
    run = subprocess.run([f"{paths.BUILD}/static-x86_64/sbin/kdump", *arguments], capture_output=True, text=True,
                         check=False)
    return run.returncode, run.stdout + run.stderr


def lay_out(stream, path):
    """
    A file from makedumpfile's flattened stream: records of offset, length and bytes, big endian, behind a block of 4096
    bytes.
    """
    with open(stream, "rb") as source, open(path, "wb") as target:
        head = source.read(4096)
        if not head.startswith(b"makedumpfile\0"):
            raise ValueError(f"{stream} is no flattened stream")
        while True:
            record = source.read(16)
            if len(record) < 16:
                raise ValueError(f"{stream} stops without its closing record")
            offset, length = struct.unpack(">qq", record)
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
    results.check(f"{name}: dmesg.txt has the panic", "Kernel panic - not syncing" in log and saving.sentence in log,
                  log[-200:])


def check_dump(results, run, dump, saving, core=None, classes=None, incomplete=False):
    """The dump as libkdumpfile sees it; against the raw core, if there is one."""
    options = ["--level", str(run.level)] + [f"--page={paddr:#x}" for paddr in saving.pages]
    if core:
        options += ["--core", core, "--map", classes]
    facts = inspect(dump, *options)
    name = run.name
    if not results.check(f"{name}: libkdumpfile opens the dump", "error" not in facts, facts.get("error", "")):
        return facts
    results.check(f"{name}: its format is right", facts["format"] == ("elf" if run.elf else "diskdump"),
                  facts["format"])
    results.check(f"{name}: the release is the crashed kernel's", facts["release"] == saving.facts["release"],
                  facts["release"])
    results.check(f"{name}: all CPUs have their registers", len(facts["registers"]) == int(saving.facts["cpus"]),
                  str(facts["registers"]))
    results.check(f"{name}: it is marked {'incomplete' if incomplete else 'complete'}",
                  facts["incomplete"] == incomplete)
    results.check(f"{name}: every page that is there can be read", not facts["unread"],
                  f"{len(facts['unread'])} cannot")
    if core:
        results.check(f"{name}: every page equals the core's", not facts["wrong"] and facts["kept"],
                      f"{len(facts['wrong'])} differ")
        results.check(f"{name}: there is nothing that the core has not", not facts["not_in_core"],
                      str(facts["not_in_core"]))
        if not incomplete:
            results.check(f"{name}: what is left out is of classes that the level leaves out",
                          not facts["left_out_wrongly"],
                          f"{len(facts['left_out_wrongly'])} are not; left out: {facts['left_out']}")
    if not incomplete:
        held = 0 if run.level & 8 else len(saving.pages)
        results.check(f"{name}: {held} of the {len(saving.pages)} held pages of user memory are there",
                      len(facts["held"]) == held,
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


def save(context, machine, runs=(DEFAULT,)):
    """
    Every run in one capture kernel, one after the other; then all dumps are compared with a raw copy of /proc/vmcore
    made there too.
    """
    results = context.results
    target = disk.Disk(f"{context.folder}/disk", 1024 * MIB if len(runs) < 4 else 4096 * MIB)
    with Guest(machine, context.folder, image_for(machine, context), disk_bytes=cases.memory_bytes(machine) + 64 * MIB,
               stop_at_reset=True,
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
        # makedumpfile is built without snappy, and knows no 52-bit addresses with pages of 16 KiB.
        if not run.elf and "-p" not in run.options.split() and "16k" not in machine.kernel:
            log = read_log_with_makedumpfile(machine.arch, dump, saving.marker)
            results.check(f"{run.name}: makedumpfile reads the log, if it is here", log is None
                          or "the panic among them" in log, log)
    if not results.failed:
        for path in [guest.disk, target.path] + [f"{context.folder}/{run.name}" for run in runs]:
            initramfs.remove_tree(path) if os.path.isdir(path) else os.unlink(path)


def makedumpfile(arch):
    """The words that start it, and whether it knows zstd; None when it is not here."""
    if arch == "arm64" and not shutil.which("qemu-aarch64"):
        return None
    for command, knows_zstd in ((peers.makedumpfile("sid", arch), True),
                                ([shutil.which("makedumpfile")] if arch == platform_arch()
                                 and shutil.which("makedumpfile") else None, False),
                                (peers.makedumpfile("bookworm", arch), False)):
        if command:
            return command, knows_zstd
    return None


def platform_arch():
    return {"aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


def read_log_with_makedumpfile(arch, dump, marker):
    """What makedumpfile says to the dump, in a few words; None when it is not here."""
    found = makedumpfile(arch)
    if not found:
        return None
    command, knows_zstd = found
    with tempfile.TemporaryDirectory(prefix="parachute-") as folder:
        if not knows_zstd:
            status, text = host_kdump("save", "-q", "-l", dump, f"{folder}/lzo")
            if status:
                return f"kdump save -l: {text.strip()[-200:]}"
            dump = f"{folder}/lzo"
        run = subprocess.run(command + ["--dump-dmesg", dump, f"{folder}/log"], capture_output=True, text=True,
                             check=False)
        if run.returncode:
            return (run.stdout + run.stderr).strip()[-200:]
        with open(f"{folder}/log", encoding="utf-8", errors="replace") as file:
            log = file.read()
    good = marker in log and "Kernel panic - not syncing" in log
    how = "" if knows_zstd else "after kdump save -l, as it knows no zstd: "
    return f"{how}the log has {len(log.splitlines())} lines, {'the panic among them' if good else 'but NOT the panic'}"


def show(context, machine):
    """For viewers: one save, and all that can be said about it."""
    results, run = context.results, DEFAULT
    target = disk.Disk(f"{context.folder}/disk", 256 * MIB)
    context.step_boot(machine)
    with Guest(machine, context.folder, image_for(machine, context), disk_bytes=cases.memory_bytes(machine) + 64 * MIB,
               stop_at_reset=True,
               more_disks=[target]) as guest:
        saving = Saving(context, guest)
        saving.load_and_crash()
        context.step(f"the capture kernel is up, {context.timings['panic_to_capture']:.1f} s after the panic; "
                     "save the dump to a disk")
        context.viewer.command("mount -t ext4 /dev/vdb /mnt")
        saving.mount("/dev/vdb")
        saving.save(run)
        context.viewer.command("ls -l /mnt/crash")
        context.viewer.output(guest.output("ls -l /mnt/crash").partition("\n")[2])
        context.step("a raw copy of /proc/vmcore, to compare with; power off; take the files from the disk")
        core = saving.finish()
    context.timings["ram"] = sum(past - first for first, past in core.ranges())
    core.close()
    target.copy_out("/crash", context.folder)
    dump = check_folder(results, run, f"{context.folder}/crash", saving)
    facts = check_dump(results, run, dump, saving, guest.disk, map_of(context, guest.disk))
    check_with_ours(results, run, dump)
    context.timings["bytes_crash"] = os.path.getsize(dump)
    if "error" in facts:
        return
    log = read_log_with_makedumpfile(machine.arch, dump, saving.marker)
    results.check("makedumpfile reads the log", log is None or "the panic among them" in log, log)
    symbols = checks.Symbols(saving.facts["kallsyms"])
    for cpu in facts["registers"]:
        cpu["symbol"] = symbols.name(cpu["pc"]) or hex(cpu["pc"])
    context.facts = dict(facts, makedumpfile=log or "not here; \"tests/setup/guest-files peer\" fetches it",
                         wrong=len(facts["wrong"]))


def small(context, machine):
    """The least that a capture kernel can be given: nothing in it but busybox, ext4 and kdump."""
    results = context.results
    target = disk.Disk(f"{context.folder}/disk", 1024 * MIB)
    with Guest(machine, context.folder, image_for(machine, context, ()), stop_at_reset=True,
               more_disks=[target]) as guest:
        saving = Saving(context, guest)
        saving.load_and_crash()
        memory = guest.output("free -m")
        cases.save(context.folder, "free", memory)
        saving.mount("/dev/vda")
        saving.save(DEFAULT)
        results.check("the kernel had to kill nothing", "Out of memory" not in guest.console_text())
        saving.finish(raw=False)
    target.copy_out(f"/{DEFAULT.name}", context.folder)
    check_dump(results, DEFAULT, check_folder(results, DEFAULT, f"{context.folder}/{DEFAULT.name}", saving), saving)


FULL = Run("full", "-d 1", 1)


def full_disk(context, machine):
    """A file system that is too small: what fits is saved, and the note says why the rest is not."""
    results = context.results
    target = disk.Disk(f"{context.folder}/disk", 24 * MIB)
    with Guest(machine, context.folder, image_for(machine, context), disk_bytes=cases.memory_bytes(machine) + 64 * MIB,
               stop_at_reset=True,
               more_disks=[target]) as guest:
        saving = Saving(context, guest)
        saving.load_and_crash()
        saving.mount("/dev/vdb")
        saving.save(FULL, want_status=3)
        results.check("full: kdump says why", "the file system is full" in saving.printed["full"],
                      saving.printed["full"][-300:])
        saving.finish().close()
    target.copy_out("/full", context.folder)
    folder = f"{context.folder}/full"
    names = sorted(os.listdir(folder))
    results.check("full: the folder holds README.txt dmesg.txt vmcore-incomplete",
                  names == ["README.txt", "dmesg.txt", "vmcore-incomplete"],
                  " ".join(names))
    check_texts(results, "full", folder, saving, r"The dump is not complete\.\nWhy: .*the file system is full")
    facts = check_dump(results, FULL, f"{folder}/vmcore-incomplete", saving, guest.disk, map_of(context, guest.disk),
                       incomplete=True)
    context.timings["kept_full"] = facts.get("kept", 0)
    results.check("full: most of the disk is used", os.path.getsize(f"{folder}/vmcore-incomplete") > 12 * MIB)
    if not results.failed:
        os.unlink(guest.disk)


# Nothing is left out or compressed, and the disk is slow: it takes more than 5 s on any machine, so that there must be
# lines of progress.
SLOW = Run("slow", "-D -d 0 --codec none", 0)
SLOW_MIB, SLOW_RATE = 48, 20 * MIB


def power_cut(context, machine, nr_cuts):
    """
    The power fails while the dump is written: at moments chosen by chance, and at each, of what had been written since
    the last flush, some is on the disk and some is not. Whatever the file system has then, the log is whole and the
    dump opens.
    """
    results, rng = context.results, random.Random(cases.SEED)
    target = disk.Disk(f"{context.folder}/disk", 768 * MIB, logged=True, rate=SLOW_RATE)
    with Guest(machine, context.folder, image_for(machine, context), disk_bytes=cases.memory_bytes(machine) + 64 * MIB,
               stop_at_reset=True,
               more_disks=[target]) as guest:
        saving = Saving(context, guest)
        saving.fill_mib = SLOW_MIB
        saving.load_and_crash()
        saving.mount("/dev/vdb")
        saving.save(SLOW)
        results.check("progress is shown", re.search(r"\d+%.*MiB/s.* s left", saving.printed["slow"]),
                      saving.printed["slow"][-300:])
        match = re.search(r"in place in (\d+) KiB of mapped windows, and (\d+) KiB of it by read",
                          saving.printed["slow"])
        results.check("/proc/vmcore is mapped, not read", match
                      and int(match[1]) << 10 > cases.memory_bytes(machine) // 2 and not int(match[2]),
                      match[0] if match else "kdump -D did not say how it was read")
        saving.finish().close()
    target.copy_out("/slow", context.folder)
    check_dump(results, SLOW, check_folder(results, SLOW, f"{context.folder}/slow", saving), saving, guest.disk,
               map_of(context, guest.disk))
    cut_short(context, target, saving, guest.disk, rng, nr_cuts)
    for path in (guest.disk, target.path, target.log, f"{target.path}.start", f"{context.folder}/slow/vmcore"):
        if not results.failed:
            os.unlink(path)


def cut_short(context, target, saving, core, rng, nr_cuts):
    results, log = context.results, disk.WriteLog(target)
    with open(f"{context.folder}/slow/dmesg.txt", "rb") as file:
        whole = file.read()
    count = len(log.entries)
    results.check("the log of writes has flushes in it", len(log.flushes()) >= 4,
                  f"{len(log.flushes())} among {count} writes")
    moments = sorted(rng.sample(range(count // 8, count), min(nr_cuts, count // 2)))
    kept = []
    for moment, image in log.cuts(context.folder, moments, rng):
        folder = f"{context.folder}/cut"
        initramfs.remove_tree(folder)
        disk.repair(image)
        disk.copy_out(image, "/slow", folder)
        kept.append(look_at_cut(results, f"power cut at write {moment} of {count}", f"{folder}/slow", whole, core,
                                saving))
    log.close()
    context.timings.update(cuts=len(kept), writes=count, flushes=len(log.flushes()),
                           kept_at_cuts=[pages for pages in kept if pages])
    found = [pages for pages in kept if pages]
    results.check("cuts are met with little and with much of the dump there", len(set(found)) >= 3, str(kept))
    results.check("what was saved stays saved", found == sorted(found), str(kept))


def look_at_cut(results, what, folder, whole, core, saving):
    """Pages in the dump that the power cut left; None when there is no dump yet."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    dumps = [name for name in names if name.startswith("vmcore")]
    if not dumps:
        return None
    with open(f"{folder}/dmesg.txt", "rb") as file:
        results.check(f"{what}: dmesg.txt is whole", file.read() == whole)
    results.check(f"{what}: there is one dump", len(dumps) == 1, str(names))
    path = f"{folder}/{dumps[0]}"
    with open(path, "rb") as file:
        if not file.read(4096).strip(b"\0"):
            return 0     # the file is there, its first page is not: its header is what is written last of the tables
    facts = inspect(path, "--core", core, "--level", "0")
    if not results.check(f"{what}: libkdumpfile opens {dumps[0]}", "error" not in facts, facts.get("error", "")):
        return 0
    # A disk writes blocks whole, and here and there a page's descriptor lies in two: one half of it may be missing.
    unread = set(facts["unread"]) - set(facts["torn"])
    results.check(f"{what}: every page that is there equals the core's", not facts["wrong"] and not unread,
                  f"{len(facts['wrong'])} differ, {len(unread)} cannot be read")
    if not facts["incomplete"] or dumps[0] == "vmcore":
        # The mark is taken off when all is on the disk, then the file gets its name.
        results.check(f"{what}: what is not marked incomplete is complete", not facts["incomplete"]
                      and facts["kept"] == facts["planned"],
                      f"{facts['kept']} of {facts['planned']} pages")
    return facts["kept"]


LEVEL_1 = Run("level-1", "-d 1", 1)
EVERY_FORMAT = (DEFAULT, LEVEL_1,
                Run("level-0-none", "-d 0 --codec none", 0),
                Run("level-16-zlib", "-c -d 16", 16),
                Run("level-8-lzo", "-l -d 8", 8),
                Run("level-2-snappy", "-p -d 2", 2),
                Run("level-4", "-d 4 --workers 2", 4),
                Run("elf", "-E -d 1", 1, elf=True),
                Run("elf-31", "-E -d 31", elf=True),
                Run("flattened", "-F", stream=True),
                Run("flattened-1", "-F -d 1 -l", 1, stream=True),
                Run("flattened-elf", "-F -E -d 8", 8, stream=True, elf=True))


def kernels(arch):
    """All that were fetched, in a short form."""
    debian_arch = {"x86_64": "amd64", "arm64": "arm64"}[arch]
    return sorted(name[len("linux-"):-len(debian_arch) - 1] for name in os.listdir(paths.PKG)
                  if name.startswith("linux-") and name.endswith(f"_{debian_arch}"))


def all_cases(x86, arm):
    make, case = dataclasses.replace, cases.Case
    found = [
        case("save-x86_64-6.1", lambda context: save(context, make(x86, cpus=2), (DEFAULT, LEVEL_1)), False,
             ("x86_64",)),
        case("save-arm64-6.1", lambda context: save(context, make(arm, cpus=2)), False, ("arm64",)),
        case("save-96M-x86_64", lambda context: small(context, make(x86, memory="1G", crashkernel="crashkernel=96M")),
             False, ("x86_64",)),
        case("save-full-disk-x86_64", lambda context: full_disk(context, x86), False, ("x86_64",)),
        case("save-power-cut-x86_64", lambda context: power_cut(context, make(x86, kernel="6.12", memory="384M"), 8),
             False, ("x86_64",)),
        case("save-power-cut-arm64", lambda context: power_cut(context, arm, 40), True,
             ("arm64",)),
        case("save-power-cut-x86_64-6.1", lambda context: power_cut(context, make(x86, memory="384M"), 40), True,
             ("x86_64",)),
        case("save-full-disk-arm64", lambda context: full_disk(context, arm), True, ("arm64",)),
        case("save-x86_64-5G",
             lambda context: save(context,
                                  make(x86, memory="5G", crashkernel="crashkernel=192M,high crashkernel=72M,low")),
             True, ("x86_64",)),
        case("save-x86_64-uefi", lambda context: save(context, make(x86, firmware="uefi")), True, ("x86_64",)),
        case("save-arm64-acpi", lambda context: save(context, make(arm, firmware="acpi", crashkernel="crashkernel=160M")),
             True, ("arm64",)),
    ]
    for machine in [make(x86, kernel=kernel) for kernel in kernels("x86_64")] + [make(arm, kernel=kernel)
                                                                                 for kernel in kernels("arm64")]:
        name = f"save-{machine.arch}-{machine.kernel}"
        if name not in {one.name for one in found}:
            found.append(case(name, lambda context, machine=machine: save(context, machine), machine.arch == "arm64",
                              (machine.arch,)))
        found.append(case(f"{name}-every-format", lambda context, machine=machine: save(context, machine, EVERY_FORMAT),
                          True, (machine.arch,)))
    return found
