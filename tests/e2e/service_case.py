# SPDX-License-Identifier: GPL-2.0-or-later
"""
The whole of it, as a person meets it: the package is installed on a Debian, the machine is rebooted once, it panics,
and it comes back with a dump.
What is on its disk afterwards is looked at here, by readers that are not ours.
"""
import dataclasses
import glob
import hashlib
import json
import os
import random
import re
import struct
import threading
import time

import crash_reader
import paths
import save_case
from debian import BOOT_SECONDS, DebianGuest, machine
from qemu import Lost

FOLDER = re.compile(r"^127\.0\.0\.1-\d{4}-\d{2}-\d{2}-\d{2}:\d{2}:\d{2}$")
CAPTURE_SECONDS = 300
making = threading.Lock()
SYSRQ = "echo c > /proc/sysrq-trigger"


chosen_package = []  # by service.py --deb


def package():
    """The package's file."""
    found = chosen_package or glob.glob(f"{paths.BUILD}/deb/parachute_*_amd64.deb")
    if len(found) != 1:
        raise Lost("there is no package: make deb")
    return found[0]


def install(context, guest):
    """What the README says: one command, and it has reserved memory for the time after the next reboot."""
    results = context.results
    status, output = guest.run("dpkg -i /root/parachute.deb", 240)
    text = output.decode(errors="replace")
    results.check("the package installs", status == 0, text[-600:])
    results.check("it says that a reboot is needed", "reboot" in text, text[-600:])
    status, output = guest.run("kdumpctl status", 60)
    results.check("status says no before the reboot", status == 3, output.decode(errors="replace")[-600:])
    results.check(
        "GRUB's menu reserves memory", "crashkernel=" in guest.output("grep crashkernel= /boot/grub/grub.cfg || true")
    )


def check_service(context, guest, what):
    """The service is active, the capture kernel loaded, and status says so."""
    results = context.results
    state = guest.run("systemctl is-active kdump.service", 60)[1].decode().strip()
    results.check(f"{what}: kdump.service is active", state == "active", state)
    loaded = guest.output("cat /sys/kernel/kexec_crash_loaded").strip()
    if not results.check(f"{what}: a capture kernel is loaded", loaded == "1", loaded):
        journal = guest.run("journalctl -b --no-pager -o cat -u kdump.service -u kdump-early.service | tail -n 12")[1]
        raise Lost("nothing is loaded: " + journal.decode(errors="replace"))
    status, output = guest.run("kdumpctl status", 120)
    text = output.decode(errors="replace")
    results.check(f"{what}: kdumpctl status is content", status == 0, text)
    with open(f"{context.folder}/status.txt", "a", encoding="utf-8") as file:
        file.write(f"--- {what}\n{text}")


def wait_back(context, guest, since, start, seconds=CAPTURE_SECONDS + BOOT_SECONDS):
    """From the panic to the login prompt: how long each step took."""
    guest.wait_hello("first", seconds)
    console = guest.console_text(since)
    context.results.check("the purgatory found the capture kernel intact", "purgatory: ok" in console, console[-400:])
    guest.wait_console("guest login:", BOOT_SECONDS, since)
    context.timings["panic_to_login"] = round(time.monotonic() - start, 1)
    return guest.run("systemctl is-system-running --wait", BOOT_SECONDS)[1].decode().strip()


class Clock:
    """When lines came on the console, so that what the capture kernel says can be timed from here."""

    def __init__(self, guest, since, start, words):
        self.found, self.guest, self.since, self.start, self.words = {}, guest, since, start, dict(words)

    def watch(self, seconds):
        """Until all of the words were seen, or the time is over."""
        deadline = time.monotonic() + seconds
        while self.words and time.monotonic() < deadline and not self.guest.console.closed:
            text = self.guest.console_text(self.since)
            for name, pattern in list(self.words.items()):
                if re.search(pattern, text):
                    self.found[name] = round(time.monotonic() - self.start, 1)
                    del self.words[name]
            time.sleep(0.2)
        return self.found


def dumps_in(guest, path="/var/crash"):
    """Names of the dump folders."""
    names = guest.output(f"ls -1 {path} 2>/dev/null || true").split()
    return [name for name in names if not name.startswith(".")]


def check_modes(context, guest, folder):
    modes = guest.output(f"stat -c '%a %U %n' {folder} {folder}/*").split("\n")
    wrong = [line for line in modes if line and not re.match(r"700 root .*:\d\d$|600 root ", line)]
    context.results.check("files of a dump are root's alone", not wrong, wrong)


def check_dump(context, folder, sentence, release=None, complete=True, name="vmcore", cpus=None):
    """A dump folder on this machine: the log, the note, and the dump as libkdumpfile sees it."""
    results = context.results
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    results.check(
        "the folder has a log, a note and the capture kernel's log",
        {"vmcore-dmesg.txt", "README.txt", "kexec-dmesg.log"} <= set(names),
        names,
    )
    try:
        with open(f"{folder}/vmcore-dmesg.txt", encoding="utf-8", errors="replace") as file:
            log = file.read()
    except OSError:
        log = ""
    results.check("the log has the panic", sentence in log, log[-300:])
    if not results.check(f"there is a {name}", name in names, names):
        return {}
    facts = save_case.inspect(f"{folder}/{name}")
    results.check("libkdumpfile opens the dump", "error" not in facts, facts.get("error"))
    results.check(
        "the dump is complete" if complete else "the dump says that it is not complete",
        facts.get("incomplete") is (not complete),
        facts,
    )
    results.check("every page of it can be read", facts.get("unread") == [], facts.get("unread"))
    if release:
        results.check("it is of the kernel that crashed", facts.get("release") == release, facts.get("release"))
    if cpus:
        results.check(
            "it has the registers of every CPU", len(facts.get("registers", [])) == cpus, facts.get("registers")
        )
    if release and complete and name == "vmcore":
        crash_reader.check(results, f"{folder}/{name}", release, sentence)
    context.timings["dump_bytes"] = os.path.getsize(f"{folder}/{name}")
    return facts


def fetch_dump(context, guest, name, path="/var/crash"):
    """A dump folder from the disk of a guest that is off."""
    guest.host_copy(f"{path}/{name}", f"{context.folder}/dumps")
    return f"{context.folder}/dumps/{name}"


def power_off(guest):
    guest.send_only("systemctl poweroff --no-block")
    guest.wait_exit(120)


CAPTURE_WORDS = {
    "panic_to_capture": r"Linux version .*\n(?s:.*)Linux version |purgatory: ok(?s:.*)Linux version ",
    "panic_to_dump": r"kdump: .*(complete|saved)",
    "panic_to_reboot": r"reboot: Restarting system",
}


def crash_and_return(
    context, guest, command=SYSRQ, seconds=CAPTURE_SECONDS, nmi=False, path="/var/crash", expected="running"
):
    """The panic, the dump, the way back to the EXPECTED state of systemd; names of the dump folders that are new."""
    before = set(dumps_in(guest, path))
    guest.output("sync")
    since, start = guest.crash(command)
    if nmi:
        guest.qmp.command("inject-nmi")
    clock = Clock(guest, since, start, CAPTURE_WORDS)
    context.timings.update(clock.watch(seconds))
    state = wait_back(context, guest, since, start)
    context.results.check(
        f"the machine is up again: {expected}",
        state == expected,
        guest.run("systemctl --failed --no-legend")[1].decode(errors="replace"),
    )
    return sorted(set(dumps_in(guest, path)) - before)


def panic(context, options=None):
    """Install, reboot, crash: the case that the README promises."""
    results = context.results
    with DebianGuest(options or machine(), context.folder, {"/root/parachute.deb": package()}) as guest:
        context.timings["first_boot"] = booted(context, guest)
        release = guest.output("uname -r").strip()
        start = time.monotonic()
        install(context, guest)
        context.timings["install"] = round(time.monotonic() - start, 1)
        guest.reboot()
        guest.wait_boot()
        check_service(context, guest, "after the reboot")
        context.timings["reserved_mib"] = int(guest.output("cat /sys/kernel/kexec_crash_size")) >> 20
        names = crash_and_return(context, guest)
        results.check("one dump has come", len(names) == 1 and FOLDER.match(names[0] if names else ""), names)
        check_service(context, guest, "after the crash")
        text = guest.run("kdumpctl status", 60)[1].decode(errors="replace")
        results.check("status tells about the crash", "sysrq triggered crash" in text, text)
        if names:
            check_modes(context, guest, f"/var/crash/{names[0]}")
            text = guest.run("kdumpctl list", 60)[1].decode(errors="replace")
            results.check("kdumpctl list has it", names[0] in text, text)
        power_off(guest)
        if names:
            check_dump(context, fetch_dump(context, guest, names[0]), "sysrq triggered crash", release)
    finish(context, guest)


def booted(context, guest):
    start = time.monotonic()
    state = guest.wait_boot()
    context.results.check("the machine runs", state == "running", state)
    return round(time.monotonic() - start, 1)


def finish(context, guest):
    """A disk is large; it is kept only for those who want to know why."""
    if not context.results.failed:
        os.unlink(guest.root)


def installed(context, disk="disk"):
    """A disk on which the package has been installed already, made once for each package; "sid": with that kernel."""
    key = digest_of(package(), f"{paths.BUILD}/guest-debian/key")
    made, note = (f"{paths.BUILD}/guest-debian/installed-{disk}.{kind}" for kind in ("raw", "key"))
    with making:
        if os.path.exists(note) and open(note, encoding="ascii").read() == key:
            return made
        with DebianGuest(
            machine(),
            f"{context.folder}/install",
            {"/root/parachute.deb": package()},
            source=f"{paths.BUILD}/guest-debian/{disk}.raw",
        ) as guest:
            guest.wait_boot()
            guest.output("dpkg -i /root/parachute.deb", 240)
            power_off(guest)
        os.replace(guest.root, made)
        with open(note, "w", encoding="ascii") as file:
            file.write(key)
    return made


def start(context, guest, what="after the boot"):
    """Boot a guest whose disk has the package; the release of its kernel."""
    context.timings["boot"] = booted(context, guest)
    check_service(context, guest, what)
    return guest.output("uname -r").strip()


def judge(context, guest, names, sentence, release, **expected):
    """After the last crash: the machine is switched off, and its dumps are looked at here."""
    power_off(guest)
    for name, words in zip(names, sentence if isinstance(sentence, list) else [sentence]):
        check_dump(context, fetch_dump(context, guest, name), words, release, **expected)


# What panics, in words that the log must have: (name, what is done before, the command, the sentence, is it an NMI)
FROZEN = (
    "truncate -s 64M /root/frozen && mke2fs -q /root/frozen && mount -o loop /root/frozen /mnt && "
    "sysctl -w kernel.hung_task_panic=1 "
    "kernel.hung_task_timeout_secs=4 kernel.hung_task_check_interval_secs=2 && sync && fsfreeze -f /mnt"
)
PANICS = (
    ("nmi", "sysctl -w kernel.unknown_nmi_panic=1", "true", "NMI", True),
    ("out of memory", "sysctl -w vm.panic_on_oom=1", "tail /dev/zero", "panic_on_oom is enabled", False),
    ("kernel thread", "sysctl -w kernel.panic_on_oops=1", "insmod /root/thread.ko", "Comm: parachute-lost", False),
    ("watchdog thread", FROZEN, "touch /mnt/file", "hung_task: blocked tasks", False),
)


def panics(context):
    """One machine that panics in other ways than by sysrq, and comes back each time."""
    names, sentences = [], []
    files = {"/root/thread.ko": f"{paths.BUILD}/guest-debian/thread.ko"}
    with DebianGuest(machine(cpus=2), context.folder, files, source=installed(context)) as guest:
        release = start(context, guest)
        for name, before, command, sentence, nmi in PANICS:
            guest.output(before)
            found = crash_and_return(context, guest, command, nmi=nmi)
            context.results.check(f"{name}: one dump has come", len(found) == 1, found)
            context.timings[f"{name}: panic to login"] = context.timings.get("panic_to_login")
            check_service(context, guest, f"after: {name}")
            names += found
            sentences += [sentence] * len(found)
        judge(context, guest, names, sentences, release, cpus=2)
    finish(context, guest)


def small(context, memory):
    """96 MiB are enough for a capture kernel with our own initramfs and a local disk."""
    edits = {"/boot/grub/grub.cfg": lambda text: re.sub(r"crashkernel=\S+", "crashkernel=96M", text)}
    with DebianGuest(machine(memory=memory), context.folder, source=installed(context), edits=edits) as guest:
        release = start(context, guest)
        reserved = int(guest.output("cat /sys/kernel/kexec_crash_size"))
        context.results.check("96 MiB are reserved", reserved == 96 << 20, reserved)
        names = crash_and_return(context, guest)
        context.results.check("one dump has come", len(names) == 1, names)
        judge(context, guest, names, "sysrq triggered crash", release)
    finish(context, guest)


class Plugger:
    """
    Hands CPUs and memory to a guest and takes them back. PRESENT: all CPUs are there from the start, and are only
    brought up; later kernels than 6.1 do not take those of QEMU 7.2 that were not. A CPU is only taken down: QEMU with
    all CPUs in one thread (see machines.py) does not outlive the removal of one.
    """

    def __init__(self, guest, present):
        self.guest, self.present, self.cpus, self.number, self.dimms = guest, present, 1, 0, []

    def add_cpu(self):
        if not self.present:
            self.guest.qmp.command(
                "device_add",
                driver="max-x86_64-cpu",
                id=f"cpu{self.cpus}",
                **{"socket-id": 0, "core-id": self.cpus, "thread-id": 0},
            )
        self.cpus += 1

    def add_memory(self):
        name = f"memory{self.number}"
        self.number += 1
        self.guest.qmp.command("object-add", id=name, size=128 << 20, **{"qom-type": "memory-backend-ram"})
        self.guest.qmp.command("device_add", driver="pc-dimm", id=f"dimm-{name}", memdev=name)
        self.dimms.append(name)

    def remove_memory(self):
        """Ask for it; a kernel that uses the memory says no, and it stays."""
        self.guest.qmp.command("device_del", id=f"dimm-{self.dimms.pop()}")

    def settle(self, cpus):
        """New CPUs are brought up by hand, as Debian does not."""
        self.guest.output(
            f"for n in $(seq 100); do [ -e /sys/devices/system/cpu/cpu{cpus - 1} ] && break; sleep 0.1; done; "
            f"for n in $(seq {cpus - 1}); do echo 1 > /sys/devices/system/cpu/cpu$n/online; done"
        )


SYNTHETIC = (
    "for n in $(seq 125); do for m in 0 1 2 3 4 5 6 7; do "
    "echo online > /sys/devices/system/memory/memory$m/uevent; done; done"
)
AT_PANIC = (
    "kdumpctl status --json > /root/at-panic.json; "
    "grep 'System RAM\\|Crash kernel' /proc/iomem > /root/at-panic.iomem; "
    "nproc > /root/at-panic.cpus; sync; echo c > /proc/sysrq-trigger"
)
SETTLED_S = 30  # a worker of the service waits 5 s at most, and loads again in less than that


def in_dump(path):
    """The page frames that the dump knows of: its first bitmap (doc/formats.md)."""
    with open(path, "rb") as file:
        header = file.read(464)
        block, sub, blocks = struct.unpack_from("<iiI", header, 428)
        file.seek((1 + sub) * block)
        return file.read(blocks * block // 2)


def not_covered(bitmap, iomem, low=0):
    """Of /proc/iomem: ranges of RAM from LOW on, but for the capture kernel's own, whose middle is not in the dump."""
    missing = []
    for first, last, what in re.findall(r"([0-9a-f]+)-([0-9a-f]+) : (.*)", iomem):
        pfn = (int(first, 16) + int(last, 16)) // 2 >> 12
        if pfn << 12 < low:
            continue
        if what == "System RAM" and not (pfn >> 3 < len(bitmap) and bitmap[pfn >> 3] >> (pfn & 7) & 1):
            missing.append(f"{first}-{last}")
    return missing


def count_loads(guest):
    return json.loads(guest.output("kdumpctl status --json || true", 60))["image"]["loads"]


def burst(context, guest, plugger, rng):
    """CPUs and memory come and go, a thousand events that mean nothing among them. How often it was loaded before."""
    loads = count_loads(guest)
    for _ in range(rng.randrange(1, 3)):
        plugger.add_cpu()
    for _ in range(rng.randrange(2, 4)):
        plugger.add_memory()
    plugger.settle(plugger.cpus)
    guest.output(SYNTHETIC, 240)
    plugger.remove_memory()
    guest.output(f"echo 0 > /sys/devices/system/cpu/cpu{plugger.cpus - 1}/online")
    return loads


def hotplug(context, disk, rounds):
    """
    CPUs and memory in bursts, and a panic at a moment that chance chooses: early ones too, before the service has seen
    all of it.
    """
    rng = random.Random(5)
    kernel_updates = disk == "sid"
    options = machine(memory="1G,slots=16,maxmem=8G")
    # Later boots have all CPUs that were added, and start with one: they share one processor of the host.
    edits = {"/boot/grub/grub.cfg": lambda text: text.replace(" ro ", " ro maxcpus=1 ")}
    more = ["-smp", "8" if kernel_updates else "1,maxcpus=8"]
    with DebianGuest(options, context.folder, source=installed(context, disk), edits=edits, more=more) as guest:
        release = start(context, guest)
        plugger, judged = Plugger(guest, kernel_updates), []
        for number in range(rounds):
            guest.output("echo online > /sys/devices/system/memory/auto_online_blocks")
            loads = burst(context, guest, plugger, rng)
            wait = SETTLED_S if number == 0 else rng.uniform(0, 10)
            time.sleep(wait)
            if number == 0:
                found = count_loads(guest) - loads
                context.timings["reloads for a burst"] = found
                context.results.check(
                    "a burst costs a handful of reloads, or none when the kernel follows by itself",
                    found == 0 if kernel_updates else 1 <= found <= 6,
                    found,
                )
            names = crash_and_return(context, guest, AT_PANIC)
            context.results.check(f"round {number}: one dump has come", len(names) == 1, names)
            state = json.loads(guest.output("cat /root/at-panic.json"))
            judged += [
                (
                    name,
                    state,
                    guest.output("cat /root/at-panic.iomem"),
                    int(guest.output("cat /root/at-panic.cpus")),
                    wait,
                )
                for name in names
            ]
            check_service(context, guest, f"round {number}")
        power_off(guest)
        context.timings["moments"] = [round(wait, 1) for *_, wait in judged]
        for name, state, iomem, cpus, wait in judged:
            folder = fetch_dump(context, guest, name)
            facts = check_dump(context, folder, "sysrq triggered crash", release)
            current = kernel_updates or not state["image"]["outdated"]
            context.results.check(
                f"{wait:.1f} s after the last event: what is loaded is up to date, or still within its time",
                current or wait < 10,
                state,
            )
            if current and facts:
                # The headers that a kernel makes itself leave out the first MiB (kexec(8), --hotplug).
                missing = not_covered(in_dump(f"{folder}/vmcore"), iomem, 1 << 20 if kernel_updates else 0)
                context.results.check("the dump covers the memory at the panic", not missing, missing)
                context.results.check(
                    "it has the CPUs that were up", len(facts["registers"]) == cpus, facts["registers"]
                )
    finish(context, guest)


def damaged(context):
    """
    A configuration that cannot be understood: told with its line, nothing is touched, and what is loaded stays, over
    reboots too.
    """
    check = context.results.check
    with DebianGuest(machine(), context.folder, source=installed(context)) as guest:
        start(context, guest)
        facts = "sha256sum /var/lib/kdump/* /run/kdump/loaded; cat /sys/kernel/kexec_crash_loaded"
        before = guest.output(facts)
        guest.output(
            "cp /etc/kdump.conf /root/kdump.conf; printf 'path /var/crash\\nfailure_action dance\\n' >> /etc/kdump.conf"
        )
        line = len(guest.output("cat /etc/kdump.conf").splitlines())
        for command in (
            "kdumpctl check-config",
            "kdumpctl start",
            "kdumpctl restart",
            "kdumpctl rebuild",
            "systemctl reload kdump.service",
        ):
            status, output = guest.run(command, 120)
            text = output.decode(errors="replace")
            check(f"{command} fails", status != 0, text)
            if not command.startswith("systemctl"):
                check(f"{command} names the line", f":{line}:" in text and "dance" in text, text)
            check(f"{command} leaves everything as it is", guest.output(facts) == before, command)
        state = guest.run("systemctl is-active kdump.service", 60)[1].decode().strip()
        check("the service is as it was", state == "active", state)
        status, output = guest.run("kdumpctl status", 120)
        check("status says that the configuration is wrong", status == 0 and f":{line}:" in output.decode(), output)
        for what in ("the configuration that was loaded", "that of the last boot"):
            names = crash_and_return(context, guest, expected="degraded")
            check(f"the machine still saves its dump, with {what}", len(names) == 1, names)
            state = guest.run("systemctl is-active kdump.service", 60)[1].decode().strip()
            check("after the boot the service has failed", state == "failed", state)
            loaded = guest.output("cat /sys/kernel/kexec_crash_loaded").strip()
            check("what the last boot loaded is loaded", loaded == "1", loaded)
            text = guest.run("journalctl -b --no-pager -o cat -u kdump-early.service")[1].decode(errors="replace")
            check("and the line is told", f":{line}:" in text, text)
        guest.output("cp /root/kdump.conf /etc/kdump.conf; systemctl restart kdump.service", 240)
        check_service(context, guest, "with the configuration mended")
        power_off(guest)
    finish(context, guest)


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    run: object
    only_long: bool = True


CASES = [
    Case("service-panic", panic, only_long=False),
    Case("service-panics", panics),
    Case("service-96M-1G", lambda context: small(context, "1G")),
    Case("service-96M-4G", lambda context: small(context, "4G")),
    Case("service-hotplug-6.1", lambda context: hotplug(context, "disk", 3)),
    Case("service-hotplug-7.2", lambda context: hotplug(context, "sid", 2)),
    Case("service-damaged", damaged),
]


def digest_of(*names):
    whole = hashlib.sha256()
    for name in names:
        with open(name, "rb") as file:
            whole.update(file.read())
    return whole.hexdigest()
