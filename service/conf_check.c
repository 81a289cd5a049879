// SPDX-License-Identifier: GPL-2.0-or-later
/* What single lines cannot tell: whether they fit together. */
#include "lib/err.h"
#include "service/conf_parse.h"
#include "service/conf_values.h"

#include <errno.h>
#include <string.h>

static struct text base_name(struct text path)
{
	const char *slash = path.len ? memrchr(path.at, '/', path.len) : NULL;

	if (!slash)
		return path;
	return text_of(slash + 1, path.len - (slash + 1 - path.at));
}

static bool is_mounted(const struct conf_target *t)
{
	return t->kind == CONF_LOCAL || t->kind == CONF_FS || t->kind == CONF_NFS;
}

/* The first target that is no mounted folder; NULL. */
static const struct conf_target *remote_target(const struct conf *c)
{
	for (size_t i = 0; i < c->nr_targets; i++)
		if (!is_mounted(&c->target[i]))
			return &c->target[i];
	return NULL;
}

/* With these nothing is dumped, or not to one place: no dump would come of a crash. */
static bool dumps_nothing(struct text option)
{
	static const char *const options[] = {
		"--split", "--reassemble", "--dump-dmesg", "--mem-usage", "--dry-run", "--check-params", "--help", "-h",
		"--version",
		"-v", "-g", "--diskset", "-R", "--refiltering",
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		size_t n = strlen(options[i]);

		if (text_starts(&option, options[i]) && (option.len == n || option.at[n] == '='))
			return true;
	}
	return false;
}

static int check_collector(const struct conf *c)
{
	struct text rest = text_of_string(c->core_collector), word, program;
	const struct conf_target *remote = remote_target(c);

	if (!text_word(&rest, &word))
		return fail(-EINVAL, "\"core_collector\" names no program");
	program = base_name(word);
	if (text_is(&program, "scp") || text_is(&program, "sftp"))
		return fail(-EINVAL, "\"core_collector\": \"%.*s\" is not needed, ssh targets are written to by sftp: "
			    "for every page of memory write \"core_collector makedumpfile -F -d 0\"",
			TEXT_ARGS(&program));
	if (text_is(&program, "kdump")) {
		if (!text_word(&rest, &word) || (!text_is(&word, "save") && !text_is(&word, "makedumpfile")))
			return fail(-EINVAL, "\"core_collector\": of kdump's commands \"kdump save\" makes dumps");
	} else if (!text_is(&program, "makedumpfile")) {
		if (remote)
			return fail(-EINVAL, "\"core_collector\": \"%.*s\" can only write to a mounted folder, which "
				    "the target in line %u is not: write makedumpfile or \"kdump save\"",
				TEXT_ARGS(&program), remote->line);
		if (c->encrypt)
			return fail(-EINVAL, "\"core_collector\": what \"%.*s\" writes cannot be encrypted: write "
				    "makedumpfile or \"kdump save\"", TEXT_ARGS(&program));
		return 0;
	}
	while (text_word(&rest, &word))
		if (dumps_nothing(word))
			return fail(-EINVAL, "\"core_collector\": with \"%.*s\" there would be no dump",
				    TEXT_ARGS(&word));
	return 0;
}

static int check_target(const struct conf *c, const struct conf_target *t)
{
	if (t->kind == CONF_HTTPS && !strncmp(t->where, "http://", 7) && !c->https_insecure)
		return fail(-EINVAL, "\"https\": %s would send the machine's memory for everybody to read: write "
			    "https://, or add \"https_insecure yes\"", t->where);
	if (t->kind == CONF_S3 && !c->s3_credentials)
		return fail(-EINVAL, "\"s3\" needs a line \"s3_credentials FILE\"");
	return 0;
}

int conf_check_whole(struct conf *c, const char *name, const unsigned int *line_of, struct conf_faults *faults)
{
	int err = check_collector(c);

	if (err && conf_fault(faults, name, line_of[CONF_LINE_CORE_COLLECTOR]))
		return -ENOMEM;
	for (size_t i = 0; i < c->nr_targets; i++)
		if (check_target(c, &c->target[i]) && conf_fault(faults, name, c->target[i].line))
			return -ENOMEM;

	const struct {
		bool wrong;
		enum conf_line line;
		const char *text;
	} rules[] = {
		{ c->force_rebuild && c->force_no_rebuild, CONF_LINE_FORCE_NO_REBUILD,
		  "\"force_no_rebuild\" and \"force_rebuild\" cannot both be 1" },
		{ c->fence_kdump_args && !c->fence_kdump_nodes, CONF_LINE_FENCE_ARGS,
		  "\"fence_kdump_args\" does nothing without a line \"fence_kdump_nodes NODE...\"" },
		{ c->s3_endpoint && !strncmp(c->s3_endpoint, "http://", 7) && !c->https_insecure, CONF_LINE_S3_ENDPOINT,
		  "\"s3_endpoint\": http:// would send the machine's memory for everybody to read: write https://, or "
		  "add \"https_insecure yes\"" },
		{ c->failure_action == CONF_SHELL && line_of[CONF_LINE_SHELL] && !c->shell, CONF_LINE_SHELL,
		  "\"shell no\" and \"failure_action shell\" contradict each other" },
		{ c->dracut_args && c->builder != CONF_BUILDER_AUTO && c->builder != CONF_BUILDER_DRACUT,
		  CONF_LINE_DRACUT_ARGS,
		  "\"dracut_args\" does nothing with this line \"initramfs\": write \"initramfs dracut\"" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (!rules[i].wrong)
			continue;
		fail(-EINVAL, "%s", rules[i].text);
		if (conf_fault(faults, name, line_of[rules[i].line]))
			return -ENOMEM;
	}
	c->shell |= c->failure_action == CONF_SHELL;
	if (c->dracut_args && c->builder == CONF_BUILDER_AUTO)
		c->builder = CONF_BUILDER_DRACUT;
	return 0;
}
