#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Golden plans: what `kexec -p --dry-run --json` plans for captured and for synthetic machines.

    tests/golden.py KEXEC [--update]

Compares each plan with tests/plans/NAME.json. Digests of what holds fresh seeds, and of the purgatory, whose bytes depend on the
compiler, are left out; everything else must be equal. Independent of the golden files, every plan must keep its promises: the PT_LOADs cover
exactly the RAM outside the crash regions, each CPU has its note, the segments are disjoint and inside the window.
"""
import json
import os
import subprocess
import sys
import tempfile

TESTS = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, TESTS)
import images  # noqa: E402

COMMON = ["--append", "irqpoll nr_cpus=1", "--reuse-cmdline"]

# name, architecture, tree below tests/root or the arguments of make-synthetic, arguments of kexec
CASES = [
    ("x86_64-bios", "x86_64", "x86_64-bios", []),
    ("x86_64-bios-elf32", "x86_64", "x86_64-bios", ["--elf32-core-headers"]),
    ("x86_64-uefi", "x86_64", "x86_64-uefi", []),
    ("arm64-dt", "arm64", "arm64-dt", []),
    ("arm64-acpi", "arm64", "arm64-acpi", []),
    ("x86_64-4096-cpus", "x86_64", ["--cpus", "4096", "--sparse", "--ranges", "20000", "--crash", "512M"], []),
    ("x86_64-low-and-high", "x86_64", ["--cpus", "8", "--ranges", "6", "--crash", "256M", "--crash-low", "128M"], []),
    ("x86_64-virtio-mem", "x86_64", ["--cpus", "4", "--ranges", "6", "--crash", "256M", "--virtio-mem"], []),
    ("x86_64-hotplug", "x86_64", ["--cpus", "4", "--ranges", "6", "--crash", "256M", "--hotplug"], ["--hotplug"]),
    ("x86_64-fallback-initrd", "x86_64", "x86_64-bios", ["--fallback-initrd", "@small", "--fallback-append", "single"]),
    ("x86_64-fallback-kernel", "x86_64", "x86_64-bios", ["--fallback-kernel", "@kernel", "--fallback-initrd", "none",
                                                        "--serial", "0x2f8", "--serial-baud", "9600"]),
    ("x86_64-boot-anyway", "x86_64", "x86_64-uefi", ["--on-corruption=boot"]),
    ("arm64-fallback", "arm64", "arm64-dt", ["--fallback-kernel", "@kernel", "--fallback-initrd", "@small"]),
    ("arm64-halt", "arm64", "arm64-acpi", ["--on-corruption=halt"]),
    ("arm64-low-and-high", "arm64", ["--cpus", "6", "--ranges", "5", "--crash", "256M", "--crash-low", "128M"], []),
]

# Plans of this size are compared by their promises and a summary: the file would be megabytes.
SUMMARY_ABOVE = 400

SEEDED = {"boot_params", "dtb", "purgatory", "fallback-boot_params", "fallback-dtb"}


def number(text):
    return int(text, 16)


def normalise(plan):
    for segment in plan["segments"]:
        if segment["what"] in SEEDED:
            segment.pop("sha256", None)
            if segment["what"] == "purgatory":
                # It is placed last: nothing else moves with its size.
                segment["bufsz"] = segment["mem"] = segment["memsz"] = plan["entry"] = "depends on the compiler"
    for image in plan["images"]:
        image["kernel"] = os.path.basename(image["kernel"])
    headers = plan["core_headers"]["headers"]
    if len(headers) > SUMMARY_ABOVE:
        plan["core_headers"]["headers"] = {"count": len(headers), "first": headers[:3], "last": headers[-3:]}
    return plan


def subtract(ranges, holes):
    """Inclusive (start, last) lists, both sorted and disjoint: ranges without holes."""
    out = []
    i = 0
    for start, last in ranges:
        while i < len(holes) and holes[i][1] < start:
            i += 1
        j = i
        while j < len(holes) and holes[j][0] <= last:
            if holes[j][0] > start:
                out.append((start, holes[j][0] - 1))
            start = holes[j][1] + 1
            j += 1
        if start <= last:
            out.append((start, last))
    return out


def merge(ranges):
    out = []
    for start, last in sorted(ranges):
        if out and start <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            out.append((start, last))
    return out


def iomem(tree):
    ram, crash = [], []
    with open(os.path.join(tree, "proc/iomem")) as f:
        for line in f:
            span, name = line.strip().split(" : ", 1)
            start, last = (int(x, 16) for x in span.split("-"))
            if name.startswith("System RAM"):
                ram.append((start, last))
            if name == "Crash kernel":
                crash.append((start, last))
    return merge(ram), merge(crash)


def promises(plan, tree):
    """Each broken promise as a sentence."""
    ram, crash = iomem(tree)
    headers = plan["core_headers"]["headers"]
    loads = [h for h in headers if h["type"] == "load"]
    notes = [h for h in headers if h["type"] == "note"]
    spans = [(number(h["paddr"]), number(h["paddr"]) + number(h["bytes"]) - 1) for h in loads]
    if merge(spans) != merge(subtract(ram, crash)):
        yield "PT_LOADs do not cover the RAM outside the crash regions exactly"
    cpus = os.path.join(tree, "sys/devices/system/cpu")
    with_notes = [n for n in os.listdir(cpus) if os.path.exists(os.path.join(cpus, n, "crash_notes"))]
    wanted = sorted(int(open(os.path.join(cpus, n, "crash_notes")).read(), 16) for n in with_notes)
    got = sorted(number(h["offset"]) for h in notes)
    vmcoreinfo = int(open(os.path.join(tree, "sys/kernel/vmcoreinfo")).read().split()[0], 16)
    if got != sorted(wanted + [vmcoreinfo]):
        yield "the PT_NOTEs are not the CPUs' notes and the vmcoreinfo"
    window = (number(plan["window"]["start"]), number(plan["window"]["last"]))
    if window != crash[-1]:
        yield "the window is not the highest crash region"
    position = window[0]
    for segment in sorted(plan["segments"], key=lambda s: number(s["mem"])):
        start, size = number(segment["mem"]), number(segment["memsz"])
        if start < position or start + size - 1 > window[1]:
            yield "segment %s overlaps or leaves the window" % segment["what"]
        position = start + size
    yield from verdict_promises(plan)


def verdict_promises(plan):
    """The room for the verdict holds the longest one, and lies in the image's boot data."""
    names = [s["what"] for s in plan["segments"] if s["primary"] and "sha256" in s]
    longest = {"boot": "damaged:", "fallback": "fallback:"}.get(plan["on_corruption"])
    longest = longest + ",".join(names) if longest else "skipped"
    for image in plan["images"]:
        room = image["verdict_bytes"]
        words = image["cmdline"]
        at = words.find("kdump.verify=unknown")
        if room < len("kdump.verify=" + longest) or at < 0 or words[at:at + room].strip() != "kdump.verify=unknown":
            yield "the %s command line has no room for %s" % (image["image"], longest)
        boot = [s for s in plan["segments"] if s["what"] in SEEDED and s[image["image"]] and s["what"] != "purgatory"
                and number(s["mem"]) <= number(image["verdict_paddr"]) < number(s["mem"]) + number(s["bufsz"]) - room]
        if len(boot) != 1:
            yield "the verdict of the %s lies in no boot data" % image["image"]


def check(kexec, name, arch, source, arguments, update, tmp):
    tree = os.path.join(TESTS, "root", source) if isinstance(source, str) else os.path.join(tmp, name)
    if not isinstance(source, str):
        subprocess.run(["/usr/bin/python3", os.path.join(TESTS, "root/make-synthetic"), "--arch", arch] + source + [tree], check=True)
    kernel, initrd = os.path.join(tmp, "vmlinuz-" + arch), os.path.join(tmp, "initrd")
    with open(kernel, "wb") as f:
        f.write(images.for_arch(arch))
    with open(initrd, "wb") as f:
        f.write(images.payload_bytes(3 << 20))
    with open(os.path.join(tmp, "small"), "wb") as f:
        f.write(images.payload_bytes(300 << 10))
    files = {"@kernel": kernel, "@small": os.path.join(tmp, "small")}
    arguments = [files.get(argument, argument) for argument in arguments]
    command = [kexec, "--sysroot", tree, "--arch", arch, "-p", "--dry-run", "--json", kernel, "--initrd", initrd]
    run = subprocess.run(command + COMMON + arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if run.returncode:
        return ["kexec failed: " + run.stderr.decode()]
    plan = json.loads(run.stdout)
    errors = list(promises(plan, tree))
    text = json.dumps(normalise(plan), indent=1, sort_keys=True) + "\n"
    golden = os.path.join(TESTS, "plans", name + ".json")
    if update and not errors:
        with open(golden, "w") as f:
            f.write(text)
    with open(golden) as f:
        if f.read() != text:
            with open(os.path.join(tmp, "got.json"), "w") as got:
                got.write(text)
            diff = subprocess.run(["diff", "-u", golden, os.path.join(tmp, "got.json")], stdout=subprocess.PIPE)
            errors.append("differs from %s:\n%s" % (golden, diff.stdout.decode()[:4000]))
    return errors


def main():
    kexec, update = os.path.abspath(sys.argv[1]), "--update" in sys.argv
    passed = failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        for name, arch, source, arguments in CASES:
            errors = check(kexec, name, arch, source, arguments, update, tmp)
            for error in errors:
                print("FAIL %s: %s" % (name, error))
            passed, failed = passed + (not errors), failed + bool(errors)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
