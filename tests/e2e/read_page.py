# SPDX-License-Identifier: GPL-2.0-or-later
"""read_page.py FILE PHYSICAL-ADDRESS LENGTH: with libkdumpfile, a reader that others wrote. Prints SHA-256 of the bytes and the release."""
import hashlib
import sys

import kdumpfile

context = kdumpfile.kdumpfile(sys.argv[1])
data = context.read(kdumpfile.KDUMP_MACHPHYSADDR, int(sys.argv[2], 16), int(sys.argv[3]))
context.attr["addrxlat.ostype"] = "linux"
print(hashlib.sha256(data).hexdigest(), context.attr["linux.uts.release"])
