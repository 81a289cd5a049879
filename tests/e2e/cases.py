# SPDX-License-Identifier: GPL-2.0-or-later
"""The end-to-end cases: what is done to a guest, and what must come of it."""
import dataclasses
import hashlib
import json
import os
import random
import re
import struct
import subprocess
import time

import checks
import initramfs
import paths
import pattern
import selftest
import vmcore
from gdbstub import GdbStub
from machines import Machine
from qemu import Guest, Lost

BOOT_SECONDS = 180         # TCG on a busy machine; a boot takes 3 to 10 s on a free one
LOW_MEMORY = 640 << 10     # what the capture kernel of x86 uses of low memory, and the backup carries over
SEED = 0x7061726163687574


@dataclasses.dataclass
class Context:
    """What a running case needs: where its files go, which loader it uses, where results are counted, who watches."""
    folder: str
    loader: str
    results: checks.Results
    timings: dict
    viewer: object = None      # has step(text), command(text), output(text), follow(...); see demo.py
    facts: dict = None         # for it: what readers find in the dump

    def step(self, text):
        if self.viewer:
            self.viewer.step(text)

    def step_boot(self, machine):
        self.step(f"boot Debian's Linux {machine.kernel} in QEMU: {machine.arch}, {machine.firmware}, "
                  f"{machine.cpus} CPUs, {machine.memory}")


def kexec_load(loader, machine, kernel="/boot/vmlinuz", initrd="/boot/initrd.img", options=""):
    """The command that loads the capture kernel."""
    words = ["kexec", "-c" if loader == "debian" else "", options,
             f"-p {kernel} --initrd={initrd} --append=\"{machine.capture_cmdline}\""]
    return " ".join(word for word in words if word)


def image_of(machine, loader, extra=None):
    return initramfs.first_image(machine, initramfs.capture_image(machine, loader), extra)


def memory_bytes(machine):
    number, unit = int(machine.memory[:-1]), machine.memory[-1]
    return number << {"M": 20, "G": 30}[unit]


def save(folder, name, data):
    with open(f"{folder}/{name}", "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def boot_first(guest, context):
    """Wait for the first kernel and write down what it says about itself."""
    start = time.monotonic()
    guest.wait_hello("first", BOOT_SECONDS)
    context.timings["boot"] = time.monotonic() - start
    facts = {}
    for name, command in (("iomem", "cat /proc/iomem"), ("kallsyms", "cat /proc/kallsyms"), ("release", "uname -r"),
                          ("cmdline", "cat /proc/cmdline"), ("cpus", "nproc"),
                          ("notes", "grep . /sys/devices/system/cpu/cpu*/crash_notes"),
                          ("vmcoreinfo", "cat /sys/kernel/vmcoreinfo")):
        facts[name] = guest.output(command)
        if name != "kallsyms":
            save(context.folder, name, facts[name])
    facts["release"] = facts["release"].strip()
    status, facts["kcore"] = guest.run("dd if=/proc/kcore bs=4096 count=16 2>/dev/null")
    if status:
        raise Lost("cannot read /proc/kcore")
    return facts


def peak_kbytes(guest, text):
    """Of what busybox's "time -v" has measured; it takes the kernel's KiB for pages. None when it does not say."""
    match = re.search(r"Maximum resident set size.*: (\d+)", text)
    page = re.search(r"(\d+) kB", guest.output("grep -m1 KernelPageSize /proc/self/smaps"))
    return int(match[1]) // int(page[1]) if match and page else None


def load_capture(guest, context, options=""):
    """Load the capture kernel with the loader that is tested, timed by busybox; the loader's words are kept."""
    command = kexec_load(context.loader, guest.machine, options=options)
    status, output = guest.run(f"/bin/busybox time -v {command}", 120)
    text = output.decode(errors="replace")
    save(context.folder, "kexec.txt", text)
    context.results.check("kexec -p succeeds", status == 0, text.strip()[:300])
    context.timings["load_kbytes"] = peak_kbytes(guest, text)
    match = re.search(r"Elapsed \(wall clock\).*: (?:(\d+)m )?([\d.]+)s", text)
    if match:
        context.timings["load_seconds"] = float(match[2]) + 60 * float(match[1] or 0)
    loaded = guest.output("cat /sys/kernel/kexec_crash_loaded").strip()
    context.results.check("the kernel says that a crash kernel is loaded", loaded == "1", loaded)
    if status or loaded != "1":
        raise Lost("nothing is loaded")
    return text.split("\tCommand being timed")[0]


def low_pages(guest, iomem):
    """
    Pages of zeros in the RAM below 640 KiB, that is: used by nobody. {physical address: length}; the outermost and some
    between.
    """
    path = f"{guest.folder}/lowmem"
    guest.qmp.command("pmemsave", val=0, size=LOW_MEMORY, filename=path)
    with open(path, "rb") as file:
        memory = file.read()
    os.unlink(path)
    free = {}
    for _, first, past, name in vmcore.parse_iomem(iomem):
        if not name.startswith("System RAM"):
            continue
        for start in range(first, min(past, LOW_MEMORY), vmcore.PAGE):
            length = min(vmcore.PAGE, past - start)
            if not any(memory[start:start + length]):
                free[start] = length
    chosen = sorted(free)
    picks = sorted({chosen[index * (len(chosen) - 1) // 5] for index in range(6)}) if chosen else []
    return {start: free[start] for start in picks}


def write_low_memory(guest, iomem):
    """Put a pattern into unused low memory from outside. {physical address: bytes}"""
    pages = {start: pattern.page(SEED, 1000 + start // vmcore.PAGE)[:length]
             for start, length in low_pages(guest, iomem).items()}
    with GdbStub(guest.gdb_path) as stub:
        for start, data in pages.items():
            stub.write(start, data)
    return pages


def low_memory_still_there(guest, pages):
    with GdbStub(guest.gdb_path) as stub:
        return all(stub.read(start, len(data)) == data for start, data in pages.items())


def panic_guest(guest, how, cpu):
    """Make the first kernel panic. Returns the sentence that its log must have."""
    if how == "init":
        guest.send_only("@exit")
        return "Attempted to kill init"
    command = "echo c > /proc/sysrq-trigger"
    guest.send_only(command if cpu is None else f"taskset {1 << cpu:x} sh -c '{command}'")
    return "sysrq triggered crash"


def check_in_capture(guest, context, facts, held):
    """Checks made in the capture kernel itself, before anything is copied."""
    results = context.results
    status, output = guest.run("vmcore facts /proc/vmcore", 120)
    text = output.decode(errors="replace")
    save(context.folder, "vmcore-facts", text)
    results.check("the capture kernel can read the headers, notes and every load of /proc/vmcore", status == 0,
                  text.strip()[-200:])
    size = re.search(r"^size (\d+)$", text, re.M)
    if not results.check("/proc/vmcore is about as large as memory",
                         size and int(size[1]) < 1.2 * memory_bytes(guest.machine) + (64 << 20), text[:60]):
        raise Lost("/proc/vmcore has no sane size")
    loads = [(int(paddr, 16), int(paddr, 16) + int(length, 16))
             for paddr, length in re.findall(r"^load (0x\w+) (0x\w+)$", text, re.M)]
    want = checks.expected_ranges(facts["iomem"])
    results.check("the capture kernel sees all RAM but the crash regions", vmcore.to_pages(loads) == want,
                  f"sees {checks.show(vmcore.to_pages(loads))}, not {checks.show(want)}")
    notes = re.findall(r"^note (\w+) (\d+)", text, re.M)
    results.check("the capture kernel sees a register note for each CPU and one vmcoreinfo",
                  notes.count(("CORE", "1")) == int(facts["cpus"])
                  and [name for name, _ in notes].count("VMCOREINFO") == 1, str(notes))
    seed_pages = " ".join(f"{index}:{paddr:#x}" for index, paddr in held)
    status, output = guest.run(f"vmcore pattern /proc/vmcore {SEED:#x} {seed_pages}", 120)
    results.check("the capture kernel finds the held pages in /proc/vmcore",
                  status == 0 and output.strip() == b"same %d" % len(held),
                  output.decode(errors="replace").strip()[:200])
    words = guest.output("cat /proc/cmdline").split()
    save(context.folder, "capture-cmdline", " ".join(words))
    missing = [word for word in guest.machine.capture_cmdline.split() if word not in words]
    results.check("the capture kernel has the command line it was given", not missing, f"missing {missing} in {words}")
    save(context.folder, "capture-iomem", iomem := guest.output("cat /proc/iomem"))
    check_capture_memory(guest.machine, results, facts["iomem"], iomem)


def check_capture_memory(machine, results, first, capture):
    """The capture kernel uses nothing but the crash regions and, on x86, the low memory that was backed up."""
    if machine.firmware == "acpi":
        return      # arm64 with ACPI also maps the memory of the firmware's tables as RAM, reserved
    allowed = vmcore.iomem_ranges(first, "Crash kernel*") + ([(0, LOW_MEMORY)] if machine.arch == "x86_64" else [])
    used = vmcore.iomem_ranges(capture, "System RAM")
    results.check("the capture kernel uses the memory set aside for it and no other",
                  used and not vmcore.subtract(used, vmcore.merge(allowed)),
                  checks.show(vmcore.subtract(used, vmcore.merge(allowed))))


def copy_out(guest, context):
    """Copy /proc/vmcore to the disk, power off; the core as a file of its exact size."""
    start = time.monotonic()
    match = re.search(r"^copied (\d+) ", guest.output("vmcore copy /proc/vmcore /dev/vda", 300), re.M)
    if not match:
        raise Lost("the copy of /proc/vmcore did not say how long it is")
    context.timings["copy"] = time.monotonic() - start
    guest.send_only("poweroff -f")
    guest.wait_exit(60)
    os.truncate(guest.disk, int(match[1]))
    return vmcore.Vmcore(guest.disk, int(match[1]))


def check_core(guest, context, core, facts, pages, low, sentence, marker, panic_cpu):
    """The same and more on the host, on the copy."""
    results = context.results
    context.timings["bytes"] = checks.check_coverage(results, core, facts["iomem"])
    checks.check_virtual_addresses(results, core)
    checks.check_registers(results, core, checks.Symbols(facts["kallsyms"]), int(facts["cpus"]), panic_cpu)
    checks.check_vmcoreinfo(results, core, facts["kcore"], facts["release"])
    checks.check_bytes(results, core, pages, "held pages")
    if guest.machine.arch == "x86_64":
        checks.check_bytes(results, core, low, "pages of low memory, written from outside,")
    save(context.folder, "dmesg", "\n".join(checks.check_log(results, core, marker, sentence)) + "\n")
    checks.check_readelf(results, guest.disk)
    paddr, data = next(iter(pages.items()))
    checks.check_libkdumpfile(results, guest.disk, paddr, data, facts["release"])


def show_loading(guest, context):
    """For viewers: the command that was run, and what the loader says about its plan."""
    command = kexec_load(context.loader, guest.machine)
    context.viewer.command(command)
    context.viewer.output(guest.output(command.replace(" -p ", " --dry-run -p ", 1), 120))
    context.viewer.command("cat /sys/kernel/kexec_crash_loaded")
    context.viewer.output(guest.output("cat /sys/kernel/kexec_crash_loaded"))


def crash(context, machine, panic="sysrq", cpu=None, keep=False):
    """Load, panic, capture; then every check there is."""
    results = context.results
    image = image_of(machine, context.loader)
    context.step_boot(machine)
    with Guest(machine, context.folder, image, disk_bytes=memory_bytes(machine) + (64 << 20),
               stop_at_reset=True) as guest:
        facts = boot_first(guest, context)
        context.step(f"Linux {facts['release']} is up; load the capture kernel")
        load_capture(guest, context)
        if context.viewer:
            show_loading(guest, context)
        held = guest.output(f"pattern {SEED:#x} 64")
        pages = checks.pattern_pages(held, SEED)
        results.check("pages are held in the first kernel", "holding" in held and len(pages) == 64, held[:100])
        low = {}
        if machine.arch == "x86_64":
            low = write_low_memory(guest, facts["iomem"])
            results.check("low memory has unused pages", low)
        marker = f"parachute {os.path.basename(context.folder)} {time.time():.6f}"
        guest.output(f"echo '{marker}' > /dev/kmsg")
        results.check("low memory is as it was written", low_memory_still_there(guest, low))
        context.step("panic")
        console_from = guest.console_length()
        start = time.monotonic()
        sentence = panic_guest(guest, panic, cpu)
        guest.wait_hello("capture", BOOT_SECONDS)
        context.timings["panic_to_capture"] = time.monotonic() - start
        if context.viewer:
            context.viewer.console(guest.console_text(console_from))
        context.step(f"the capture kernel is up, {context.timings['panic_to_capture']:.1f} s after the panic; "
                     "check /proc/vmcore")
        check_in_capture(guest, context, facts,
                         [(int(index), int(paddr, 16))
                          for index, paddr in re.findall(r"page (\d+) (0x[0-9a-f]+)", held)])
        core = copy_out(guest, context)
    context.step("check the copy on the host")
    context.timings["cpus"] = len(core.registers())
    panic_cpu = cpu if cpu is not None else 0 if machine.cpus == 1 else None
    check_core(guest, context, core, facts, pages, low, sentence, marker, panic_cpu)
    core.close()
    if not keep and not results.failed:
        os.unlink(guest.disk)


def plan_segments(guest, context):
    """What the loader says it would load: its own plan, as JSON."""
    command = kexec_load(context.loader, guest.machine, options="--dry-run --json")
    plan = json.loads(guest.output(f"{command} 2>/dev/null", 120))
    save(context.folder, "plan.json", json.dumps(plan, indent=1))
    return [(row["what"], int(row["mem"], 16), int(row["bufsz"], 16), int(row["memsz"], 16), row.get("sha256"))
            for row in plan["segments"]]


def check_memory_is_the_plan(guest, results, segments):
    """What does not change from load to load must be in memory exactly as planned."""
    for what, mem, bufsz, _, sha256 in segments:
        if what not in ("kernel", "initrd"):
            continue
        path = f"{guest.folder}/segment"
        guest.qmp.command("pmemsave", val=mem, size=bufsz, filename=path)
        with open(path, "rb") as file:
            results.check(f"the {what} is in memory as planned", hashlib.sha256(file.read()).hexdigest() == sha256)
        os.unlink(path)


def content_bytes(guest, mem, bufsz):
    """Of the purgatory: its image without the stack and tables behind it, which are written before they are read."""
    path = f"{guest.folder}/segment"
    guest.qmp.command("pmemsave", val=mem, size=bufsz, filename=path)
    with open(path, "rb") as file:
        length = len(file.read().rstrip(b"\0"))
    os.unlink(path)
    return length


def flip_bit(guest, paddr, bit):
    with GdbStub(guest.gdb_path) as stub:
        byte = stub.read(paddr, 1)[0]
        stub.write(paddr, bytes([byte ^ 1 << bit]))


def expect_refusal(guest, results, what, name, console_from):
    """After a panic: the purgatory names the segment, the machine is reset, and no kernel has started in between."""
    try:
        event = guest.qmp.wait_event(("RESET", "SHUTDOWN"), 60)
        guest.qmp.command("stop")
        text = guest.console_text(console_from)
        results.check(f"{what}: the machine is reset", event["event"] == "RESET" and event["data"].get("guest"),
                      str(event))
    except Lost as error:
        text = guest.console_text(console_from)
        results.check(f"{what}: the machine is reset", False, f"{error}; console: {text[-300:]!r}")
        guest.qmp.command("stop")
    after_panic = text[text.find("Kernel panic"):]
    if name:
        results.check(f"{what}: the purgatory names it",
                      re.search(rf"segment {re.escape(name)} at .* is damaged", after_panic), after_panic[-300:])
    results.check(f"{what}: no capture kernel starts",
                  not re.search(r"Linux version|Booting Linux|init: this is", after_panic), after_panic[-300:])


# Inside the last region of struct purg_params, which no plan fills.
UNUSED_PARAMETER = 80 + 2 * 56 + 4 * 40 + 4 * 24 + 15 * 88 + 40


def flips(context, machine, per_segment=1):
    """One bit flipped in each loaded segment in turn, from one snapshot of the loaded state."""
    results, rng = context.results, random.Random(SEED)
    with Guest(machine, context.folder, image_of(machine, context.loader), snapshots=True) as guest:
        boot_first(guest, context)
        segments = plan_segments(guest, context)
        load_capture(guest, context)
        check_memory_is_the_plan(guest, results, segments)
        guest.qmp.human("savevm loaded", 300)
        damages = []
        for what, mem, bufsz, memsz, sha256 in segments:
            if not bufsz or not (sha256 or what == "purgatory") or what == "page-tables":
                # Nothing is loaded there, or it is left out of the digests on purpose; the tables stop nothing, see
                # verdict_case.py.
                continue
            if what == "purgatory":
                # A bit of its own code may cost it its voice, but must not cost the reset; one in its parameters is
                # always named.
                damages.append(("parameters of purgatory", what, mem + UNUSED_PARAMETER))
                damages += [(what, None, mem + rng.randrange(content_bytes(guest, mem, bufsz)))
                            for _ in range(per_segment)]
                continue
            damages += [(what, what, mem + rng.randrange(bufsz)) for _ in range(per_segment)]
            if sha256 and memsz > bufsz:
                damages.append((f"padding of {what}", what, mem + rng.randrange(bufsz, memsz)))
        results.check("there are segments to damage", len({name for _, name, _ in damages if name}) >= 5, str(damages))
        for what, name, paddr in damages:
            guest.qmp.human("loadvm loaded", 300)
            guest.qmp.events.clear()
            console_from = guest.console_length()
            flip_bit(guest, paddr, rng.randrange(8))
            guest.qmp.command("cont")
            panic_guest(guest, "sysrq", None)
            expect_refusal(guest, results, f"{what}, bit flipped at {paddr:#x}", name, console_from)
            context.timings["flips"] = context.timings.get("flips", 0) + 1
        guest.qmp.human("loadvm loaded", 300)
        guest.qmp.command("cont")
        panic_guest(guest, "sysrq", None)
        guest.wait_hello("capture", BOOT_SECONDS)
        results.check("without a flip the capture kernel starts", True)


def refused(guest, results, what, command, pattern_text, loaded):
    """COMMAND must fail with words that match, and leave what is loaded as it is."""
    status, output = guest.run(command, 120)
    text = output.decode(errors="replace").strip()
    results.check(f"{what}: refused", status == 1, f"exit status {status}: {text[:200]}")
    results.check(f"{what}: says why", text.startswith("kexec: ") and re.search(pattern_text, text, re.I),
                  text[:300] or "nothing said")
    now = guest.output("cat /sys/kernel/kexec_crash_loaded").strip()
    results.check(f"{what}: what was loaded stays", now == loaded, now)


def no_room(context, machine, pattern_text):
    """The reservation is absent or too small: a sentence that says so."""
    with Guest(machine, context.folder, image_of(machine, context.loader), stop_at_reset=True) as guest:
        boot_first(guest, context)
        refused(guest, context.results, machine.crashkernel or "no crashkernel=", kexec_load(context.loader, machine),
                pattern_text, "0")


def needed_bytes(machine):
    """Of the kernel file: what is loaded. A signature lies behind that, and no loader reads it."""
    with open(machine.vmlinuz, "rb") as file:
        header = file.read(4096)
    if machine.arch == "x86_64":
        # Documentation/x86/boot.rst
        setup_sects, syssize = header[0x1f1] or 4, int.from_bytes(header[0x1f4:0x1f8], "little")
        return (setup_sects + 1) * 512 + 16 * syssize
    # An arm64 Image says how much memory it takes, not how much of that is in the file; its sections as a PE file do.
    pe, = struct.unpack_from("<I", header, 0x3c)
    sections, = struct.unpack_from("<H", header, pe + 6)
    table = pe + 24 + struct.unpack_from("<H", header, pe + 20)[0]
    return max(sum(struct.unpack_from("<II", header, table + 40 * index + 16)) for index in range(sections))


def truncated_lengths(size, rng, count):
    """Lengths of a file to try: the edges, the headers, and some by chance."""
    lengths = {0, 1, 2, 63, 64, 511, 512, 513, 1024, 4095, 4096, 16384, size // 2, size - 4096, size - 1}
    lengths |= {rng.randrange(size) for _ in range(count)}
    return sorted(length for length in lengths if 0 <= length < size)


def truncated(context, machine, count=12):
    """Files cut off at many lengths: refused each time, and the image loaded before still works."""
    results, rng = context.results, random.Random(SEED)
    sizes = {"/boot/vmlinuz": needed_bytes(machine)}
    with Guest(machine, context.folder, image_of(machine, context.loader), stop_at_reset=True) as guest:
        boot_first(guest, context)
        load_capture(guest, context)
        for compressor in ("gzip -c", "xz -T1 -0 -c"):
            packed = f"/tmp/vmlinuz.{compressor.split()[0]}"
            status, _ = guest.run(f"{compressor} < /boot/vmlinuz > {packed}", 300)
            if status == 0:
                sizes[packed] = int(guest.output(f"stat -c %s {packed}"))
        for path, size in sizes.items():
            for length in truncated_lengths(size, rng, count if path == "/boot/vmlinuz" else 3):
                guest.output(f"head -c {length} {path} > /tmp/cut")
                refused(guest, results, f"{path} cut to {length} bytes",
                        kexec_load(context.loader, machine, kernel="/tmp/cut"), r"/tmp/cut", "1")
        guest.output(": > /tmp/empty")
        for path in ("/tmp/empty", "/tmp/missing"):
            refused(guest, results, f"initrd {path}", kexec_load(context.loader, machine, initrd=path), re.escape(path),
                    "1")
            refused(guest, results, f"kernel {path}", kexec_load(context.loader, machine, kernel=path), re.escape(path),
                    "1")
        panic_guest(guest, "sysrq", None)
        guest.wait_hello("capture", BOOT_SECONDS)
        results.check("the image loaded first still starts", True)


ROOT_MACHINES = {
    "x86_64-bios": Machine(cpus=2),
    "x86_64-uefi": Machine(cpus=2, firmware="uefi"),
    "arm64-dt": Machine(arch="arm64", firmware="dt", cpus=2),
    "arm64-acpi": Machine(arch="arm64", firmware="acpi", cpus=2),
}


def capture_root(name, folder, where, loader):
    """Boot a machine and store its /proc and /sys, as tests/root/capture.sh takes them, in WHERE/NAME."""
    machine = ROOT_MACHINES[name]
    with open(f"{paths.TOP}/tests/root/capture.sh", "rb") as file:
        image = image_of(machine, loader, {"sbin/capture.sh": file.read()})
    with Guest(machine, folder, image, stop_at_reset=True) as guest:
        guest.wait_hello("first", BOOT_SECONDS)
        guest.run("mount -t securityfs securityfs /sys/kernel/security")
        guest.output("capture.sh > /tmp/tree.tar 2> /tmp/capture.err || { cat /tmp/capture.err; exit 1; }", 300)
        _, tree = guest.run("cat /tmp/tree.tar", 120)
    initramfs.remove_tree(f"{where}/{name}")
    os.makedirs(f"{where}/{name}")
    subprocess.run(["tar", "xf", "-", "--no-same-owner", "--no-same-permissions", "-C", f"{where}/{name}"], input=tree,
                   check=True)
    return sum(len(files) for _, _, files in os.walk(f"{where}/{name}"))


@dataclasses.dataclass
class Case:
    name: str
    run: object
    only_long: bool = False
    arches: tuple = ()


def _crash_case(machine, panic="sysrq", cpu=None, only_long=False, suffix=""):
    name = f"crash-{machine.name}-{panic}{'' if cpu is None else f'-on-cpu{cpu}'}{suffix}"
    return Case(name, lambda context: crash(context, machine, panic, cpu), only_long, (machine.arch,))


def all_cases():
    import capture_case
    import capture_ends
    import elf32_case       # here, because they import this module
    import hotplug_case
    import save_case
    import verdict_case
    x86, arm = Machine(), Machine(arch="arm64", firmware="dt")
    make = dataclasses.replace
    cases = [
        Case("harness", lambda context: selftest.run(context.results)),
        # Every value, and most pairs of values, of kernel, CPUs, firmware, CPU model and kind of panic.
        _crash_case(make(x86, kernel="6.1", cpus=1, firmware="bios", cpu="max"), "sysrq"),
        _crash_case(make(x86, kernel="6.1", cpus=2, firmware="uefi", cpu="max"), "init"),
        _crash_case(make(x86, kernel="6.1", cpus=2, firmware="bios", cpu="qemu64"), "sysrq", cpu=1),
        _crash_case(make(x86, kernel="6.1", cpus=1, firmware="uefi", cpu="qemu64"), "init"),
        _crash_case(make(x86, kernel="6.12", cpus=2, firmware="bios", cpu="max"), "init"),
        _crash_case(make(x86, kernel="6.12", cpus=1, firmware="uefi", cpu="max"), "sysrq"),
        _crash_case(make(x86, kernel="6.12", cpus=1, firmware="bios", cpu="qemu64"), "init"),
        _crash_case(make(x86, kernel="6.12", cpus=2, firmware="uefi", cpu="qemu64"), "sysrq", cpu=0),
        _crash_case(make(arm, cpus=1), "init"),
        _crash_case(make(arm, cpus=2), "sysrq", cpu=1),
        _crash_case(make(arm, cpus=2, firmware="acpi"), "sysrq"),
        Case("bitflips-x86_64", lambda context: flips(context, make(x86, cpus=1)), False, ("x86_64",)),
        Case("bitflips-arm64", lambda context: flips(context, make(arm, cpus=1)), False, ("arm64",)),
        Case("no-crashkernel-x86_64", lambda context: no_room(context, make(x86, crashkernel=""), r"crashkernel="),
             False, ("x86_64",)),
        Case("crashkernel-32M-x86_64",
             lambda context: no_room(context, make(x86, crashkernel="crashkernel=32M"), r"crashkernel"), False,
             ("x86_64",)),
        Case("no-crashkernel-arm64", lambda context: no_room(context, make(arm, crashkernel=""), r"crashkernel="),
             False, ("arm64",)),
        Case("crashkernel-32M-arm64",
             lambda context: no_room(context, make(arm, crashkernel="crashkernel=32M"), r"crashkernel"), False,
             ("arm64",)),
        Case("truncated-x86_64", lambda context: truncated(context, x86), False, ("x86_64",)),
        Case("truncated-arm64", lambda context: truncated(context, arm, 6), False, ("arm64",)),
    ]
    cases.append(Case("hotplug-x86_64", lambda context: hotplug_case.hotplug(context, make(x86, kernel="6.12", cpus=2)),
                      False, ("x86_64",)))
    cases.append(Case("elf32-x86_64", lambda context: elf32_case.elf32(context, make(x86, cpus=2)), False, ("x86_64",)))
    cases += verdict_case.all_cases(x86, arm)
    cases += save_case.all_cases(x86, arm)
    cases += capture_case.all_cases(x86)
    cases += capture_ends.all_cases(x86)
    names = {case.name for case in cases}
    large = make(x86, memory="5G", crashkernel="crashkernel=192M,high crashkernel=72M,low")
    cases += [_crash_case(large, suffix="-high-low"),
              _crash_case(make(large, firmware="uefi", kernel="6.12"), only_long=True, suffix="-high-low"),
              _crash_case(make(x86, cpu="max,la57=off", cpus=2), only_long=True),
              _crash_case(make(arm, memory="5G", crashkernel="crashkernel=192M,high crashkernel=128M,low"),
                          suffix="-high-low"),
              Case("bitflips-x86_64-uefi-6.12",
                   lambda context: flips(context, make(x86, kernel="6.12", firmware="uefi", cpus=2), 4), True,
                   ("x86_64",)),
              Case("bitflips-arm64-acpi", lambda context: flips(context, make(arm, firmware="acpi", cpus=2), 4), True,
                   ("arm64",))]
    for machine in [make(x86, kernel=kernel, cpus=cpus, firmware=firmware, cpu=cpu) for kernel in ("6.1", "6.12")
                    for cpus in (1, 2)
                    for firmware in ("bios", "uefi") for cpu in ("max", "qemu64")] + \
                   [make(arm, cpus=cpus, firmware=firmware, cpu=cpu) for cpus in (1, 2) for firmware in ("dt", "acpi")
                    for cpu in ("max", "cortex-a57")]:
        for panic in ("sysrq", "init"):
            case = _crash_case(machine, panic, only_long=True)
            if case.name not in names:
                cases.append(case)
    return cases
