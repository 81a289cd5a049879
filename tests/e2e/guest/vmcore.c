/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs in the capture kernel and looks at /proc/vmcore (ELF64, little endian), sharing no code with what it tests.
 *   vmcore facts FILE                        size, program headers, notes; reads the first and the last page of every load
 *   vmcore pattern FILE SEED INDEX:PADDR...  compares pages with what pattern.c wrote
 *   vmcore copy FILE DEVICE                  copies, leaving out pages of zeros: DEVICE must be all zero before
 */
#include "tests/e2e/guest/pattern.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (4u << 20)

struct core {
	int fd;
	uint64_t size;
	Elf64_Ehdr header;
	Elf64_Phdr *loads;         /* all program headers */
};

static void die(const char *what)
{
	printf("failed: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void read_all(int fd, void *buffer, size_t len, uint64_t offset, const char *what)
{
	unsigned char *at = buffer;

	while (len) {
		ssize_t got = pread(fd, at, len, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			if (!got)
				errno = ENODATA;
			die(what);
		}
		at += got;
		offset += (uint64_t)got;
		len -= (size_t)got;
	}
}

static void core_open(struct core *core, const char *path)
{
	struct stat st;
	size_t len;

	core->fd = open(path, O_RDONLY);
	if (core->fd < 0 || fstat(core->fd, &st))
		die(path);
	core->size = (uint64_t)st.st_size;
	read_all(core->fd, &core->header, sizeof(core->header), 0, "ELF header");
	errno = 0;
	if (memcmp(core->header.e_ident, ELFMAG, SELFMAG) || core->header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    core->header.e_ident[EI_DATA] != ELFDATA2LSB || core->header.e_type != ET_CORE ||
	    core->header.e_phentsize != sizeof(Elf64_Phdr) || !core->header.e_phnum)
		die("not an ELF64 core");
	len = core->header.e_phnum * sizeof(Elf64_Phdr);
	core->loads = malloc(len);
	if (!core->loads)
		die("memory");
	read_all(core->fd, core->loads, len, core->header.e_phoff, "program headers");
}

static void print_notes(const struct core *core, const Elf64_Phdr *ph)
{
	unsigned char *notes = malloc(ph->p_filesz + 1);
	uint64_t at = 0;

	if (!notes)
		die("memory");
	read_all(core->fd, notes, ph->p_filesz, ph->p_offset, "notes");
	while (ph->p_filesz - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t whole;

		memcpy(&note, notes + at, sizeof(note));
		whole = sizeof(note) + ((note.n_namesz + 3ull) & ~3ull) + ((note.n_descsz + 3ull) & ~3ull);
		if (!note.n_namesz || note.n_namesz > ph->p_filesz - at - sizeof(note) || whole > ph->p_filesz - at)
			break;
		printf("note %.*s %u %u\n", (int)note.n_namesz, (const char *)notes + at + sizeof(note), note.n_type, note.n_descsz);
		at += whole;
	}
	free(notes);
}

static int facts(struct core *core)
{
	static unsigned char page[4096];
	uint64_t bytes = 0;

	printf("size %" PRIu64 "\n", core->size);
	printf("machine %u\n", core->header.e_machine);
	for (unsigned int i = 0; i < core->header.e_phnum; i++) {
		const Elf64_Phdr *ph = &core->loads[i];

		errno = 0;
		if (ph->p_offset > core->size || ph->p_filesz > core->size - ph->p_offset)
			die("a program header points past the size of the file");
		if (ph->p_type == PT_NOTE)
			print_notes(core, ph);
		if (ph->p_type != PT_LOAD)
			continue;
		printf("load %#" PRIx64 " %#" PRIx64 "\n", (uint64_t)ph->p_paddr, (uint64_t)ph->p_memsz);
		bytes += ph->p_filesz;
		if (ph->p_filesz < sizeof(page))
			continue;
		read_all(core->fd, page, sizeof(page), ph->p_offset, "first page of a load");
		read_all(core->fd, page, sizeof(page), ph->p_offset + ph->p_filesz - sizeof(page), "last page of a load");
	}
	printf("bytes %" PRIu64 "\n", bytes);
	return 0;
}

static const Elf64_Phdr *core_find(const struct core *core, uint64_t paddr, uint64_t len)
{
	for (unsigned int i = 0; i < core->header.e_phnum; i++) {
		const Elf64_Phdr *ph = &core->loads[i];

		if (ph->p_type == PT_LOAD && paddr >= ph->p_paddr && paddr - ph->p_paddr < ph->p_filesz &&
		    len <= ph->p_filesz - (paddr - ph->p_paddr))
			return ph;
	}
	return NULL;
}

static int pattern(const struct core *core, uint64_t seed, char **pages)
{
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *got = malloc(page_size);
	uint64_t *want = malloc(page_size);
	unsigned int good = 0, bad = 0;

	if (!got || !want)
		die("memory");
	for (; *pages; pages++) {
		uint64_t index, paddr;
		const Elf64_Phdr *ph;

		errno = EINVAL;
		if (sscanf(*pages, "%" SCNu64 ":%" SCNx64, &index, &paddr) != 2)
			die(*pages);
		ph = core_find(core, paddr, page_size);
		if (!ph) {
			printf("missing %s\n", *pages);
			bad++;
			continue;
		}
		pattern_fill(want, page_size, seed, index);
		read_all(core->fd, got, page_size, ph->p_offset + (paddr - ph->p_paddr), *pages);
		if (memcmp(got, want, page_size)) {
			printf("differs %s\n", *pages);
			bad++;
			continue;
		}
		good++;
	}
	printf("same %u\n", good);
	return bad || !good;
}

static void write_all(int fd, const unsigned char *buffer, size_t len, uint64_t offset)
{
	while (len) {
		ssize_t put = pwrite(fd, buffer, len, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			die("write");
		buffer += put;
		offset += (uint64_t)put;
		len -= (size_t)put;
	}
}

/* Write the pages that are not all zero, as few writes as possible. Returns the bytes written. */
static uint64_t write_sparse(int fd, const unsigned char *buffer, size_t len, uint64_t offset)
{
	static const unsigned char zeros[4096];
	uint64_t written = 0;
	size_t at = 0;

	while (at < len) {
		size_t start = at;

		while (at < len && memcmp(buffer + at, zeros, len - at < sizeof(zeros) ? len - at : sizeof(zeros)))
			at += len - at < sizeof(zeros) ? len - at : sizeof(zeros);
		write_all(fd, buffer + start, at - start, offset + start);
		written += at - start;
		if (at < len)
			at += len - at < sizeof(zeros) ? len - at : sizeof(zeros);
	}
	return written;
}

static int copy(struct core *core, const char *device)
{
	unsigned char *buffer = malloc(CHUNK);
	uint64_t written = 0;
	int fd = open(device, O_WRONLY);

	if (fd < 0 || !buffer)
		die(device);
	for (uint64_t at = 0; at < core->size; at += CHUNK) {
		size_t len = core->size - at < CHUNK ? (size_t)(core->size - at) : CHUNK;
		void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, core->fd, (off_t)at);

		if (map == MAP_FAILED) {
			read_all(core->fd, buffer, len, at, "copy");
			written += write_sparse(fd, buffer, len, at);
			continue;
		}
		written += write_sparse(fd, map, len, at);
		munmap(map, len);
	}
	if (fsync(fd) || close(fd))
		die(device);
	printf("copied %" PRIu64 " written %" PRIu64 "\n", core->size, written);
	return 0;
}

int main(int argc, char **argv)
{
	struct core core;

	if (argc < 3)
		return 2;
	core_open(&core, argv[2]);
	if (!strcmp(argv[1], "facts"))
		return facts(&core);
	if (!strcmp(argv[1], "pattern") && argc > 4)
		return pattern(&core, strtoull(argv[3], NULL, 0), argv + 4);
	if (!strcmp(argv[1], "copy") && argc == 4)
		return copy(&core, argv[3]);
	return 2;
}
