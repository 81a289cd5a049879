# SPDX-License-Identifier: GPL-2.0-or-later
"""makedumpfile, as Debian 12 and sid have it, for both architectures; nothing of it is installed."""
import glob
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import paths  # noqa: E402

LOADERS = {"amd64": ("ld-linux-x86-64.so.2", "x86_64-linux-gnu"),
           "arm64": ("ld-linux-aarch64.so.1", "aarch64-linux-gnu")}
LIBRARIES = {"bookworm": "libc6 libdw1 libelf1 liblzo2-2 liblzma5 libbz2-1.0 zlib1g libxen*",
             "sid": "libc6 libdw1t64 libelf1t64 liblzo2-2 libzstd1 zlib1g liblzma5 libbz2-1.0"}


def makedumpfile(release, arch):
    """The words that start it, or None when it is not there: tests/setup/guest-files cores peer fetches it."""
    debian_arch = {"x86_64": "amd64", "arm64": "arm64"}[arch]
    pattern = f"{paths.PKG}/sid-%s-{debian_arch}" if release == "sid" else f"{paths.PKG}/%s_{debian_arch}"
    loader, folder = LOADERS[debian_arch]
    found = [path for name in LIBRARIES[release].split() for path in glob.glob(pattern % name)]
    folders = [f"{root}{part}/lib/{folder}" for root in found for part in ("", "/usr")]
    libraries = [path for path in folders if os.path.isdir(path)]
    loaders = [path for root in found for path in glob.glob(f"{root}/**/{loader}", recursive=True)]
    program = pattern % "makedumpfile" + "/usr/bin/makedumpfile"
    if not loaders or not os.path.exists(program):
        return None
    command = [loaders[0], "--library-path", ":".join(libraries), program]
    return command if debian_arch == "amd64" else [shutil.which("qemu-aarch64") or "qemu-aarch64"] + command
