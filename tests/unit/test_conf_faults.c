// SPDX-License-Identifier: GPL-2.0-or-later
/* Damaged configuration files: each is refused, with the right line and a sentence that helps. */
#include "service/conf.h"

#include "tests/unit/test.h"

#include <errno.h>

#define KEY "aGVsbG8gd29ybGQsIHRoaXMgaXMgMzIgYnl0ZXMhISE="

struct damaged {
	const char *text;
	unsigned int line;
	const char *says;
};

static const struct damaged files[] = {
	/* keywords */
	{ "foo\n", 1, "unknown keyword \"foo\"" },
	{ "foo bar\n", 1, "unknown keyword \"foo\"" },
	{ "\n\n# x\nfoo bar\n", 4, "unknown keyword \"foo\"" },
	{ "path /a\nfoo bar\nssh a@b\n", 2, "unknown keyword \"foo\"" },
	{ "Path /var/crash\n", 1, "write \"path FOLDER\"" },
	{ "path=/var/crash\n", 1, "write \"path FOLDER\"" },
	{ "path: /var/crash\n", 1, "write \"path FOLDER\"" },
	{ "paths /var/crash\n", 1, "unknown keyword \"paths\"" },
	{ "\xef\xbb\xbfpath /var/crash\n", 1, "byte order mark" },
	{ "pa\th /var/crash\n", 1, "unknown keyword \"pa\"" },
	{ "reiserfs /dev/sda1\n", 1, "file systems are ext2" },
	{ "ntfs UUID=1234\n", 1, "file systems are ext2" },
	{ "[section]\n", 1, "unknown keyword \"[section]\"" },
	{ "; comment\n", 1, "unknown keyword \";\"" },
	{ "// comment\n", 1, "unknown keyword \"//\"" },
	{ "$(rm -rf /)\n", 1, "unknown keyword" },
	{ ". /etc/other.conf\n", 1, "unknown keyword \".\"" },
	{ "<<<<<<< HEAD\n", 1, "unknown keyword" },
	{ "KDUMP_KERNELVER=\"\"\n", 1, "unknown keyword" },
	{ "net user@server\n", 1, "write \"nfs SERVER:/EXPORT\"" },
	{ "net\n", 1, "no longer known" },
	{ "options bonding mode=1\n", 1, "/etc/modprobe.d" },
	{ "link_delay 60\n", 1, "no longer known" },
	{ "disk_timeout 30\n", 1, "no longer known" },
	{ "debug_mem_level 3\n", 1, "kdumpctl estimate" },
	{ "blacklist nouveau\n", 1, "module_blacklist=" },
	/* values that are missing, or given again */
	{ "path\n", 1, "\"path\" has no value: write \"path FOLDER\"" },
	{ "path   \t \n", 1, "\"path\" has no value" },
	{ "path # /var/crash\n", 1, "\"path\" has no value" },
	{ "ssh", 1, "write \"ssh USER@SERVER[:PORT]\"" },
	{ "keep\n", 1, "\"keep\" has no value" },
	{ "deadline\n", 1, "\"deadline\" has no value" },
	{ "ext4\n", 1, "\"ext4\" has no value" },
	{ "core_collector\n", 1, "\"core_collector\" has no value" },
	{ "path /a\npath /b\n", 2, "\"path\" is in line 1 already" },
	{ "path /a\npath /a\n", 2, "\"path\" is in line 1 already" },
	{ "failure_action halt\n\ndefault halt\n", 3, "\"failure_action\" is in line 1 already" },
	{ "ssh a@b\nnfs s:/e\nssh a@b\n", 3, "the same target is in line 1 already" },
	{ "https https://h/a/\nhttps https://h/a\n", 2, "the same target is in line 1 already" },
	/* bytes that no text has */
	{ "path /var/\x01" "crash\n", 1, "control character (0x01)" },
	{ "path /var/crash\n\x1b[0m\n", 2, "column 1 holds a control character (0x1b)" },
	{ "path /var\rpath /x\n", 1, "control character (0x0d)" },
	{ "path /var\x7f\n", 1, "control character (0x7f)" },
	{ "core_collector makedumpfile \\\n -d 31\n", 1, "not continued" },
	{ "path /var/crash\\\n", 1, "not continued" },
	/* path */
	{ "path var/crash\n", 1, "does not begin with \"/\"" },
	{ "path ~/crash\n", 1, "does not begin with \"/\"" },
	{ "path /var/../crash\n", 1, "has \"..\" in it" },
	{ "path /var/./crash\n", 1, "has \".\" in it" },
	{ "path /var/my crash\n", 1, "more than one word" },
	{ "path \"/var/crash\"\n", 1, "has quotes" },
	/* file systems and partitions */
	{ "ext4 sda1\n", 1, "is no device" },
	{ "ext4 /var/crash\n", 1, "is no device" },
	{ "ext4 /dev/\n", 1, "is no device" },
	{ "ext4 /dev/vda1 /mnt\n", 1, "more than one word" },
	{ "xfs UUID=\n", 1, "nothing behind the \"=\"" },
	{ "xfs LABEL=\n", 1, "nothing behind the \"=\"" },
	{ "xfs uuid=1234\n", 1, "is no device" },
	{ "btrfs UUID=\"1234\"\n", 1, "has quotes" },
	{ "btrfs /dev/../etc/passwd\n", 1, "has \"..\" in it" },
	{ "vfat PARTLABEL=x\n", 1, "is no device" },
	{ "virtiofs /myfs\n", 1, "virtiofs has tags" },
	{ "virtiofs my fs\n", 1, "more than one word" },
	{ "raw UUID=1234\n", 1, "finds a file system" },
	{ "raw LABEL=x\n", 1, "finds a file system" },
	{ "raw PARTUUID=\n", 1, "nothing behind the \"=\"" },
	{ "raw /tmp/file\n", 1, "is no device" },
	/* nfs, ssh */
	{ "nfs server\n", 1, "is not SERVER:/EXPORT" },
	{ "nfs server:export\n", 1, "is not SERVER:/EXPORT" },
	{ "nfs :/export\n", 1, "the server's name is missing" },
	{ "nfs fe80::1:/export\n", 1, "needs brackets" },
	{ "nfs [fe80::1:/export\n", 1, "lacks a \"]\"" },
	{ "nfs [server]:/export\n", 1, "is no IPv6 address" },
	{ "nfs server:/export nolock\n", 1, "more than one word" },
	{ "nfs ser!ver:/export\n", 1, "is no name of a server" },
	{ "nfs server:/a/../b\n", 1, "has \"..\" in it" },
	{ "ssh server\n", 1, "names no user" },
	{ "ssh @server\n", 1, "is no name of a user" },
	{ "ssh user@\n", 1, "the server's name is missing" },
	{ "ssh user@server:/var/crash\n", 1, "goes into the line \"path\"" },
	{ "ssh user@server:\n", 1, "no valid port" },
	{ "ssh user@server:ssh\n", 1, "no valid port" },
	{ "ssh user@[fe80::1]:0\n", 1, "no valid port" },
	{ "ssh user@-oProxyCommand=x\n", 1, "is no name of a server" },
	{ "ssh -oProxyCommand=x@server\n", 1, "is no name of a user" },
	{ "ssh user@a@b\n", 1, "is no name of a server" },
	{ "ssh user@server -p 22\n", 1, "more than one word" },
	{ "ssh user@fe80::1:x\n", 1, "needs brackets" },
	{ "ssh user@fe80::1\nssh user@[fe80::1]\n", 2, "the same target is in line 1 already" },
	{ "sshkey id_rsa\n", 1, "does not begin with \"/\"" },
	{ "sshkey /root/.ssh/\n", 1, "names a folder" },
	{ "ssh_known_hosts ../known\n", 1, "does not begin with \"/\"" },
	/* https, s3 */
	{ "https server/folder\n", 1, "does not begin with https://" },
	{ "https ftp://server/\n", 1, "does not begin with https://" },
	{ "https http://server/\n", 1, "for everybody to read" },
	{ "https_insecure no\nhttps http://server/\n", 2, "https_insecure yes" },
	{ "https https://\n", 1, "the server's name is missing" },
	{ "https https://user:password@server/\n", 1, "user or password" },
	{ "https https://server:0/\n", 1, "no valid port" },
	{ "https https://server:65536/\n", 1, "no valid port" },
	{ "https https://server:http/\n", 1, "no valid port" },
	{ "https https://server/a?b=c\n", 1, "has a \"?\" in it" },
	{ "https https://server/a/../b\n", 1, "has \"..\" in it" },
	{ "https https://-x/\n", 1, "is no name of a server" },
	{ "https_insecure maybe\n", 1, "neither \"yes\" nor \"no\"" },
	{ "https_ca ca.pem\n", 1, "does not begin with \"/\"" },
	{ "s3 bucket/prefix\ns3_credentials /c\n", 1, "does not begin with s3://" },
	{ "s3 s3://ab\ns3_credentials /c\n", 1, "is no name of a bucket" },
	{ "s3 s3://Bucket\ns3_credentials /c\n", 1, "is no name of a bucket" },
	{ "s3 s3://\ns3_credentials /c\n", 1, "is no name of a bucket" },
	{ "s3 s3://bucket/a?b\ns3_credentials /c\n", 1, "has a \"?\" in it" },
	{ "path /x\ns3 s3://bucket/prefix\n", 2, "s3_credentials FILE" },
	{ "s3_endpoint minio:9000\n", 1, "does not begin with https://" },
	{ "s3_endpoint http://minio:9000\n", 1, "for everybody to read" },
	{ "s3_region eu west\n", 1, "is no name" },
	/* collector */
	{ "core_collector makedumpfile -d 31 | gzip\n", 1, "no shell runs this line" },
	{ "core_collector makedumpfile -d $LEVEL\n", 1, "a \"$\" means nothing here" },
	{ "core_collector makedumpfile `x`\n", 1, "a \"`\" means nothing here" },
	{ "core_collector \"makedumpfile -d 31\"\n", 1, "no shell runs this line" },
	{ "core_collector scp\nssh a@b\n", 1, "write \"core_collector makedumpfile -F -d 0\"" },
	{ "core_collector cp\nssh a@b\n", 1, "the target in line 2" },
	{ "raw /dev/vdb\ncore_collector dd\n", 2, "the target in line 1" },
	{ "core_collector kdump\n", 1, "\"kdump save\" makes dumps" },
	{ "core_collector kdump info\n", 1, "\"kdump save\" makes dumps" },
	{ "core_collector makedumpfile --dump-dmesg\n", 1, "there would be no dump" },
	{ "core_collector makedumpfile -d 31 --split\n", 1, "there would be no dump" },
	{ "core_collector kdump save --dry-run\n", 1, "there would be no dump" },
	{ "core_collector cp\nencrypt " KEY "\n", 1, "cannot be encrypted" },
	/* programs, modules */
	{ "kdump_pre pre.sh\n", 1, "does not begin with \"/\"" },
	{ "kdump_pre /usr/bin/pre.sh arg\n", 1, "more than one word" },
	{ "kdump_post /usr/bin/\n", 1, "names a folder" },
	{ "extra_bins /usr/bin/a bin/b\n", 1, "neither a path" },
	{ "extra_bins /usr/bin/a\nextra_bins -v\n", 2, "looks like an option" },
	{ "extra_modules nvme.ko\n", 1, "is a file" },
	{ "extra_modules nvme.ko.xz\n", 1, "is a file" },
	{ "extra_modules kernel/nvme\n", 1, "is a file" },
	{ "extra_modules nvme poll=1\n", 1, "is an option" },
	{ "extra_modules -r\n", 1, "is no name of a module" },
	/* actions */
	{ "failure_action explode\n", 1, "there is no action \"explode\"" },
	{ "failure_action Reboot\n", 1, "there is no action \"Reboot\"" },
	{ "failure_action reboot now\n", 1, "there is no action \"reboot now\"" },
	{ "default mount_root_run_init\n", 1, "there is no action \"mount_root_run_init\"" },
	{ "final_action shell\n", 1, "write one of reboot, halt, poweroff" },
	{ "final_action dump_to_rootfs\n", 1, "there is no action" },
	{ "failure_action shell\nshell no\n", 2, "contradict each other" },
	/* numbers */
	{ "force_rebuild yes\n", 1, "neither \"0\" nor \"1\"" },
	{ "force_rebuild 2\n", 1, "neither \"0\" nor \"1\"" },
	{ "force_no_rebuild -1\n", 1, "neither \"0\" nor \"1\"" },
	{ "force_rebuild 1\nforce_no_rebuild 1\n", 2, "cannot both be 1" },
	{ "auto_reset_crashkernel 1\n", 1, "neither \"yes\" nor \"no\"" },
	{ "keep 5\n", 1, "has no \"=\"" },
	{ "keep count\n", 1, "has no \"=\"" },
	{ "keep count=\n", 1, "is no number" },
	{ "keep count=-5\n", 1, "is no number" },
	{ "keep count=5x\n", 1, "is no number" },
	{ "keep count=0\n", 1, "is no limit" },
	{ "keep count=99999999999999999999\n", 1, "is no number" },
	{ "keep count=5 count=6\n", 1, "\"count\" is there twice" },
	{ "keep age=1w\n", 1, "is no unit of a time" },
	{ "keep age=d\n", 1, "is no time" },
	{ "keep age=99999999999d\n", 1, "more than any time" },
	{ "keep free=2GB\n", 1, "is no unit of a size" },
	{ "keep free=10%\n", 1, "is no unit of a size" },
	{ "keep free=9999999999T\n", 1, "more than any size" },
	{ "keep size=5\n", 1, "there is no limit \"size\"" },
	{ "keep count = 5\n", 1, "has no \"=\"" },
	{ "deadline 0\n", 1, "too short" },
	{ "deadline 29\n", 1, "too short" },
	{ "deadline never\n", 1, "is no time" },
	{ "deadline 1.5h\n", 1, "is no unit of a time" },
	{ "deadline -60\n", 1, "is no time" },
	{ "deadline 99999999999999999999\n", 1, "is no time" },
	/* keys */
	{ "encrypt x\n", 1, "is no public key" },
	{ "encrypt /etc/kdump/key.pub\n", 1, "is no public key" },
	{ "encrypt aGVsbG8gd29ybGQsIHRoaXMgaXMgMzIgYnl0ZXMhISE\n", 1, "is no public key" },
	{ "encrypt aGVsbG8gd29ybGQsIHRoaXMgaXMgMzIgYnl0ZXMhI!E=\n", 1, "character 42 of the public key" },
	{ "encrypt aGVsbG8gd29ybGQsIHRoaXMgaXMgMzIgYnl0ZXMhISF=\n", 1, "its last digit" },
	{ "encrypt AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 1, "all zero" },
	/* initramfs, fences */
	{ "initramfs mkinitcpio\n", 1, "write one of auto, own, dracut, initramfs-tools" },
	{ "initramfs own\ndracut_args --add lvm\n", 2, "write \"initramfs dracut\"" },
	{ "dracut_args --mount \"/dev/vda1 /mnt xfs\"\n", 1, "a line of its own" },
	{ "dracut_args --mount=/dev/vda1\n", 1, "a line of its own" },
	{ "dracut_args --add \"lvm\n", 1, "never closed" },
	{ "dracut_args --add $x\n", 1, "nothing is expanded" },
	{ "shell bash\n", 1, "neither \"yes\" nor \"no\"" },
	{ "fence_kdump_args -p 7410\n", 1, "fence_kdump_nodes" },
	{ "fence_kdump_nodes a;b\n", 1, "no shell runs this line" },
};

static const struct damaged sysconfigs[] = {
	{ "FOO=\"x\"\n", 1, "unknown key \"FOO\"" },
	{ "KDUMP_IMG\n", 1, "is not KEY=\"VALUE\"" },
	{ "\n# x\nexport KDUMP_IMG=x\n", 3, "this file is no script" },
	{ "KDUMP_IMG =x\n", 1, "is not KEY=\"VALUE\"" },
	{ "KDUMP_IMG= x\n", 1, "stands behind the value" },
	{ "if true; then\n", 1, "this file is no script" },
	{ ". /etc/x\n", 1, "this file is no script" },
	{ "KDUMP_IMG=\"x\n", 1, "never closed" },
	{ "KDUMP_IMG='x\n", 1, "never closed" },
	{ "KDUMP_IMG=\"x\"y\n", 1, "right behind the closing quote" },
	{ "KDUMP_IMG=x\"y\"\n", 1, "around the whole value" },
	{ "KDUMP_COMMANDLINE_APPEND=irqpoll nr_cpus=1\n", 1, "needs quotes" },
	{ "KDUMP_COMMANDLINE_APPEND=\"$X irqpoll\"\n", 1, "\"$\" has no meaning" },
	{ "KDUMP_COMMANDLINE_APPEND=\"`id`\"\n", 1, "\"`\" has no meaning" },
	{ "KDUMP_COMMANDLINE_APPEND=\"a \\\n b\"\n", 1, "never closed" },
	{ "KDUMP_COMMANDLINE_APPEND=\"a\\b\"\n", 1, "has no meaning" },
	{ "KDUMP_IMG=a\nKDUMP_IMG=b\n", 2, "KDUMP_IMG is in line 1 already" },
	{ "KDUMP_BOOTDIR=\"boot\"\n", 1, "does not begin with \"/\"" },
	{ "KDUMP_KERNELVER=\"6.1 0\"\n", 1, "is no name" },
	{ "KEXEC_ARGS=\"-s; reboot\"\n", 1, "no shell runs this line" },
	{ "FADUMP_COMMANDLINE_APPEND=\"nr_cpus=16\"\n", 1, "not supported" },
	{ "KDUMP_IMG=\"x\x02\"\n", 1, "control character (0x02)" },
};

typedef int parser(struct conf *c, const char *name, const char *text, size_t len, struct conf_faults *faults);

static void check_damaged(const struct damaged *d, parser *parse)
{
	struct conf_faults faults = { 0 };
	size_t len = strlen(d->text);
	char want[32], *copy = malloc(len);
	struct conf c;
	bool found = false;
	int err;

	/* Memory of just its size: a read behind it is seen. */
	memcpy(copy, d->text, len);
	CHECK_EQ(conf_init(&c), 0);
	err = parse(&c, "name", copy, len, &faults);
	snprintf(want, sizeof(want), "name:%u: ", d->line);
	for (size_t i = 0; i < faults.nr; i++)
		found |= faults.fault[i].line == d->line && strstr(faults.fault[i].text, d->says);
	if (err != -EINVAL || !found || strncmp(err_text(), want, strlen(want))) {
		test_failures++;
		printf("\"%s\": %d \"%s\", want line %u \"%s\"\n", d->text, err, err_text(), d->line, d->says);
	}
	conf_faults_deinit(&faults);
	conf_deinit(&c);
	free(copy);
}

TEST(damaged_files)
{
	size_t nr = sizeof(files) / sizeof(files[0]);

	CHECK(nr >= 100);
	for (size_t i = 0; i < nr; i++) {
		check_damaged(&files[i], conf_parse);
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(files[i].text, files[j].text));
	}
}

TEST(damaged_sysconfigs)
{
	for (size_t i = 0; i < sizeof(sysconfigs) / sizeof(sysconfigs[0]); i++)
		check_damaged(&sysconfigs[i], conf_parse_sysconfig);
}

/* Each of them stays wrong with good lines in front of and behind it. */
TEST(damaged_among_good_ones)
{
	static const char front[] = "# a comment\nfence_kdump_nodes a\n", behind[] = "\nauto_reset_crashkernel no\n";

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const struct damaged *d = &files[i];
		char *text;

		if (strstr(d->text, "fence") || strstr(d->text, "auto_reset") || d->text[0] == '\xef' ||
		    strstr(d->says, "in line "))
			continue;
		CHECK(asprintf(&text, "%s%s%s", front, d->text, behind) > 0);
		check_damaged(&(struct damaged){ text, d->line + 2, d->says }, conf_parse);
		free(text);
	}
}

TEST(nul_bytes)
{
	struct conf_faults faults = { 0 };
	struct conf c;

	CHECK_EQ(conf_init(&c), 0);
	CHECK_FAILS(conf_parse(&c, "name", "path /a\0b\n", 10, &faults), -EINVAL,
		    "name:1: column 8 holds a control character (0x00)");
	conf_faults_deinit(&faults);
	conf_deinit(&c);
}

TEST(every_fault_is_told)
{
	static const char text[] = "foo\npath x\nforce_rebuild 1\nforce_no_rebuild 1\nssh x\n";
	static const unsigned int lines[] = { 1, 2, 4, 5 };
	struct conf_faults faults = { 0 };
	struct conf c;

	CHECK_EQ(conf_init(&c), 0);
	CHECK_FAILS(conf_parse(&c, "name", text, strlen(text), &faults), -EINVAL, "name:1: unknown keyword \"foo\"");
	CHECK_EQ(faults.nr, 4);
	for (size_t i = 0; i < faults.nr && i < 4; i++) {
		CHECK_EQ(faults.fault[i].line, lines[i]);
		CHECK_STR(faults.fault[i].file, "name");
	}
	conf_faults_deinit(&faults);
	conf_deinit(&c);
}
