/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The input is a kdump.conf; behind a NUL byte, when there is one, a sysconfig file. */
#include "service/conf.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdbool.h>

static void require(bool good)
{
	if (!good)
		abort();
}

static void no_warning(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

/* What a file without fault promises to everybody who reads it. */
static void check_conf(const struct conf *c)
{
	require(c->nr_targets && c->path && c->path[0] == '/' && c->core_collector && *c->core_collector);
	require(!c->force_rebuild || !c->force_no_rebuild);
	require(c->final_action <= CONF_POWEROFF && c->failure_action <= CONF_DUMP_TO_ROOTFS);
	require(!c->deadline_s || c->deadline_s >= 30);
	require(!c->encrypt || strlen(c->encrypt) == 44);
	for (size_t i = 0; i < c->nr_targets; i++) {
		const struct conf_target *t = &c->target[i];
		char *name = conf_target_name(c, t);

		require(name && *name);
		free(name);
		require((t->kind == CONF_LOCAL) == !t->where && (t->kind == CONF_FS) == !!t->fstype);
		require(t->kind != CONF_SSH || (strchr(t->where, '@') && t->where[0] != '-'));
		require(t->kind != CONF_HTTPS || !strncmp(t->where, c->https_insecure ? "http" : "https://",
							  c->https_insecure ? 4 : 8));
		require(t->kind != CONF_S3 || c->s3_credentials);
	}
}

typedef int parser(struct conf *c, const char *name, const char *text, size_t len, struct conf_faults *faults);

static bool run(struct conf *c, parser *parse, const char *text, size_t len)
{
	struct conf_faults faults = { 0 };
	int err = parse(c, "name", text, len, &faults);
	size_t lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	require(err == 0 || err == -EINVAL);
	require((err == 0) == !faults.nr);
	for (size_t i = 0; i < faults.nr; i++) {
		require(faults.fault[i].line && faults.fault[i].line <= lines && *faults.fault[i].text);
		require(!i || faults.fault[i - 1].line <= faults.fault[i].line);
	}
	conf_faults_deinit(&faults);
	return !err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t len = nul ? (size_t)(nul - data) : size;
	struct conf c;

	err_set_warn_sink(no_warning, NULL);
	require(!conf_init(&c));
	if (run(&c, conf_parse, (const char *)data, len))
		check_conf(&c);
	if (nul)
		run(&c, conf_parse_sysconfig, (const char *)nul + 1, size - len - 1);
	conf_deinit(&c);
	return 0;
}
