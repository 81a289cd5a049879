// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/ctl.h"

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often a lock that is taken is tried: waiting in the kernel would have no bound. */
#define TRY_MS 50

int ctl_make_folder(const struct ctl *ctl, const char *path, unsigned int mode)
{
	char *whole = ctl_path(ctl, path), *slash;
	struct stat st;
	int err = 0;

	if (!whole)
		return -ENOMEM;
	slash = whole + (ctl->sysroot ? strlen(ctl->sysroot) : 0);
	while (!err && slash) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (mkdir(whole, slash ? 0755 : mode) && (errno != EEXIST || stat(whole, &st) || !S_ISDIR(st.st_mode)))
			err = fail_sys(errno == EEXIST ? -ENOTDIR : -errno, "cannot make the folder %s", whole);
		if (slash)
			*slash = '/';
	}
	free(whole);
	return err;
}

int ctl_state_dir(const struct ctl *ctl)
{
	return ctl_make_folder(ctl, CTL_STATE_DIR, 0755);
}

/* Who holds it wrote that into it: "PID COMMAND". For messages only. */
static void read_holder(int fd, char *text, size_t room)
{
	ssize_t n = pread(fd, text, room - 1, 0);

	if (n < 0)
		n = 0;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static void write_holder(int fd, const char *command)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "%ld kdumpctl %s\n", (long)getpid(), command);

	/* What cannot be written is missing from somebody's message. */
	if (ftruncate(fd, 0) || pwrite(fd, text, n, 0) != n)
		debug("cannot write into the lock: %s", strerror(errno));
}

static int wait_for(const struct ctl *ctl, int fd, const char *path)
{
	uint64_t limit = clock_now_ms() + ctl->wait_s * 1000;
	bool told = false;
	char holder[128];

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail_sys(-errno, "%s: cannot lock", path);
		read_holder(fd, holder, sizeof(holder));
		if (clock_now_ms() >= limit)
			return fail(-EBUSY, "another program changes the capture kernel: process %s holds %s; "
				    "waited %llu s, nothing was changed", *holder ? holder : "(unknown)", path,
				    (unsigned long long)ctl->wait_s);
		if (!told)
			fprintf(stderr, "kdumpctl: waiting for process %s\n", *holder ? holder : "(unknown)");
		told = true;
		usleep(TRY_MS * 1000);
	}
	return 0;
}

int ctl_lock(const struct ctl *ctl, const char *command, int *fd)
{
	char *path = ctl_path(ctl, CTL_LOCK);
	int err = path ? ctl_state_dir(ctl) : -ENOMEM, lock = -1;

	if (!err) {
		lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		err = lock < 0 ? fail_sys(-errno, "%s: cannot open", path) : wait_for(ctl, lock, path);
	}
	if (!err) {
		write_holder(lock, command);
		*fd = lock;
	} else if (lock >= 0) {
		close(lock);
	}
	free(path);
	return err;
}

void ctl_unlock(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
