// SPDX-License-Identifier: GPL-2.0-or-later
/* kdumpctl estimate, showmem, get-default-crashkernel. */
#include "lib/err.h"
#include "lib/json.h"
#include "service/ctl.h"
#include "service/sizing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB_UP(bytes) ((uint64_t)((bytes) + (UINT64_C(1) << 20) - 1) >> 20)

/* Where no more arguments are taken than a --json that JSON (may be NULL) gets. */
static int only_json(int argc, char **argv, bool *json)
{
	for (int i = 1; i < argc; i++) {
		if (!json || !ctl_is(argv[i], "--json"))
			return ctl_usage(argv[0], "what is this", argv[i]);
		*json = true;
	}
	return 0;
}

static int estimate_json(const struct estimate *e)
{
	struct json *root = json_object(), *parts;
	int err;

	json_add_number(root, "reserved", e->reserved);
	json_add_number(root, "needed", e->sizing.total);
	json_add_bool(root, "enough", e->reserved >= e->sizing.total);
	json_add_bool(root, "initramfs_built", e->built);
	json_add_number(root, "cpus", e->facts.cpus);
	json_add_string(root, "crashkernel", e->value);
	parts = json_object_in(root, "parts");
	for (int i = 0; i < SIZING_PARTS; i++)
		json_add_number(parts, sizing_part_name(i), e->sizing.part[i]);
	err = json_print(root, stdout);
	json_free(root);
	return err;
}

static void estimate_text(const struct estimate *e)
{
	printf("Reserved:  %5" PRIu64 "M\n", e->reserved >> 20);
	printf("Needed:    %5" PRIu64 "M\n", e->sizing.total >> 20);
	for (int i = 0; i < SIZING_PARTS; i++)
		if (e->sizing.part[i])
			printf("  %5" PRIu64 "M  %s\n", MIB_UP(e->sizing.part[i]), sizing_part_name(i));
	printf("  CPUs that the capture kernel starts: %u\n", e->facts.cpus);
	if (!e->built)
		printf("  The initramfs is not built yet: the sizes of a usual one were taken. \"kdumpctl rebuild\" "
		       "builds it.\n");
	if (e->reserved < e->sizing.total)
		printf("%s: \"kdumpctl reset-crashkernel\" writes crashkernel=%s; then reboot.\n",
		       e->reserved ? "Too little" : "Nothing is reserved", e->value);
	else
		printf("That is enough.\n");
}

int command_estimate(struct ctl *ctl, int argc, char **argv, int *status)
{
	struct conf conf = { 0 };
	struct estimate e;
	bool json = false;
	int err = only_json(argc, argv, &json);

	(void)status;
	if (err)
		return err;
	err = ctl_conf_read(ctl, &conf);
	if (!err)
		err = estimate_make(&e, ctl, &conf);
	if (!err && json)
		err = estimate_json(&e);
	else if (!err)
		estimate_text(&e);
	conf_deinit(&conf);
	return err;
}

/* Linux 6.19 moved it. */
static int read_reserved(const struct ctl *ctl, uint64_t *bytes)
{
	static const char new[] = "sys/kernel/kexec/crash_size", old[] = "sys/kernel/kexec_crash_size";
	int err = root_read_u64(&ctl->root, root_exists(&ctl->root, new) ? new : old, 10, bytes);

	return err ? fail_ctx(err, "this kernel cannot load capture kernels") : 0;
}

static void print_ranges(const struct ctl *ctl)
{
	struct text rest, line;
	struct blob text;

	blob_init(&text);
	if (root_read(&ctl->root, "proc/iomem", ROOT_READ_MAX, &text))
		err_clear();
	rest = text_of((const char *)text.data, text.len);
	while (text_line(&rest, &line)) {
		uint64_t first, last;
		struct text at = line;

		text_trim(&at);
		/* Addresses are zero for those who may not see them. */
		if (text_u64(&at, 16, &first) && text_take(&at, "-") && text_u64(&at, 16, &last) &&
		    text_is(&at, " : Crash kernel") && last)
			printf("  %#" PRIx64 "-%#" PRIx64 "\n", first, last);
	}
	blob_deinit(&text);
}

int command_showmem(struct ctl *ctl, int argc, char **argv, int *status)
{
	uint64_t bytes = 0;
	char size[16];
	int err = only_json(argc, argv, NULL);

	if (!err)
		err = read_reserved(ctl, &bytes);
	if (err)
		return err;
	if (!bytes) {
		printf("No memory is reserved for a capture kernel.\n");
		*status = EXIT_FAILED;
		return 0;
	}
	ctl_size_text(bytes, size);
	printf("Reserved %" PRIu64 "M for the capture kernel (%" PRIu64 " bytes)\n", bytes >> 20, bytes);
	print_ranges(ctl);
	return 0;
}

int command_get_default_crashkernel(struct ctl *ctl, int argc, char **argv, int *status)
{
	struct machine m = { 0 };
	const char *value;
	int err = only_json(argc, argv, NULL);

	(void)status;
	if (!err)
		err = machine_read(&m, ctl);
	if (err)
		return err;
	value = crashkernel_default(m.arch->name);
	if (value)
		printf("%s\n", value);
	else
		err = fail(-ENOTSUP, "%s: no default is known for this architecture; \"kdumpctl estimate\" says what "
			   "is needed", m.arch->name);
	machine_deinit(&m);
	return err;
}
