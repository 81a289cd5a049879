// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /sys/firmware/memmap (Documentation/ABI/testing/sysfs-firmware-memmap): one directory per entry of the map
 * that the firmware gave, with the files start, end (inclusive) and type. Only kernels with
 * CONFIG_FIRMWARE_MEMMAP have it.
 */
#include "kexec/memmap.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#define FWMAP_DIR "sys/firmware/memmap"

/* Far more than sysfs gives for a number or a type: one page. */
#define ENTRY_TEXT_MAX 4096

static int parse_address(const char *what, const char *string, uint64_t *value)
{
	struct text text = text_of_string(string);
	uint64_t parsed;

	text_trim(&text);
	const struct text whole = text;

	if (!text_take(&text, "0x") || !text_u64(&text, 16, &parsed) || text.len)
		return fail(-EINVAL, "%s holds \"%.*s\", not a hexadecimal address", what, TEXT_ARGS(&whole));
	*value = parsed;
	return 0;
}

int fwmap_parse_entry(struct memmap *m, const char *start, const char *end, const char *type)
{
	struct text name = text_of_string(type);
	enum mem_type mem_type;
	uint64_t first, last;
	int err = parse_address("start", start, &first);

	if (!err)
		err = parse_address("end", end, &last);
	if (err)
		return err;
	if (last < first)
		return fail(-EINVAL, "the entry starts at %#" PRIx64 " and stops before that, at %#" PRIx64, first,
			    last);
	text_trim(&name);
	if (!mem_type_find(&name, &mem_type)) {
		/* Memory of a kind unknown to us is left alone by everybody when it is called reserved. */
		debug("firmware map: type \"%.*s\" is taken for reserved", TEXT_ARGS(&name));
		mem_type = MEM_RESERVED;
	}
	return ranges_add(&m->firmware, first, last, mem_type);
}

static int read_entry(struct memmap *m, const struct root *root, const char *entry)
{
	static const char *const files[] = { "start", "end", "type" };
	struct blob texts[3];
	char path[sizeof(FWMAP_DIR) + NAME_MAX + sizeof("/start") + 1];
	int err = 0;

	for (size_t i = 0; i < 3; i++)
		blob_init(&texts[i]);
	for (size_t i = 0; !err && i < 3; i++) {
		snprintf(path, sizeof(path), FWMAP_DIR "/%s/%s", entry, files[i]);
		err = root_read(root, path, ENTRY_TEXT_MAX, &texts[i]);
	}
	if (!err) {
		err = fwmap_parse_entry(m, (const char *)texts[0].data, (const char *)texts[1].data,
					(const char *)texts[2].data);
		if (err)
			fail_ctx(err, "/" FWMAP_DIR "/%s", entry);
	}
	for (size_t i = 0; i < 3; i++)
		blob_deinit(&texts[i]);
	return err;
}

int fwmap_read(struct memmap *m, const struct root *root)
{
	struct root_names entries;
	int err;

	if (!root_exists(root, FWMAP_DIR))
		return fail(-ENOENT, "the kernel has no /" FWMAP_DIR);
	err = root_list(root, FWMAP_DIR, &entries);
	if (err)
		return err;
	if (!entries.nr)
		err = fail(-ENOENT, "/" FWMAP_DIR " has no entries");
	for (size_t i = 0; !err && i < entries.nr; i++) {
		err = read_entry(m, root, entries.name[i]);
		/* A map without one of its entries is no map; -ENOENT is kept for "none at all". */
		if (err == -ENOENT)
			err = fail_ctx(-EINVAL, "the firmware map is incomplete");
	}
	root_names_deinit(&entries);
	return err;
}
