// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/dumps.h"

#include "lib/err.h"
#include "lib/root.h"
#include "lib/text.h"
#include "service/places.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Larger than the log of any kernel. */
#define LOG_MAX (64u << 20)
#define HOST_MAX 4096

/* Take WIDTH digits off the tail of T. */
static bool tail_number(struct text *t, size_t width, int *number)
{
	struct text digits;
	uint64_t n;

	if (t->len < width)
		return false;
	digits = text_of(t->at + t->len - width, width);
	if (!text_u64(&digits, 10, &n) || digits.len)
		return false;
	t->len -= width;
	*number = n;
	return true;
}

static bool tail_char(struct text *t, char c)
{
	if (!t->len || t->at[t->len - 1] != c)
		return false;
	t->len--;
	return true;
}

/* "-YYYY-MM-DD-HH:MM:SS" at the tail of T. */
static bool tail_date(struct text *t, struct tm *tm)
{
	const struct {
		size_t width;
		int *number;
		char in_front;
	} fields[] = {
		{ 2, &tm->tm_sec, ':' }, { 2, &tm->tm_min, ':' }, { 2, &tm->tm_hour, '-' },
		{ 2, &tm->tm_mday, '-' }, { 2, &tm->tm_mon, '-' }, { 4, &tm->tm_year, '-' },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!tail_number(t, fields[i].width, fields[i].number) || !tail_char(t, fields[i].in_front))
			return false;
	return t->len && tm->tm_mon >= 1 && tm->tm_mon <= 12 && tm->tm_mday >= 1 && tm->tm_mday <= 31 &&
	       tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60 && tm->tm_year >= 1970;
}

bool dump_name_parse(const char *name, uint64_t *time_s, unsigned int *number)
{
	struct text t = text_of_string(name), digits;
	const char *dash = strrchr(name, '-');
	uint64_t n = 1;
	struct tm tm = { 0 };

	/* "-2" behind the date, which itself has a ":" behind its last "-". */
	if (dash && !strchr(dash, ':')) {
		digits = text_of_string(dash + 1);
		if (!text_u64(&digits, 10, &n) || digits.len || n < 2 || n > 1000000)
			return false;
		t.len = dash - name;
	}
	if (!tail_date(&t, &tm))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	if (time_s)
		*time_s = timegm(&tm);
	if (number)
		*number = n;
	return true;
}

/* What a capture writes, each also with "-incomplete" in its name and ".enc" behind it. */
static const char *const known_files[] = {
	"vmcore", "vmcore.flat", "vmcore-dmesg.txt", "dmesg.txt", "kexec-dmesg.log", "README.txt",
};

/* Which of them NAME is; NULL: none. */
static const char *known_file(const char *name, bool *incomplete)
{
	static const char mark[] = "-incomplete";
	struct text t = text_of_string(name);
	char plain[64];
	const char *at;

	if (text_stops(&t, ".enc"))
		t.len -= strlen(".enc");
	if (t.len >= sizeof(plain))
		return NULL;
	memcpy(plain, t.at, t.len);
	plain[t.len] = 0;
	at = strstr(plain, mark);
	*incomplete = at;
	if (at)
		memmove(plain + (at - plain), at + strlen(mark), strlen(at + strlen(mark)) + 1);
	t = text_of_string(plain);
	/* "vmcore-incomplete.enc.enc" and the like are nobody's. */
	for (size_t i = 0; i < sizeof(known_files) / sizeof(known_files[0]); i++)
		if (text_is(&t, known_files[i]))
			return known_files[i];
	return NULL;
}

static int keep_name(char **at, const char *name)
{
	free(*at);
	*at = strdup(name);
	return *at ? 0 : fail(-ENOMEM, "no memory for the names of dumps");
}

/* One file of a dump's folder. */
static int look_at_file(struct dump_folder *d, const char *name, const struct stat *st)
{
	bool incomplete = false;
	const char *known = S_ISREG(st->st_mode) ? known_file(name, &incomplete) : NULL;

	d->bytes += (uint64_t)st->st_blocks * 512;
	if (!known) {
		d->foreign = true;
		return 0;
	}
	/* Beside a whole dump a part of one does not count. */
	if (!strncmp(known, "vmcore", 6) && strcmp(known, "vmcore-dmesg.txt")) {
		if (d->core && d->complete)
			return 0;
		d->complete = !incomplete;
		return keep_name(&d->core, name);
	}
	return strstr(known, "dmesg.txt") ? keep_name(&d->log, name) : 0;
}

static void dump_deinit(struct dump_folder *d)
{
	free(d->name);
	free(d->path);
	free(d->core);
	free(d->log);
}

/* Its files; FD is the folder's, and closed. */
static int look_into(struct dump_folder *d, int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int err = 0;

	if (!dir) {
		close(fd);
		return fail_sys(-errno, "%s", d->path);
	}
	while (!err && (entry = readdir(dir))) {
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		err = look_at_file(d, entry->d_name, &st);
	}
	closedir(dir);
	return err;
}

static int add_dump(struct dumps *d, int folder_fd, const char *folder, const char *name)
{
	struct dump_folder new = { 0 }, *more;
	int fd, err = -ENOMEM;

	if (!dump_name_parse(name, &new.time_s, &new.number))
		return 0;
	fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	new.name = strdup(name);
	if (asprintf(&new.path, "%s/%s", folder, name) < 0)
		new.path = NULL;
	if (new.name && new.path)
		err = look_into(&new, fd);
	else
		close(fd);
	more = err || !(new.core || new.log) ? NULL : reallocarray(d->dump, d->nr + 1, sizeof(*more));
	if (!more) {
		bool none = !err && !new.core && !new.log;

		dump_deinit(&new);
		return none ? 0 : err && err != -ENOMEM ? err : fail(-ENOMEM, "no memory for the dumps in %s", folder);
	}
	d->dump = more;
	d->dump[d->nr++] = new;
	return 0;
}

int dumps_add(struct dumps *d, const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return errno == ENOENT ? 0 : fail_sys(-errno, "cannot read the folder %s", folder);
	while (!err && (entry = readdir(dir)))
		err = add_dump(d, dirfd(dir), folder, entry->d_name);
	closedir(dir);
	return err;
}

/* ---- whose they are ---- */

/* In front of the date; NAME is a dump's. */
static struct text address_of(const char *name)
{
	struct text t = text_of_string(name);
	const char *dash = strrchr(name, '-');

	if (!strchr(dash, ':'))
		t.len = dash - name;
	t.len -= strlen("-YYYY-MM-DD-HH:MM:SS");
	return t;
}

static bool is_address(const struct ifaddrs *all, struct text t)
{
	for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
		char text[INET6_ADDRSTRLEN];
		const void *bytes = NULL;

		if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET)
			bytes = &((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr;
		else if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET6)
			bytes = &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr;
		if (bytes && inet_ntop(a->ifa_addr->sa_family, bytes, text, sizeof(text)) && text_is(&t, text))
			return true;
	}
	return false;
}

void dumps_mark_others(struct dumps *d, size_t from, const struct ctl *ctl)
{
	struct ifaddrs *all = NULL;
	struct text host;
	struct blob name;

	blob_init(&name);
	if (root_read(&ctl->root, "proc/sys/kernel/hostname", HOST_MAX, &name))
		err_clear();
	host = text_of((const char *)name.data, name.len);
	text_trim(&host);
	if (getifaddrs(&all))
		all = NULL;
	for (size_t i = from; i < d->nr; i++) {
		struct text whose = address_of(d->dump[i].name);
		bool named = host.len && whose.len == host.len && !memcmp(whose.at, host.at, host.len);

		d->dump[i].others = !named && !is_address(all, whose);
	}
	freeifaddrs(all);
	blob_deinit(&name);
}

void dumps_leave_out_others(struct dumps *d)
{
	size_t nr = 0;

	for (size_t i = 0; i < d->nr; i++) {
		if (d->dump[i].others)
			dump_deinit(&d->dump[i]);
		else
			d->dump[nr++] = d->dump[i];
	}
	d->nr = nr;
}

/* ---- all of them ---- */

static int newest_first(const void *a, const void *b)
{
	const struct dump_folder *x = a, *y = b;

	if (x->time_s != y->time_s)
		return x->time_s < y->time_s ? 1 : -1;
	if (x->number != y->number)
		return x->number < y->number ? 1 : -1;
	return strcmp(x->path, y->path);
}

void dumps_sort(struct dumps *d)
{
	if (d->nr)
		qsort(d->dump, d->nr, sizeof(*d->dump), newest_first);
}

void dumps_deinit(struct dumps *d)
{
	for (size_t i = 0; i < d->nr; i++)
		dump_deinit(&d->dump[i]);
	free(d->dump);
	*d = (struct dumps){ 0 };
}

int dumps_read(struct dumps *d, const struct ctl *ctl, const struct conf *conf)
{
	struct places p = { 0 };
	struct dumps new = { 0 };
	int err = places_read(&p, ctl, conf);

	for (size_t i = 0; !err && i < p.nr; i++)
		if (p.place[i].folder) {
			size_t from = new.nr;

			err = dumps_add(&new, p.place[i].folder);
			if (!err && place_is_shared(&p.place[i]))
				dumps_mark_others(&new, from, ctl);
		}
	places_deinit(&p);
	if (err) {
		dumps_deinit(&new);
		return err;
	}
	dumps_sort(&new);
	*d = new;
	return 0;
}

/*
 * What a kernel says when it stops; of the first that is found anywhere in the log, its last line: earlier ones did not
 * stop it.
 */
static const char *const reasons[] = {
	"Kernel panic - not syncing", "BUG: ", "Oops", "sysrq: Trigger a crash", "Unable to handle kernel",
};

static bool line_has(struct text line, const char *what)
{
	return line.len && memmem(line.at, line.len, what, strlen(what));
}

/* Without "[   12.345678] " in front. */
static struct text without_time(struct text line)
{
	struct text rest = line;

	text_trim(&rest);
	if (text_take(&rest, "[")) {
		const char *close = rest.len ? memchr(rest.at, ']', rest.len) : NULL;

		if (close)
			line = text_of(close + 1, rest.at + rest.len - (close + 1));
	}
	text_trim(&line);
	return line;
}

char *dump_reason(const struct dump_folder *dump)
{
	char *found = NULL;
	struct root root;
	struct blob log;

	if (!dump->log || strstr(dump->log, ".enc") || root_init(&root, dump->path))
		return NULL;
	blob_init(&log);
	if (root_read(&root, dump->log, LOG_MAX, &log))
		err_clear();
	for (size_t i = 0; !found && i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		struct text rest = text_of((const char *)log.data, log.len), line, last = { 0 };

		while (text_line(&rest, &line))
			if (line_has(line, reasons[i]))
				last = without_time(line);
		if (last.len)
			found = strndup(last.at, last.len);
	}
	/* It may be shown on a terminal. */
	for (char *c = found; c && *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	blob_deinit(&log);
	root_deinit(&root);
	return found;
}
