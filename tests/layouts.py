#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""doc/formats.md and include/*.h must say the same: every offset, width and flag. Prints each difference."""
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROW = re.compile(r"^\| (0x[0-9a-f]+|\d+) \|(?: ([^|]*)\|)? `(\w+(?:\.\w+)?)` \|", re.M)


def read(name):
    with open(os.path.join(TOP, name), encoding="ascii") as file:
        return file.read()


def enumerators(name):
    """NAME: value, of all the enums that spell out every value."""
    text = re.sub(r"/\*.*?\*/", "", read(name), flags=re.S)
    found = {}
    for body in re.findall(r"enum\s*\{(.*?)\}", text, re.S):
        for item in filter(None, (item.strip() for item in body.split(","))):
            key, value = item.split("=")
            found[key.strip()] = int(value, 0)
    return found


def tables(text):
    """Lists of (offset, width or None, name) that stand together."""
    for block in re.split(r"\n\n", text):
        rows = [(int(at, 0), width, name) for at, width, name in ROW.findall(block)]
        if rows:
            yield rows


def members(rows):
    """(offset, size) of each STRUCT.MEMBER as the compiler has them, and the size of each STRUCT."""
    structs = sorted({name.split(".")[0] for name in rows})
    lines = ['#include "include/purgatory_params.h"', '#include "include/capture_description.h"', "#include <stddef.h>", "#include <stdio.h>", "int main(void)", "{"]
    for name in rows:
        struct, member = name.split(".")
        lines.append('printf("%s %%zu %%zu\\n", offsetof(struct %s, %s), sizeof(((struct %s *)0)->%s));' %
                     (name, struct, member, struct, member))
    lines += ['printf("%s 0 %%zu\\n", sizeof(struct %s));' % (struct, struct) for struct in structs] + ["}"]
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "layout.c"), os.path.join(folder, "layout")
        with open(source, "w", encoding="ascii") as file:
            file.write("\n".join(lines))
        subprocess.run(["cc", "-I", TOP, "-o", program, source], check=True)
        text = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name: (int(at), int(size)) for name, at, size in (line.split() for line in text.splitlines())}


def width_of(text):
    """'4', '6 x 65', or None."""
    numbers = [int(number) for number in re.findall(r"\d+", text or "")]
    return None if not numbers else numbers[0] * (numbers[1] if len(numbers) > 1 else 1)


def faults():
    """One per statement of the document: None, or what is wrong."""
    text = read("doc/formats.md")
    known = {**enumerators("include/diskdump_format.h"), **enumerators("include/flattened_format.h"),
             **enumerators("include/encrypted_format.h")}
    del known["DD_UTSNAME_FIELD"], known["FLAT_SIGNATURE_BYTES"]  # widths, not places
    seen = set()
    everything = [row for rows in tables(text) for row in rows]
    layout = members([name for _, _, name in everything if "." in name])
    for at, width, name in everything:
        seen.add(name)
        if "." in name:
            want = (at, width_of(width))
            yield None if layout[name] == want else "%s is %s in the header, %s in the document" % (
                name, layout[name], want)
        elif name not in known:
            yield "%s is in no header" % name
        else:
            yield None if known[name] == at else "%s is %d in the header, %d in the document" % (name, known[name], at)
    for name in known:
        yield None if name in seen else "%s is not in the document" % name
    for rows in tables(text):
        for (at, width, name), (following, _, _) in zip(rows, rows[1:]):
            bytes_ = width_of(width)
            # UTSNAME and FLAT_VERSION are followed by padding, which the document tells.
            if bytes_ and name not in ("DD_UTSNAME", "FLAT_VERSION") and not name.startswith("DD_FLAG"):
                yield None if at + bytes_ == following else "%s stops at %d, what follows begins at %d" % (
                    name, at + bytes_, following)
    for struct in sorted({name.split(".")[0] for name in layout if "." in name}):
        last = max(layout[name] for name in layout if name.startswith(struct + "."))
        yield None if sum(last) == layout[struct][1] else "%s has members that the document lacks" % struct


def main():
    results = list(faults())
    wrong = [fault for fault in results if fault]
    for fault in wrong:
        print("FAIL " + fault)
    print("%d passed, %d failed" % (len(results) - len(wrong), len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
