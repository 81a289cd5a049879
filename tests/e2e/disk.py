# SPDX-License-Identifier: GPL-2.0-or-later
"""
Disks of guests with an ext4 file system on them, made and read here without mounting; and what is on such a disk when
the power fails: QEMU logs every write and flush, and any part of that log can be played back.
"""
import os
import random
import shutil
import struct
import subprocess

BLOCK = 4096               # what a disk writes whole or not at all


def _tool(*command, fine=(0,)):
    # The system's administration programs are not on everybody's PATH.
    environment = dict(os.environ, PATH=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if run.returncode not in fine:
        raise OSError(f"{' '.join(command)}: exit status {run.returncode}: {(run.stdout + run.stderr).strip()[-300:]}")
    return run.stdout + run.stderr


class Disk:
    """
    A raw disk image with an empty ext4. LOGGED: QEMU logs all that is written, for WriteLog, and RATE bytes a second at
    most are.
    """

    def __init__(self, path, size, logged=False, rate=0):
        self.path, self.rate = path, rate
        self.log = f"{path}.log" if logged else None
        with open(path, "wb") as file:
            file.truncate(size)
        # Nothing is left to be initialised later, so that the file stays sparse and the log short.
        _tool("mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", path)

    def arguments(self, name):
        """For QEMU, without the device in front of it."""
        if not self.log:
            return ["-blockdev",
                    f"driver=raw,node-name={name},cache.direct=off,file.driver=file,file.filename={self.path}"]
        shutil.copyfile(self.path, f"{self.path}.start")
        with open(self.log, "wb"):
            pass
        return ["-object", f"throttle-group,id={name}-rate,x-bps-write={self.rate}",
                "-blockdev", f"driver=raw,node-name={name}-base,file.driver=file,file.filename={self.path}",
                "-blockdev", f"driver=raw,node-name={name}-log,file.driver=file,file.filename={self.log}",
                "-blockdev", f"driver=blklogwrites,node-name={name}-logged,file={name}-base,log={name}-log",
                "-blockdev", f"driver=throttle,node-name={name},throttle-group={name}-rate,file={name}-logged"]

    def copy_out(self, source, target):
        copy_out(self.path, source, target)


def copy_out(image, source, target):
    """The folder SOURCE of the file system in IMAGE, as TARGET/SOURCE; nothing when it has none."""
    os.makedirs(target, exist_ok=True)
    _tool("debugfs", "-R", f"rdump {source} {target}", image)


def write_in(image, name, target):
    """The file NAME of this machine into the file system in IMAGE, which nobody uses, as TARGET, whose folder is there."""
    _tool("debugfs", "-w", "-R", f"rm {target}", image)
    done = _tool("debugfs", "-w", "-R", f"write {name} {target}", image)
    if "Allocated inode" not in done:
        raise OSError(f"debugfs could not write {target}: {done.strip()[-300:]}")


def read_out(image, target, name):
    """The file TARGET of the file system in IMAGE as the file NAME here."""
    done = _tool("debugfs", "-R", f"dump {target} {name}", image)
    if not os.path.exists(name):
        raise OSError(f"debugfs could not read {target}: {done.strip()[-300:]}")


def repair(image):
    """What a machine does with its disk when it comes up again: replay the journal, and look at everything else."""
    _tool("e2fsck", "-fy", image, fine=(0, 1))


class WriteLog:
    """
    The log that QEMU's driver blklogwrites keeps, in the kernel's dm-log-writes format
    (Documentation/admin-guide/device-mapper/log-writes.rst).
    """

    MAGIC, FLUSH = 0x6a736677736872, 1

    def __init__(self, disk):
        self.start = f"{disk.path}.start"
        self.entries = []          # (offset on the disk, length, offset in the log, flush)
        self.file = open(disk.log, "rb")
        magic, version, count, sector = struct.unpack("<QQQI", self.file.read(28))
        if (magic, version) != (self.MAGIC, 1):
            raise OSError(f"{disk.log} is no log of writes")
        at = sector
        for _ in range(count):
            self.file.seek(at)
            head = self.file.read(32)
            if len(head) < 32:
                break
            where, sectors, flags, _ = struct.unpack("<QQQQ", head)
            at += sector
            length = 0 if flags & 4 else sectors * sector
            self.entries.append((where * sector, length, at, bool(flags & self.FLUSH)))
            at += length

    def _data(self, entry):
        self.file.seek(entry[2])
        return self.file.read(entry[1])

    def flushes(self):
        """Indices behind which all earlier writes are on the disk."""
        return [index + 1 for index, entry in enumerate(self.entries) if entry[3]]

    def cuts(self, folder, moments, rng=None):
        """
        For each of MOMENTS, numbers of entries in ascending order, the image of the disk when the power fails then:
        what was written since the last flush is there or not, or in part, by chance. The image is one file, good until
        the next.
        """
        rng = rng or random.Random(0)
        stable, image, done = f"{folder}/stable.img", f"{folder}/cut.img", 0
        shutil.copyfile(self.start, stable)
        with open(stable, "r+b") as base:
            for moment in moments:
                flushed = max([0] + [index for index in self.flushes() if index <= moment])
                for entry in self.entries[done:flushed]:
                    base.seek(entry[0])
                    base.write(self._data(entry))
                base.flush()
                done = max(done, flushed)
                _tool("cp", "--sparse=always", stable, image)
                with open(image, "r+b") as cut:
                    for entry in self.entries[flushed:moment]:
                        self._write_some(cut, entry, rng)
                yield moment, image
        os.unlink(stable)

    def _write_some(self, cut, entry, rng):
        fate = rng.randrange(3)
        if fate == 0:
            return
        data = self._data(entry)
        if fate == 1:
            data = data[:rng.randrange(len(data) // BLOCK + 1) * BLOCK]
        cut.seek(entry[0])
        cut.write(data)

    def close(self):
        self.file.close()
