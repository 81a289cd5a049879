# SPDX-License-Identifier: GPL-2.0-or-later
"""
End to end: "kdump capture" as the first and only program of a capture kernel. Nobody talks to it: what it has done is
seen on the console, on the disks, and by how the machine went down.
"""
import dataclasses
import os
import re
import shutil
import time

import cases
import disk
import initramfs
import paths
import save_case
from qemu import Guest, Lost

MIB = 1 << 20
CAPTURE_SECONDS = 240
CAPTURE_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "softdog")
UUID = "5f3c1e52-6d7e-4c5b-9c3f-0a1b2c3d4e5f"


class Plain(disk.Disk):
    """A disk with nothing on it."""

    def __init__(self, path, size):
        self.path, self.rate, self.log = path, 0, None
        with open(path, "wb") as file:
            file.truncate(size)


class Damaged(disk.Disk):
    """A file system whose superblock says that it is one, with nothing sensible behind it."""

    def __init__(self, path, size):
        super().__init__(path, size)
        with open(path, "r+b") as file:
            file.seek(2048)
            file.write(b"\xff" * (2 << 20))


class Named(disk.Disk):
    """A file system that is found by its UUID."""

    def __init__(self, path, size):
        super().__init__(path, size)
        disk._tool("tune2fs", "-f", "-U", UUID, path)


def capture_image(machine, conf, facts, programs=(), shell=False):
    """The capture initramfs, with no more in it than what a capture needs."""
    archive = initramfs.Archive()
    initramfs.add_modules(archive, machine.kernel_root, [name for name in CAPTURE_MODULES
                                                         if name in ("virtio_pci", "virtio_blk")
                                                         or initramfs.has_module(machine, name)])
    order = archive.entries.pop("modules/list")[1].decode().split()
    lines = ["hostname crashed"] + [f"module /modules/{name}" for name in order] + ["watchdog softdog"] + facts
    archive.data("init", initramfs.stripped(machine.arch, f"{paths.BUILD}/static-{machine.arch}/sbin/kdump"), 0o755)
    archive.data("etc/kdump/facts", "".join(line + "\n" for line in lines).encode())
    archive.data("etc/kdump.conf", "".join(line + "\n" for line in conf).encode())
    archive.character_device("dev/console", 5, 1)
    if shell or programs:
        archive.file("bin/busybox", f"{paths.PKG}/busybox-static_{machine.debian_arch}/bin/busybox", 0o755)
    if shell:
        archive.symlink("bin/sh", "busybox")
    for path, text in programs:
        archive.data(path, text.encode(), 0o755)
    return archive.bytes()


class Capture:
    """A guest that crashes and what its capture kernel makes of it."""

    def __init__(self, context, machine, disks, image):
        self.context, self.results, self.machine = context, context.results, machine
        self.disks, self.image = disks, image
        self.console = self.reason = None

    def run(self):
        context, machine = self.context, self.machine
        first = initramfs.base_image(machine).bytes() + initramfs.loader_image(machine, context.loader)
        boot = initramfs.Archive()
        boot.file("boot/vmlinuz", machine.vmlinuz, 0o644)
        boot.data("boot/initrd.img", self.image)
        context.timings["initramfs_bytes"] = len(self.image)
        with Guest(machine, context.folder, first + boot.bytes(), stop_at_reset=True, more_disks=self.disks) as guest:
            self.facts = cases.boot_first(guest, context)
            cases.load_capture(guest, context)
            self.marker = f"parachute {os.path.basename(context.folder)} {time.time():.6f}"
            guest.output(f"echo '{self.marker}' > /dev/kmsg")
            since = guest.console_length()
            start = time.monotonic()
            self.sentence = cases.panic_guest(guest, "sysrq", None)
            guest.wait_console("kdump: target 1", CAPTURE_SECONDS, since)
            context.timings["panic_to_first_target"] = time.monotonic() - start
            self.end(guest, since)
            context.timings["panic_to_reboot"] = time.monotonic() - start
            guest.wait_exit(60)
            self.console = guest.console_text(since)
        return self

    def end(self, guest, _since):
        """The machine goes down by itself."""
        event = guest.qmp.wait_event({"SHUTDOWN"}, CAPTURE_SECONDS)
        self.reason = event.get("data", {}).get("reason")

    def ended_by(self, reason):
        self.results.check(f"the machine went down as it should: {reason}", self.reason == reason,
                           f"{self.reason}: {self.console[-600:]}")

    def said(self, what, pattern, count=1):
        found = re.findall(pattern, self.console)
        self.results.check(f"on the console: {what}", len(found) >= count,
                           f"no \"{pattern}\" in {self.console[-1500:]}")

    def folder_on(self, image, below="/var/crash"):
        """The one dump folder on an ext4 disk, copied here."""
        target = f"{self.context.folder}/out-{os.path.basename(image.path)}"
        shutil.rmtree(target, ignore_errors=True)
        disk.copy_out(image.path, below, target)
        place = f"{target}/{os.path.basename(below)}"
        names = sorted(os.listdir(place)) if os.path.isdir(place) else []
        if not self.results.check(f"{os.path.basename(image.path)}: one folder, named as Fedora names them",
                                  len(names) == 1 and re.fullmatch(r"127\.0\.0\.1-\d{4}(-\d\d){3}(:\d\d){2}",
                                                                   names[0]), str(names)):
            raise Lost(f"no dump on {image.path}")
        return f"{place}/{names[0]}"

    def check_log(self, folder, name):
        try:
            with open(f"{folder}/{name}", encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError as error:
            return str(error)

    def check_whole(self, folder, what):
        """All that belongs into a folder of a dump that is complete."""
        results = self.results
        names = sorted(os.listdir(folder))
        results.check(f"{what}: dump, logs and note", names == ["README.txt", "kexec-dmesg.log", "vmcore",
                                                              "vmcore-dmesg.txt"], str(names))
        log = self.check_log(folder, "vmcore-dmesg.txt")
        results.check(f"{what}: the log has the last words and the panic", self.marker in log and self.sentence in log,
                      log[-300:])
        own = self.check_log(folder, "kexec-dmesg.log")
        results.check(f"{what}: the capture kernel's log has our words and the kernel's",
                      "kdump: target" in own and "Linux version" in own, own[-300:])
        note = self.check_log(folder, "README.txt")
        results.check(f"{what}: the note says that it is complete", "The dump is complete." in note, note[:300])
        facts = save_case.inspect(f"{folder}/vmcore", "--level", "31")
        if results.check(f"{what}: libkdumpfile opens the dump", "error" not in facts, facts.get("error", "")):
            results.check(f"{what}: its release, and no page is damaged",
                          facts["release"] == self.facts["release"] and not facts["unread"] and not facts["incomplete"],
                          str(facts)[:300])
        status, text = save_case.host_kdump("check", f"{folder}/vmcore")
        results.check(f"{what}: kdump check agrees", status == 0, text[-300:])


def several(context, machine):
    """A damaged file system, then one that is too small, then a good one: each is tried, the last one has the dump."""
    disks = [Damaged(f"{context.folder}/damaged", 64 * MIB), disk.Disk(f"{context.folder}/small", 12 * MIB),
             Named(f"{context.folder}/good", 512 * MIB)]
    image = capture_image(machine, ["ext4 /dev/vda", "ext4 /dev/vdb", f"ext4 UUID={UUID}", "path /var/crash"],
                          ["filesystem target0 /dev/vda ext4 - /var/crash",
                           "filesystem target1 /dev/vdb ext4 - /var/crash",
                           f"filesystem target2 UUID={UUID} ext4 noatime,x-systemd.automount,ro /var/crash"])
    capture = Capture(context, machine, disks, image).run()
    capture.said("the damaged one is told", r"kdump: /dev/vda: .*(damaged|cannot be mounted)")
    capture.said("a watchdog is fed", r"kdump: a watchdog resets")
    capture.said("the small one is not complete", r"kdump: the dump is not complete: /run/kdump/targets/target1/")
    capture.said("the good one is read back", r"kdump: the dump was read back and is good")
    capture.said("the dump was saved", r"kdump: the dump was saved")
    capture.ended_by("guest-reset")
    small = capture.folder_on(disks[1])
    names = sorted(os.listdir(small))
    context.results.check("the small disk keeps the log and a dump that says that it is not complete",
                          {"vmcore-dmesg.txt", "vmcore-incomplete"} <= set(names), str(names))
    log = capture.check_log(small, "vmcore-dmesg.txt")
    context.results.check("the log on it is whole", capture.marker in log and capture.sentence in log, log[-300:])
    status, text = save_case.host_kdump("check", f"{small}/vmcore-incomplete")
    context.results.check("the dump on it opens, and lacks pages", status == 3, text[-300:])
    capture.check_whole(capture.folder_on(disks[2]), "the good disk")


def raw(context, machine):
    """A raw disk, with the machine off afterwards; the dump is fetched from it here."""
    disks = [disk.Disk(f"{context.folder}/taken", 64 * MIB), Plain(f"{context.folder}/raw", 256 * MIB)]
    image = capture_image(machine, ["raw /dev/vda", "raw /dev/vdb", "final_action poweroff"],
                          ["raw target0 /dev/vda", "raw target1 /dev/vdb"])
    capture = Capture(context, machine, disks, image).run()
    capture.said("a file system is not written over", r"kdump: .*/dev/vda: holds ext\d, which a dump would destroy")
    capture.said("the dump was saved", r"kdump: the dump was saved")
    capture.ended_by("guest-shutdown")
    status, text = save_case.host_kdump("check", disks[1].path)
    context.results.check("the disk itself opens as a dump", status == 0, text[-300:])
    out = f"{context.folder}/fetched"
    status, text = save_case.host_kdump("fetch", disks[1].path, out)
    context.results.check("kdump fetch makes a folder of it", status == 0 and len(os.listdir(out)) == 1, text[-300:])
    capture.check_whole(f"{out}/{os.listdir(out)[0]}", "what was fetched")
    status, text = save_case.host_kdump("fetch", disks[1].path, out)
    context.results.check("what was fetched is not fetched again", status == 0 and "nothing to fetch" in text
                          and len(os.listdir(out)) == 1, text[-300:])


def mischief(until, then):
    """
    A kdump_pre that leaves a program behind, out of its session: it waits for a line of ours and does something.
    What is still in the session when kdump_pre ends is killed, so it ends when the program is out of it.
    """
    return f"""#!/bin/busybox sh
# Guardian 1, worker, supervised child, this.
worker=$(/bin/busybox awk '{{ print $4 }}' /proc/$PPID/stat)
export worker
/bin/busybox setsid /bin/busybox sh -c '
	b=/bin/busybox
	$b touch /away
	until $b dmesg | $b grep -q "{until}"; do $b usleep 20000; done
	{then}
' >/dev/null 2>&1 &
until [ -e /away ]; do /bin/busybox usleep 10000; done
"""


def two_disks(context, machine, conf, pre):
    disks = [disk.Disk(f"{context.folder}/one", 256 * MIB), disk.Disk(f"{context.folder}/two", 256 * MIB)]
    post = "#!/bin/busybox sh\necho \"post got $1\"\n"
    conf = ["ext4 /dev/vda", "ext4 /dev/vdb", "kdump_pre /bin/pre", "kdump_post /bin/post"] + conf
    image = capture_image(machine, conf,
                          ["filesystem target0 /dev/vda ext4 - /var/crash",
                           "filesystem target1 /dev/vdb ext4 - /var/crash"], [("bin/pre", pre), ("bin/post", post)])
    return Capture(context, machine, disks, image).run()


def killed(context, machine):
    """The worker is killed in the middle of the first target: another one goes on with the second."""
    capture = two_disks(context, machine, [], mischief("saving to", "$b kill -9 $worker"))
    capture.said("the worker was killed", r"kdump: the worker was ended by signal 9")
    capture.said("another one went on", r"kdump: another one goes on with the next target")
    capture.said("kdump_post heard how it ended", r"kdump: post got 0")
    capture.ended_by("guest-reset")
    capture.check_whole(capture.folder_on(capture.disks[1]), "the second disk")


def hanging(context, machine):
    """The worker stops for ever: the deadline ends it, and the machine goes off."""
    deadline = 60
    capture = two_disks(context, machine, [f"deadline {deadline}", "failure_action poweroff"],
                        mischief("saving to", "$b kill -STOP $worker; $b killall -STOP exe"))
    capture.said("the deadline", r"kdump: the deadline has passed")
    capture.ended_by("guest-shutdown")
    took = context.timings["panic_to_reboot"]
    context.results.check("at the deadline, or soon after", deadline - 5 < took < deadline + 45, f"{took:.0f} s")


def stalled(context, machine):
    """The save stops for ever: it is ended in time for the second target, which has the dump."""
    stop = """for cmdline in /proc/[0-9]*/cmdline; do
		$b grep -q makedumpfile $cmdline && pid=${cmdline#/proc/} && $b kill -STOP ${pid%/cmdline}
	done"""
    capture = two_disks(context, machine, ["deadline 120"], mischief("saving to", stop))
    capture.said("the first one was ended", r"target0/.*: no dump could be saved \(signal 9\)")
    capture.said("the dump was saved", r"kdump: the dump was saved")
    capture.said("kdump_post heard it", r"kdump: post got 0")
    capture.ended_by("guest-reset")
    capture.check_whole(capture.folder_on(capture.disks[1]), "the second disk")


def all_cases(x86):
    make, case = dataclasses.replace, cases.Case
    small = make(x86, memory="1G", crashkernel="crashkernel=96M")
    return [
        case("capture-several-x86_64", lambda context: several(context, small), False, ("x86_64",)),
        case("capture-raw-x86_64", lambda context: raw(context, x86), False, ("x86_64",)),
        case("capture-killed-x86_64", lambda context: killed(context, x86), False, ("x86_64",)),
        case("capture-hanging-x86_64", lambda context: hanging(context, x86), True, ("x86_64",)),
        case("capture-stalled-x86_64", lambda context: stalled(context, x86), True, ("x86_64",)),
        case("capture-several-x86_64-4G", lambda context: several(context, make(small, memory="4G")), True,
             ("x86_64",)),
    ]
