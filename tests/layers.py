#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the #include lines and checks the layers of doc/architecture.md: layers.py [TOP]

    main -> load, report -> architecture rows -> boot -> plan, crash, purgatory, syscall -> image -> lib -> include
    main -> capture, initramfs -> front -> save, info, check -> architecture rows -> transport, out, pipe, classify -> memmodel, sink -> vtop, dmesg -> vmcore
        -> codec -> configuration -> lib -> include
    kdumpctl: main -> service -> configuration -> lib

A file may include its own layer and what lies to the right of it. lib/ knows nothing of kexec/; kexec/, kdump/ and service/ nothing of each other, but for the
configuration (service/conf.h), which kdump reads too; the purgatory only the parameter block and the digest.
"""
import os
import re
import sys

# First match wins. Higher numbers stand further left.
LAYERS = [
    (r"include/", 0),
    (r"lib/", 10),
    (r"kexec/arch/arch\.h", 20),
    (r"kexec/image/", 20),
    (r"kexec/(iomem|fwmap|memmap|kcore|kernel_map|crash|corehdr)\.", 30),
    (r"kexec/plan\.", 40),
    (r"kexec/(purgatory|platform|console|identity_map|digests|description|capture|verify|syscall)\.", 50),
    (r"kexec/boot/", 50),
    (r"kexec/arch/", 60),
    (r"kexec/(load|report|options)\.", 70),
    (r"kexec/main\.c", 80),
    (r"service/conf", 15),
    (r"service/main\.c", 90),
    (r"service/", 80),
    (r"kdump/codec", 20),
    (r"kdump/(guard|vmcore|vmcoreinfo|source|diskdump|flattened)", 30),
    (r"kdump/(vtop|ksyms|btf|dmesg|codec)", 40),
    (r"kdump/(kinfo|memmodel|sink)\.", 50),
    (r"kdump/transport/", 60),
    (r"kdump/(classify|selfcheck|pipe|out|twins)", 60),
    (r"kdump/capture/facts", 60),
    (r"kdump/(capture|initramfs)/", 87),
    (r"kdump/arch/", 70),
    (r"kdump/(crashed|pagemap)\.", 75),
    (r"kdump/(save|info|inspect|check|showlog|report|progress|target|command|reassemble|decrypt)", 80),
    (r"kdump/front", 85),
    (r"kdump/main\.c", 90),
]
PURGATORY_MAY = re.compile(r"(purgatory/|include/purgatory_params\.h$|lib/sha256\.h$)")
FREESTANDING = {"stdint.h", "stddef.h", "stdbool.h", "stdarg.h"}


def layer(path):
    for pattern, number in LAYERS:
        if re.match(pattern, path):
            return number
    return None


def includes(path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
            if match:
                yield number, match[1] == '"', match[2]


def strangers(path, name):
    folders = {path.split("/")[0], name.split("/")[0]}
    return len(folders & {"kexec", "kdump", "service"}) > 1 and not (folders == {"kdump", "service"} and name.startswith("service/conf"))


def faults(top, path):
    own = layer(path)
    if own is None and not path.startswith("purgatory/"):
        yield "%s: stands in no layer; add it to tests/layers.py and doc/architecture.md" % path
        return
    for number, quoted, name in includes(os.path.join(top, path)):
        where = "%s:%d: %s" % (path, number, name)
        if path.startswith("purgatory/"):
            if quoted and not PURGATORY_MAY.match(name):
                yield where + " does not belong into the purgatory"
            if not quoted and name not in FREESTANDING:
                yield where + " is not freestanding"
            continue
        if not quoted or name == "config.h":
            continue
        if not os.path.exists(os.path.join(top, name)):
            yield where + " is not written from the project's root"
        elif layer(name) is None:
            yield where + " stands in no layer"
        elif layer(name) > own:
            yield where + " lies to the left of %s" % path
        elif strangers(path, name):
            yield where + ": %s and %s do not know each other" % (path.split("/")[0], name.split("/")[0])


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    passed = failed = 0
    for folder in ("include", "lib", "kexec", "purgatory", "kdump", "service"):
        for where, _, names in sorted(os.walk(os.path.join(top, folder))):
            for name in sorted(names):
                if not name.endswith((".c", ".h", ".S")):
                    continue
                found = list(faults(top, os.path.relpath(os.path.join(where, name), top)))
                for fault in found:
                    print(fault)
                passed, failed = passed + (not found), failed + bool(found)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
