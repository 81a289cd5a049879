// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kdump inspect: is the capture kernel in an image of a machine's memory, taken from outside, what its loader put
 * there? By the published description; nothing is asked of the machine.
 */
#include "kdump/command.h"
#include "kdump/source.h"
#include "kdump/vmcore.h"
#include "lib/capture_report.h"
#include "lib/err.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NONE "there is no description of a capture kernel in it: none is loaded, another program loaded it, or its memory is " \
	     "not in the image"

struct memory {
	const char *path;
	struct vmcore core;
	bool raw;                  /* no headers: the byte at 0 is the one at physical BASE */
	bool base_given;
	uint64_t base;
	int fd;
	uint64_t file_len;
};

static int read_core(void *ctx, uint64_t paddr, void *buf, size_t len)
{
	struct memory *m = ctx;

	return vmcore_read(&m->core, paddr, buf, len);
}

static int read_raw(void *ctx, uint64_t paddr, void *buf, size_t len)
{
	const struct memory *m = ctx;
	uint64_t off = paddr - m->base;

	if (paddr < m->base || off > m->file_len || len > m->file_len - off)
		return -ENODATA;
	return source_pread_fd(m->fd, off, buf, len);
}

static capd_read *reader(const struct memory *m)
{
	return m->raw ? read_raw : read_core;
}

static int open_raw(struct memory *m)
{
	struct stat st;

	m->fd = open(m->path, O_RDONLY | O_CLOEXEC);
	if (m->fd < 0 || fstat(m->fd, &st))
		return fail_sys(-errno, "cannot open %s", m->path);
	if (st.st_size < CAPD_BYTES)
		return fail(-EINVAL, "%s: it has %lld bytes, less than a page", m->path, (long long)st.st_size);
	m->raw = true;
	m->file_len = st.st_size;
	return 0;
}

/* A file of no known format is memory as it is. */
static int open_memory(struct memory *m)
{
	int err = m->base_given ? -ENOEXEC : vmcore_open(&m->core, m->path);

	if (err != -ENOEXEC)
		return err;
	debug("taken for raw memory: %s", err_text());
	err_clear();
	return open_raw(m);
}

static void close_memory(struct memory *m)
{
	vmcore_close(&m->core);
	if (m->fd >= 0)
		close(m->fd);
}

static int scan_raw(struct memory *m, struct capd_finder *finder)
{
	uint64_t len = m->file_len & ~(uint64_t)(CAPD_BYTES - 1);

	if (len - 1 > UINT64_MAX - m->base)
		return fail(-EINVAL, "%s: %" PRIu64 " bytes from --base=%#" PRIx64 " on are more than an address space",
			    m->path, m->file_len, m->base);
	memset(finder, 0, sizeof(*finder));
	return capd_scan(finder, m->base, m->base + (len - 1), read_raw, m);
}

/*
 * An image that begins elsewhere, as that of a machine whose RAM does: a description tells where it stands, and so
 * where the first byte does.
 */
static int search_raw(struct memory *m, struct capd_finder *finder)
{
	int err = scan_raw(m, finder);

	if (err || finder->found || m->base_given || !finder->shifted)
		return err;
	m->base = finder->shift;
	debug("the image begins at %#" PRIx64, m->base);
	return scan_raw(m, finder);
}

static int search_core(struct memory *m, struct capd_finder *finder)
{
	const struct ranges *ram = &m->core.ram;
	int err = 0;

	for (size_t i = 0; i < ram->nr && !err; i++)
		err = capd_scan(finder, ram->r[i].start, ram->r[i].last, read_core, m);
	return err;
}

static int inspect(struct memory *m, bool json, int *status)
{
	struct capture_report report = { .source = m->path };
	struct capd_finder finder = { .found = false };
	int err = m->raw ? search_raw(m, &finder) : search_core(m, &finder);

	if (err)
		return err;
	capture_report_make(&report, &finder, NONE, reader(m), m);
	err = capture_report_print(&report, json, stdout);
	if (!err)
		*status = report.verdict;
	return err;
}

static bool parse_base(const char *text, uint64_t *base)
{
	char *rest;

	errno = 0;
	*base = strtoull(text, &rest, 0);
	return !errno && rest != text && !*rest && *text != '-' && !(*base % CAPD_BYTES);
}

static int usage(int *status, const char *what)
{
	*status = EXIT_USAGE;
	return fail(-EINVAL, "inspect: %s; give [--json] [--base=ADDRESS] FILE", what);
}

int command_inspect(int argc, char **argv, int *status)
{
	struct memory m = { .fd = -1, .core.fd = -1 };
	bool json = false;
	int err;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			json = true;
		} else if (!strncmp(argv[i], "--base=", 7)) {
			m.base_given = true;
			if (!parse_base(argv[i] + 7, &m.base))
				return usage(status, "--base needs the address of a page, such as 0x40000000");
		} else if (argv[i][0] == '-' || m.path) {
			return usage(status, argv[i][0] == '-' ? "there is no such option" : "one file only");
		} else {
			m.path = argv[i];
		}
	}
	if (!m.path)
		return usage(status, "which file?");
	sha256_use_cpu(true);
	err = open_memory(&m);
	if (!err)
		err = inspect(&m, json, status);
	close_memory(&m);
	return err;
}
