# SPDX-License-Identifier: GPL-2.0-or-later
"""A reader of newc archives and of the packed images around them that shares nothing with ours."""
import stat
import subprocess

UNPACKERS = {b"\x28\xb5\x2f\xfd": ["zstd", "-dc"], b"\xfd7zXZ": ["xz", "-dc"], b"\x1f\x8b": ["gzip", "-dc"]}


def unpack(image):
    for magic, command in UNPACKERS.items():
        if image.startswith(magic):
            return subprocess.run(command, input=image, stdout=subprocess.PIPE, check=True).stdout
    return image


def entries(archive):
    """PATH: (mode, uid, mtime, content), in the archive's order."""
    found, at = {}, 0
    while True:
        assert archive[at:at + 6] == b"070701", archive[at:at + 6]
        field = [int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = archive[at + 110:at + 110 + field[11] - 1].decode()
        assert archive[at + 110 + field[11] - 1] == 0
        data = at + 110 + field[11] + (-(110 + field[11]) % 4)
        if name == "TRAILER!!!":
            return found
        assert name not in found, name
        found[name] = (field[1], field[2], field[5], archive[data:data + field[6]])
        at = data + field[6] + (-field[6] % 4)


class Image:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.packed = file.read()
        self.archive = unpack(self.packed)
        self.entries = entries(self.archive)

    def resolve(self, path):
        """The file behind PATH, links followed as in a root."""
        todo, done, links = path.strip("/").split("/"), [], 0
        while todo:
            name = todo.pop(0)
            if name in ("", "."):
                continue
            if name == "..":
                done = done[:-1]
                continue
            entry = self.entries.get("/".join(done + [name]))
            if entry and stat.S_ISLNK(entry[0]):
                links += 1
                assert links < 40
                target = entry[3].decode()
                done = [] if target.startswith("/") else done
                todo = target.strip("/").split("/") + todo
            else:
                done.append(name)
        return self.entries.get("/".join(done))

    def text(self, path):
        return self.resolve(path)[3].decode()

    def facts(self, keyword=None):
        lines = [line.split(" ") for line in self.text("etc/kdump/facts").splitlines()]
        return [line[1:] for line in lines if line[0] == keyword] if keyword else lines

    def modules(self):
        return [words[0].rsplit("/", 1)[1][:-3] for words in self.facts("module")]
