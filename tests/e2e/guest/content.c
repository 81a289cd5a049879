/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fills the first kernel with what real machines have in memory, and says what each page is just before the panic.
 *   content fill MIB FOLDER HUGE
 *      MIB of memory of every kind, in files of FOLDER, of HUGE, whose files are large, and of the current folder too;
 *      stays alive in the background. Output: "snapshot INDEX PADDR" for each page that the snapshot will be in,
 *      "poisoned PADDR" for each page given up, "ready PID".
 *   content log
 *      the kernel's log, record by record, as /dev/kmsg has it
 *   kill -USR1 PID
 *      takes the snapshot and panics. It is: the bytes of /proc/kpageflags and those of /proc/kpagecount, each behind
 *      its length, and so /proc/meminfo and /proc/buddyinfo.
 */
#include <fcntl.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)
/* Documentation/admin-guide/mm/pagemap.rst: bits 0-54 are the frame number, bit 63 says that the page is in memory. */
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_PFN ((UINT64_C(1) << 55) - 1)
#define KPF_BUDDY 10
#define TEXT_BYTES (64u << 10)

static FILE *out;
static size_t page_size;
static uint64_t state = 88172645463325252u;

static void die(const char *what)
{
	fprintf(out ? out : stdout, "failed: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* The kinds of bytes that memory is full of: words, records of small numbers and pointers, little in much nothing, noise. */
static void fill_page(unsigned char *page)
{
	static const char *const words[] = { "error", "the", "kernel", "request", "GET /index.html", "200", "a", "user", "session",
		"0.0.0.0", "value=", "{\"id\":", "}", "of", "and", "Nov 21", "systemd[1]:", "Started", "int", "return", "struct",
		"static", "\n", "\n\t", "NULL", "connection", "timeout", "warning:", "/usr/lib/x86_64-linux-gnu/", "https://" };
	uint64_t *at = (uint64_t *)(void *)page;
	unsigned int kind = next_random() % 16;
	size_t i = 0;

	if (kind < 6) {
		while (i < page_size) {
			const char *word = words[next_random() % (sizeof(words) / sizeof(*words))];
			size_t len = strlen(word) < page_size - i ? strlen(word) : page_size - i;

			memcpy(page + i, word, len);
			i += len;
			if (i < page_size)
				page[i++] = ' ';
		}
	} else if (kind < 11) {
		for (i = 0; i < page_size / 8; i += 4) {
			at[i] = UINT64_C(0x00007f3a00000000) | (next_random() & 0xfffff8);
			at[i + 1] = next_random() & 0xff;
			at[i + 2] = (next_random() & 0x3f) << 32 | 1;
			at[i + 3] = 0;
		}
	} else if (kind < 14) {
		for (i = 0; i < 24; i++)
			at[next_random() % (page_size / 8)] = next_random() & 0xffff;
	} else {
		for (i = 0; i < page_size / 8; i++)
			at[i] = next_random();
	}
}

static void fill(unsigned char *memory, uint64_t bytes)
{
	/* Every eighth page is touched and stays zero. */
	for (uint64_t i = 0; i + page_size <= bytes; i += page_size) {
		if (i / page_size % 8 == 7)
			*(volatile unsigned char *)(memory + i) = 0;
		else
			fill_page(memory + i);
	}
}

static unsigned char *map(uint64_t bytes, int flags)
{
	unsigned char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

static uint64_t pfn_of(const void *memory)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry;

	if (fd < 0 || pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)memory / page_size * sizeof(entry))) != sizeof(entry))
		die("pagemap");
	close(fd);
	if (!(entry & PAGEMAP_PRESENT) || !(entry & PAGEMAP_PFN)) {
		errno = ENODATA;
		die("pagemap has no address");
	}
	return entry & PAGEMAP_PFN;
}

/* Files of NR pages; the last of each folder is only half as long as a page. */
static void make_files(const char *folder, uint64_t bytes, uint64_t nr)
{
	unsigned char *page = map(page_size, MAP_PRIVATE);
	uint64_t number = 0;
	char path[512];

	for (uint64_t done = 0; done < bytes; number++) {
		int fd;

		snprintf(path, sizeof(path), "%s/file-%" PRIu64, folder, number);
		fd = open(path, O_RDWR | O_CREAT, 0600);
		if (fd < 0)
			die(path);
		for (uint64_t i = 0; i < nr && done < bytes; i++, done += page_size) {
			memset(page, 0, page_size);
			fill_page(page);
			if (write(fd, page, page_size) != (ssize_t)page_size)
				die(path);
		}
		close(fd);
	}
	if (truncate(path, (off_t)(page_size / 2)))
		die(path);
	munmap(page, page_size);
}

/* Dentries and inodes: names that take a slab object each, in a file system without memory behind it. */
static void make_names(const char *folder, uint64_t count)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/names", folder);
	if (mkdir(path, 0700))
		die(path);
	for (uint64_t i = 0; i < count; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/names/a-name-that-is-longer-than-a-dentry-holds-itself-%" PRIu64, folder, i);
		fd = open(path, O_RDWR | O_CREAT, 0600);
		if (fd < 0)
			die(path);
		close(fd);
	}
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* As many as there are; small machines have huge pages of 32 MiB too (arm64, pages of 16 KiB). */
static void fill_hugetlb(uint64_t bytes)
{
	uint64_t kib = 0, nr;
	unsigned char *memory;
	char line[128];
	FILE *info = fopen("/proc/meminfo", "r");

	while (info && fgets(line, sizeof(line), info))
		sscanf(line, "Hugepagesize: %" SCNu64, &kib);
	if (info)
		fclose(info);
	if (!kib)
		return;
	nr = bytes / (kib << 10) + 1;
	snprintf(line, sizeof(line), "%" PRIu64, nr + 1);
	write_text("/proc/sys/vm/nr_hugepages", line);
	memory = mmap(NULL, nr * (kib << 10), PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE | MAP_HUGETLB, -1, 0);
	if (memory == MAP_FAILED) {
		fprintf(out, "no huge pages: %s\n", strerror(errno));
		return;
	}
	fill(memory, nr * (kib << 10));
	fprintf(out, "hugetlb %" PRIu64 " of %" PRIu64 " KiB\n", nr, kib);
}

static void fill_thp(uint64_t bytes)
{
	unsigned char *memory = map(bytes + 64 * MIB, MAP_PRIVATE | MAP_NORESERVE);

	memory += (64 * MIB - (uintptr_t)memory % (64 * MIB)) % (64 * MIB);
	if (madvise(memory, bytes, MADV_HUGEPAGE))
		fprintf(out, "no transparent huge pages: %s\n", strerror(errno));
	fill(memory, bytes);
}

static void fill_anonymous(uint64_t bytes)
{
	unsigned char *memory = map(bytes, MAP_PRIVATE);

	madvise(memory, bytes, MADV_NOHUGEPAGE);
	fill(memory, bytes);
	memory = map(bytes / 8, MAP_SHARED);
	fill(memory, bytes / 8);
	memory = map(bytes / 8, MAP_PRIVATE);
	if (mlock(memory, bytes / 8))
		die("mlock");
	fill(memory, bytes / 8);
}

/* Memory of the kernel that is no slab: pages in pipes. */
static void fill_pipes(void)
{
	unsigned char *page = map(page_size, MAP_PRIVATE);

	fill_page(page);
	for (int i = 0; i < 8; i++) {
		int ends[2];

		if (pipe2(ends, O_NONBLOCK))
			die("pipe");
		while (write(ends[1], page, page_size) == (ssize_t)page_size)
			;
	}
}

static void second_process(uint64_t bytes)
{
	if (fork())
		return;
	close(fileno(out));
	fill(map(bytes, MAP_PRIVATE), bytes);
	for (;;)
		pause();
}

static void note_poisoned(uint64_t pfn)
{
	fprintf(out, "poisoned %#" PRIx64 "\n", pfn * page_size);
}

/* A free page in the middle of memory: the kernel takes it out of its block. */
static uint64_t find_free(void)
{
	int fd = open("/proc/kpageflags", O_RDONLY);
	uint64_t flags[64], found = 0;

	if (fd < 0)
		die("kpageflags");
	for (uint64_t pfn = 0; pread(fd, flags, sizeof(flags), (off_t)(pfn * 8)) == sizeof(flags); pfn += 64) {
		int i = 0;

		while (i < 64 && (flags[i] >> KPF_BUDDY & 1))
			i++;
		if (i == 64)
			found = pfn + 37;
		if (found > (256 * MIB) / page_size)
			break;
	}
	close(fd);
	return found;
}

/* Newer kernels send a signal to who asked for the poison. It is nobody's loss here. */
static void ignore(int number)
{
	(void)number;
}

/* Pages that the kernel gives up: of a process, of a file, a free one. What cannot be done on this kernel is left out. */
static void poison(const char *folder)
{
	unsigned char *anonymous = map(4 * page_size, MAP_PRIVATE), *file;
	char path[512], text[32];
	uint64_t pfn;
	int fd;

	signal(SIGBUS, ignore);
	madvise(anonymous, 4 * page_size, MADV_NOHUGEPAGE);
	fill(anonymous, 4 * page_size);
	pfn = pfn_of(anonymous + page_size);
	if (!madvise(anonymous + page_size, page_size, MADV_HWPOISON))
		note_poisoned(pfn);
	snprintf(path, sizeof(path), "%s/poisoned", folder);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)(4 * page_size)))
		die(path);
	file = mmap(NULL, 4 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		die(path);
	fill(file, 4 * page_size);
	pfn = pfn_of(file + 2 * page_size);
	if (!madvise(file + 2 * page_size, page_size, MADV_HWPOISON))
		note_poisoned(pfn);
	pfn = find_free();
	fd = open("/sys/devices/system/memory/hard_offline_page", O_WRONLY);
	if (!pfn || fd < 0)
		return;
	snprintf(text, sizeof(text), "%#" PRIx64, pfn * page_size);
	if (write(fd, text, strlen(text)) > 0)
		note_poisoned(pfn);
	close(fd);
}

struct snapshot {
	unsigned char *memory;
	uint64_t bytes;            /* of memory */
	uint64_t flags_bytes;      /* of /proc/kpageflags */
};

/* Their files have no size; they end behind the highest page frame. */
static uint64_t count_bytes(const char *path)
{
	static unsigned char buffer[1 << 16];
	int fd = open(path, O_RDONLY);
	uint64_t bytes = 0;
	ssize_t got;

	if (fd < 0)
		die(path);
	while ((got = pread(fd, buffer, sizeof(buffer), (off_t)bytes)) > 0)
		bytes += (uint64_t)got;
	close(fd);
	return bytes;
}

static void make_snapshot_room(struct snapshot *s)
{
	uint64_t want;

	s->flags_bytes = count_bytes("/proc/kpageflags");
	want = 2 * s->flags_bytes + 2 * TEXT_BYTES + 64;
	s->bytes = (want + page_size - 1) / page_size * page_size;
	s->memory = map(s->bytes, MAP_PRIVATE);
	madvise(s->memory, s->bytes, MADV_NOHUGEPAGE);
	if (mlock(s->memory, s->bytes))
		die("mlock");
	memset(s->memory, 0x5a, s->bytes);
	for (uint64_t i = 0; i < s->bytes / page_size; i++)
		fprintf(out, "snapshot %" PRIu64 " %#" PRIx64 "\n", i, pfn_of(s->memory + i * page_size) * page_size);
}

static uint64_t store(struct snapshot *s, uint64_t at, const char *path, uint64_t room)
{
	int fd = open(path, O_RDONLY);
	uint64_t len = 0;
	ssize_t got;

	while (fd >= 0 && len < room && (got = read(fd, s->memory + at + 8 + len, room - len)) > 0)
		len += (uint64_t)got;
	memcpy(s->memory + at, &len, 8);
	close(fd);
	return at + 8 + (len + 7) / 8 * 8;
}

static void wait_and_panic(struct snapshot *s, const sigset_t *set)
{
	uint64_t at = 0;
	int number, fd = open("/proc/sysrq-trigger", O_WRONLY);

	if (fd < 0 || sigwait(set, &number))
		return;
	usleep(500000); /* whoever sent the signal comes to rest */
	at = store(s, at, "/proc/kpageflags", s->flags_bytes);
	at = store(s, at, "/proc/kpagecount", s->flags_bytes);
	at = store(s, at, "/proc/meminfo", TEXT_BYTES);
	store(s, at, "/proc/buddyinfo", TEXT_BYTES);
	if (write(fd, "c", 1) < 0)
		return;
}

static void hold(uint64_t bytes, const char *folder, const char *huge)
{
	struct snapshot s;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fill_hugetlb(bytes / 8);
	fill_thp(bytes / 4 / (2 * MIB) * (2 * MIB));
	fill_anonymous(bytes / 4);
	second_process(bytes / 32);
	make_files(".", bytes / 16, 64);
	make_files(huge, bytes / 16, 8 * MIB / page_size);
	make_files(folder, bytes / 8, 64);
	make_names(".", bytes / MIB * 32);
	fill_pipes();
	make_snapshot_room(&s);
	poison(".");
	fprintf(out, "ready %d\n", (int)getpid());
	fclose(out);
	wait_and_panic(&s, &set);
}

static int print_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	char record[8193];
	ssize_t got;

	if (fd < 0)
		return 1;
	while ((got = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE)
		if (got > 0)
			fwrite(record, 1, (size_t)got, stdout);
	return errno != EAGAIN;
}

int main(int argc, char **argv)
{
	char line[256];
	int ends[2];
	FILE *in;

	page_size = (size_t)sysconf(_SC_PAGESIZE);
	if (argc == 2 && !strcmp(argv[1], "log"))
		return print_log();
	if (argc != 5 || strcmp(argv[1], "fill") || pipe(ends))
		return 2;
	switch (fork()) {
	case -1:
		return 1;
	case 0:
		close(0);
		close(1);
		close(2);
		close(ends[0]);
		out = fdopen(ends[1], "w");
		hold(strtoull(argv[2], NULL, 0) * MIB, argv[3], argv[4]);
		return 1;
	}
	close(ends[1]);
	in = fdopen(ends[0], "r");
	line[0] = 0;
	while (fgets(line, sizeof(line), in))
		fputs(line, stdout);
	return strncmp(line, "ready", 5) != 0;
}
