// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/conf.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY "aGVsbG8gd29ybGQsIHRoaXMgaXMgMzIgYnl0ZXMhISE="

static char warned[1000];

static void note_warning(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(warned, sizeof(warned), "%s", text);
}

/* TEXT, which has no fault. */
static void parse(struct conf *c, const char *text)
{
	struct conf_faults faults = { 0 };
	int err;

	CHECK_EQ(conf_init(c), 0);
	err = conf_parse(c, "name", text, strlen(text), &faults);
	if (err)
		printf("%s\n", err_text());
	CHECK_EQ(err, 0);
	CHECK_EQ(faults.nr, 0);
	conf_faults_deinit(&faults);
}

TEST(defaults)
{
	static const char *const empty[] = { "", "\n", "# all of it\n#path /x\n", "   \n\t\n", "#" };

	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		struct conf c;

		parse(&c, empty[i]);
		CHECK_EQ(c.nr_targets, 1);
		CHECK_EQ(c.target[0].kind, CONF_LOCAL);
		CHECK_EQ(c.target[0].line, 0);
		CHECK_STR(c.path, "/var/crash");
		CHECK_STR(c.core_collector, "makedumpfile -l --message-level 7 -d 31");
		CHECK_EQ(c.failure_action, CONF_REBOOT);
		CHECK_EQ(c.final_action, CONF_REBOOT);
		CHECK_EQ(c.deadline_s, 3600);
		CHECK_EQ(c.keep.count | c.keep.age_s | c.keep.free_bytes, 0);
		CHECK_EQ(c.builder, CONF_BUILDER_AUTO);
		CHECK(!c.kdump_pre && !c.kdump_post && !c.encrypt && !c.kernelver && !c.shell);
		conf_deinit(&c);
	}
}

TEST(targets_in_their_order)
{
	static const struct {
		enum conf_target_kind kind;
		const char *fstype, *where, *name;
	} want[] = {
		{ CONF_SSH, NULL, "kdump@server.example:2222", "kdump@server.example:2222:/dumps" },
		{ CONF_NFS, NULL, "[fe80::1]:/export", "[fe80::1]:/export/dumps (nfs)" },
		{ CONF_FS, "ext4", "UUID=1234-5", "/dumps on UUID=1234-5 (ext4)" },
		{ CONF_FS, "virtiofs", "share", "/dumps on share (virtiofs)" },
		{ CONF_RAW, NULL, "/dev/disk/by-partuuid/1", "raw partition /dev/disk/by-partuuid/1" },
		{ CONF_HTTPS, NULL, "https://server:8443/a", "https://server:8443/a" },
		{ CONF_S3, NULL, "s3://bucket/prefix", "s3://bucket/prefix" },
		{ CONF_FS, "f2fs", "/dev/mapper/a-b", "/dumps on /dev/mapper/a-b (f2fs)" },
		{ CONF_SSH, NULL, "user@[2001:db8::1:2:3:4]", "user@[2001:db8::1:2:3:4]:/dumps" },
	};
	struct conf c;

	parse(&c, "ssh kdump@server.example:2222\nnfs [fe80::1]:/export\n  ext4\tUUID=1234-5   # the second disk\nvirtiofs "
	      "share\n"
	      "raw /dev/disk/by-partuuid/1\nhttps https://server:8443/a/\ns3 s3://bucket/prefix/\nf2fs "
	      "/dev/mapper/a-b\nssh user@2001:db8::1:2:3:4\n"
	      "path /dumps\ns3_credentials /etc/kdump/s3\n");
	CHECK_EQ(c.nr_targets, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < c.nr_targets; i++) {
		char *name = conf_target_name(&c, &c.target[i]);

		CHECK_EQ(c.target[i].kind, want[i].kind);
		CHECK_EQ(c.target[i].line, i + 1);
		CHECK_STR(c.target[i].where, want[i].where);
		CHECK_STR(c.target[i].fstype ? c.target[i].fstype : "", want[i].fstype ? want[i].fstype : "");
		CHECK_STR(name, want[i].name);
		free(name);
	}
	conf_deinit(&c);
}

TEST(every_keyword)
{
	struct conf c;

	parse(&c, "path /a//b/\ncore_collector /usr/sbin/makedumpfile -F -z -d 31,16\nkdump_pre "
	      "/usr/bin/pre\nkdump_post /usr/bin/post\n"
	      "extra_bins /usr/bin/lsof ps\nextra_bins /bin/top\nextra_modules nvme_core gfs2\nfailure_action "
	      "dump_to_rootfs\n"
	      "final_action poweroff\nsshkey /root/key\nssh_known_hosts /root/hosts\ndracut_args --add \"lvm dm\" "
	      "--omit plymouth\n"
	      "fence_kdump_args -p 7410 -f auto\nfence_kdump_nodes node1 node2\nforce_rebuild 1\nforce_no_rebuild 0\n"
	      "auto_reset_crashkernel yes\nkeep count=5 age=30d free=2G\ndeadline 90m\nencrypt " KEY "\nhttps_ca /ca\n"
	      "https_credentials /web\nhttps_insecure yes\ns3_endpoint http://127.0.0.1:9000\ns3_region "
	      "eu-central-1\ns3_credentials /s3\n"
	      "shell yes\n");
	CHECK_STR(c.path, "/a//b/");
	CHECK_STR(c.core_collector, "/usr/sbin/makedumpfile -F -z -d 31,16");
	CHECK_STR(c.kdump_pre, "/usr/bin/pre");
	CHECK_STR(c.kdump_post, "/usr/bin/post");
	CHECK_EQ(c.extra_bins.nr, 3);
	CHECK_STR(c.extra_bins.word[1], "ps");
	CHECK_STR(c.extra_bins.word[2], "/bin/top");
	CHECK_EQ(c.extra_modules.nr, 2);
	CHECK_EQ(c.failure_action, CONF_DUMP_TO_ROOTFS);
	CHECK_EQ(c.final_action, CONF_POWEROFF);
	CHECK_STR(c.sshkey, "/root/key");
	CHECK_STR(c.ssh_known_hosts, "/root/hosts");
	CHECK_STR(c.dracut_args, "--add \"lvm dm\" --omit plymouth");
	CHECK_EQ(c.builder, CONF_BUILDER_DRACUT);
	CHECK_STR(c.fence_kdump_args, "-p 7410 -f auto");
	CHECK_STR(c.fence_kdump_nodes, "node1 node2");
	CHECK(c.force_rebuild && !c.force_no_rebuild && c.auto_reset_crashkernel && c.https_insecure && c.shell);
	CHECK_EQ(c.keep.count, 5);
	CHECK_EQ(c.keep.age_s, 30 * 86400);
	CHECK_EQ(c.keep.free_bytes, 2ull << 30);
	CHECK_EQ(c.deadline_s, 5400);
	CHECK_STR(c.encrypt, KEY);
	CHECK_STR(c.https_ca, "/ca");
	CHECK_STR(c.https_credentials, "/web");
	CHECK_STR(c.s3_endpoint, "http://127.0.0.1:9000");
	CHECK_STR(c.s3_region, "eu-central-1");
	CHECK_STR(c.s3_credentials, "/s3");
	conf_deinit(&c);
}

TEST(old_name_of_failure_action)
{
	struct conf c;

	err_set_warn_sink(note_warning, NULL);
	parse(&c, "\ndefault shell\n");
	err_set_warn_sink(NULL, NULL);
	CHECK_EQ(c.failure_action, CONF_SHELL);
	CHECK(c.shell);
	CHECK_STR(warned, "line 2: \"default\" is an old name: write \"failure_action shell\"");
	conf_deinit(&c);
}

/* The programs that may write the dump, and where. */
TEST(collectors)
{
	static const char *const good[] = {
		"core_collector makedumpfile\nssh a@b\n", "core_collector kdump save -z\nraw /dev/vdb\n",
		"core_collector /usr/sbin/kdump makedumpfile -c\nhttps https://h/\n",
		"core_collector cp --sparse=always\n",
		"core_collector cp\nnfs a:/b\next4 /dev/vda\n", "core_collector makedumpfile -l\nencrypt " KEY "\n",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct conf c;

		parse(&c, good[i]);
		conf_deinit(&c);
	}
}

TEST(other_ways_to_write_it)
{
	struct conf c;

	/* A file from another system, without a newline at its end; a comment right behind a value. */
	parse(&c, "path /a\r\nfinal_action halt# halt\r\ndeadline none");
	CHECK_STR(c.path, "/a");
	CHECK_EQ(c.final_action, CONF_HALT);
	CHECK_EQ(c.deadline_s, 0);
	conf_deinit(&c);
}

TEST(sysconfig)
{
	static const char text[] =
		"# as Fedora installs it\n\nKDUMP_KERNELVER=\"\"\nKDUMP_COMMANDLINE=''\n"
		"KDUMP_COMMANDLINE_REMOVE=\"hugepages hugepagesz slub_debug quiet\"  # these\n"
		"  KDUMP_COMMANDLINE_APPEND='irqpoll nr_cpus=1 "
		"dyndbg=\"x\"'\nKEXEC_ARGS=-s\nKDUMP_KMSGLOGLVL=0\nKDUMP_BOOTDIR=\"/boot\"\nKDUMP_IMG=vmlinuz\n"
		"KDUMP_IMG_EXT=\nKDUMP_STDLOGLVL=3\nFADUMP_COMMANDLINE_APPEND=\"\"\n";
	struct conf_faults faults = { 0 };
	struct conf c;

	CHECK_EQ(conf_init(&c), 0);
	err_set_warn_sink(note_warning, NULL);
	CHECK_EQ(conf_parse_sysconfig(&c, "name", text, strlen(text), &faults), 0);
	err_set_warn_sink(NULL, NULL);
	CHECK(strstr(warned, "KDUMP_STDLOGLVL has no effect"));
	CHECK(!c.kexec_args && !c.kernelver && !c.cmdline && !c.img_ext);
	CHECK_STR(c.cmdline_remove, "hugepages hugepagesz slub_debug quiet");
	CHECK_STR(c.cmdline_append, "irqpoll nr_cpus=1 dyndbg=\"x\"");
	CHECK_STR(c.bootdir, "/boot");
	CHECK_STR(c.img, "vmlinuz");
	conf_deinit(&c);
}

/* What kexec refuses, and what it takes. */
TEST(kexec_args)
{
	static const char text[] = "KEXEC_ARGS=\"--debug -s  -c --kexec-file-syscall\"\n";
	struct conf_faults faults = { 0 };
	struct conf c;

	CHECK_EQ(conf_init(&c), 0);
	err_set_warn_sink(note_warning, NULL);
	CHECK_EQ(conf_parse_sysconfig(&c, "name", text, strlen(text), &faults), 0);
	err_set_warn_sink(NULL, NULL);
	CHECK_STR(warned, "KEXEC_ARGS: \"--kexec-file-syscall\" has no effect: kexec_load is always used");
	CHECK_STR(c.kexec_args, "--debug -c");
	conf_deinit(&c);
}

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[500];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0 && !fclose(f));
}

/* Both files, with faults in one, the other, and both. */
TEST(files)
{
	char root[] = "/tmp/test_conf.XXXXXX", path[500];
	struct conf_faults faults;
	struct conf c;

	CHECK(mkdtemp(root));
	CHECK_FAILS(conf_read(&c, root, NULL, NULL), -ENOENT, "/etc/kdump.conf: No such file");
	conf_deinit(&c);
	snprintf(path, sizeof(path), "%s/etc", root);
	CHECK(!mkdir(path, 0700));
	snprintf(path, sizeof(path), "%s/etc/default", root);
	CHECK(!mkdir(path, 0700));
	write_file(root, "etc/kdump.conf", "");
	CHECK_EQ(conf_read(&c, root, NULL, &faults), 0);
	CHECK_EQ(c.nr_targets, 1);
	conf_deinit(&c);
	write_file(root, "etc/default/kdump", "KEXEC_ARGS=-c\nX=1\n");
	CHECK_FAILS(conf_read(&c, root, NULL, &faults), -EINVAL, "etc/default/kdump:2: unknown key \"X\"");
	CHECK_EQ(faults.nr, 1);
	conf_faults_deinit(&faults);
	conf_deinit(&c);
	write_file(root, "etc/kdump.conf", "path /x\npath /y\n");
	CHECK_FAILS(conf_read(&c, root, NULL, &faults), -EINVAL, "etc/kdump.conf:2: \"path\" is in line 1");
	CHECK_EQ(faults.nr, 2);
	CHECK(faults.nr == 2 && strstr(faults.fault[1].file, "etc/default/kdump"));
	conf_faults_deinit(&faults);
	conf_deinit(&c);
	/* A file named on the command line is not looked for below the root. */
	write_file(root, "other", "path /z\n");
	write_file(root, "etc/default/kdump", "KEXEC_ARGS=-c\n");
	snprintf(path, sizeof(path), "%s/other", root);
	CHECK_EQ(conf_read(&c, root, path, &faults), 0);
	CHECK_STR(c.path, "/z");
	CHECK_STR(c.kexec_args, "-c");
	conf_deinit(&c);
	CHECK_FAILS(conf_read(&c, root, root, NULL), -EISDIR, "Is a directory");
	conf_deinit(&c);
	snprintf(path, sizeof(path), "rm -r %s", root);
	CHECK(!system(path));
}

TEST(too_large)
{
	char path[] = "/tmp/test_conf.XXXXXX";
	int fd = mkstemp(path);
	struct conf c;

	CHECK(fd >= 0 && !ftruncate(fd, (1 << 20) + 1));
	CHECK_FAILS(conf_read(&c, NULL, path, NULL), -EFBIG, "which no configuration has");
	conf_deinit(&c);
	close(fd);
	unlink(path);
}
