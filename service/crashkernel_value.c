// SPDX-License-Identifier: GPL-2.0-or-later
/* The value of crashkernel= (Documentation/admin-guide/kdump/kdump.rst, kernel-parameters.txt). */
#include "lib/err.h"
#include "service/sizing.h"

#include <errno.h>
#include <string.h>

/* As the kernel's memparse() takes it; T moves on. */
static bool take_size(struct text *t, uint64_t *bytes)
{
	static const char letters[] = "KMGTPE";
	bool hex = text_take(t, "0x") || text_take(t, "0X");
	const char *letter;
	uint64_t n;

	if (!text_u64(t, hex ? 16 : 10, &n))
		return false;
	letter = t->len && t->at[0] ? strchr(letters, t->at[0] & ~0x20) : NULL;
	if (letter && *letter) {
		unsigned int shift = 10 * (letter - letters + 1);

		if (n > UINT64_MAX >> shift)
			return false;
		n <<= shift;
		t->at++;
		t->len--;
	}
	*bytes = n;
	return true;
}

/* "FIRST-[BEHIND]:SIZE"; a machine with FIRST bytes is in the range, one with BEHIND is not. */
static bool take_range(struct text *t, uint64_t ram, uint64_t *size, bool *covers)
{
	uint64_t first, behind = UINT64_MAX;

	if (!take_size(t, &first) || !text_take(t, "-") || (t->len && t->at[0] != ':' && !take_size(t, &behind)) ||
	    !text_take(t, ":") || !take_size(t, size) || behind <= first)
		return false;
	*covers = ram >= first && ram < behind;
	return true;
}

static bool is_range(struct text value)
{
	return value.len && memchr(value.at, ':', value.len);
}

int crashkernel_size(struct text value, uint64_t ram, uint64_t *size)
{
	struct text t = value;
	uint64_t found = 0, one = 0, offset;
	bool covers, good, done = false;

	if (is_range(value)) {
		do {
			good = take_range(&t, ram, &one, &covers);
			/* The first range counts. */
			if (good && covers && !done) {
				found = one;
				done = true;
			}
		} while (good && text_take(&t, ","));
	} else {
		good = take_size(&t, &found) && found;
		if (good && (text_is(&t, ",high") || text_is(&t, ",low") || text_is(&t, ",cma")))
			t.len = 0;
	}
	if (good && text_take(&t, "@"))
		good = take_size(&t, &offset);
	if (!good || t.len)
		return fail(-EINVAL, "\"%.*s\" is no value of crashkernel=: 192M, 256M,high or 1G-4G:192M,4G-:256M are",
			    TEXT_ARGS(&value));
	*size = found;
	return 0;
}

/*
 * What "kdumpctl estimate" finds for our own initramfs with a local target and one over the network, and room for a
 * driver that takes more. Machines with less than a gigabyte are left alone: they miss the memory more than the dump.
 */
static const struct {
	const char *machine, *value;
} defaults[] = {
	{ "x86_64", "960M-4G:160M,4G-64G:192M,64G-:256M" },
	{ "aarch64", "960M-4G:224M,4G-64G:256M,64G-:384M" },
};

const char *crashkernel_default(const char *machine)
{
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (!strcmp(defaults[i].machine, machine))
			return defaults[i].value;
	return NULL;
}
