// SPDX-License-Identifier: GPL-2.0-or-later
/* What of "kdump capture" can be told without a capture kernel: texts, names, times. */
#include "kdump/capture/guardian.h"
#include "kdump/capture/klog.h"
#include "kdump/capture/mounts.h"
#include "kdump/capture/names.h"
#include "kdump/capture/network.h"
#include "kdump/capture/setup.h"
#include "kdump/capture/supervise.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

TEST(folders_are_named_as_fedora_names_them)
{
	struct tm when = { .tm_year = 126, .tm_mon = 10, .tm_mday = 21, .tm_hour = 10, .tm_min = 1, .tm_sec = 2 };
	char *name = name_of_dump("127.0.0.1", &when, 1);

	CHECK_STR(name, "127.0.0.1-2026-11-21-10:01:02");
	free(name);
	name = name_of_dump("a/b c", &when, 3);
	CHECK_STR(name, "a_b_c-2026-11-21-10:01:02-3");
	free(name);
}

TEST(paths_are_joined_by_one_slash)
{
	static const char *const cases[][3] = { { "/a", "b", "/a/b" }, { "/a/", "/b", "/a/b" }, { "/", "var", "/var" },
		{ "s3://b", "n", "s3://b/n" }, { "/a//", "", "/a/" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *name = name_join(cases[i][0], cases[i][1]);

		CHECK_STR(name, cases[i][2]);
		free(name);
	}
}

TEST(shares_leave_time_for_others_and_are_never_more_than_is_left)
{
	CHECK_EQ(share_ms(1000, 1), 1000);
	CHECK_EQ(share_ms(1000, 2), 750);
	CHECK_EQ(share_ms(0, 3), 0);
	CHECK_EQ(share_ms(UINT64_MAX, 3), UINT64_MAX);
	for (unsigned int nr = 2; nr < 40; nr++) {
		uint64_t share = share_ms(3600000, nr);

		CHECK(share >= 3600000 / 2 - nr * 40 && share <= 3600000 / 4 * 3);
	}
	CHECK_EQ(capture_later(5, UINT64_MAX), UINT64_MAX);
}

static void words_are(const char *line, bool want_ours, const char *const *want)
{
	bool ours;
	const char **words = collector_words(line, 2, &ours);
	size_t n = 0;

	CHECK_EQ(ours, want_ours);
	for (; want[n]; n++) {
		CHECK(words[n]);
		if (words[n])
			CHECK_STR(words[n], want[n]);
	}
	CHECK(!words[n]);
	/* The room that was asked for is there, and what follows it is not ours to write. */
	words[n] = words[n + 1] = "more";
	words[n + 2] = NULL;
	free(words);
}

TEST(the_collector)
{
	const char *dump[] = { "/proc/self/exe", "makedumpfile", "-l", "-d", "31", NULL };
	const char *save[] = { "/proc/self/exe", "save", "-z", NULL };

	words_are("makedumpfile -l  -d\t31", true, dump);
	words_are("/usr/sbin/makedumpfile -l -d 31 ", true, dump);
	words_are("kdump save -z", true, save);
	words_are("cp", false, (const char *[]){ "cp", NULL });
	words_are("cp -a --sparse", false, (const char *[]){ "cp", "-a", "--sparse", NULL });
	words_are("", false, (const char *[]){ NULL });
	words_are("a b c d e f", false, (const char *[]){ "a", "b", "c", "d", "e", "f", NULL });
	CHECK(collector_flattens((const char *[]){ "makedumpfile", "-lF", NULL }));
	CHECK(collector_flattens((const char *[]){ "x", "--flattened", NULL }));
	CHECK(!collector_flattens((const char *[]){ "x", "--File", "F", NULL }));
	CHECK(collector_checkable((const char *[]){ "/bin/cp", NULL }, false));
	CHECK(!collector_checkable((const char *[]){ "gzip", NULL }, false));
	CHECK(!collector_checkable((const char *[]){ NULL }, false));
}

TEST(records_of_the_log)
{
	struct blob text;

	blob_init(&text);
	CHECK_EQ(klog_append(text_of_string("6,339,5140900,-;NET: Registered\n SUBSYSTEM=x\n"), &text), 0);
	CHECK_EQ(klog_append(text_of_string("12,340,65140900,-,caller=T1;kdump: word; and word\n"), &text), 0);
	CHECK_EQ(klog_append(text_of_string("no record"), &text), 0);
	CHECK_EQ(klog_append(text_of_string("6,1,x,-;no time\n"), &text), 0);
	CHECK_EQ(klog_append(text_of_string(""), &text), 0);
	CHECK_STR((char *)text.data, "[    5.140900] NET: Registered\n[   65.140900] kdump: word; and word\n");
	blob_deinit(&text);
}

TEST(levels_of_words)
{
	struct text line = text_of_string("<3>broken");

	CHECK_EQ(say_take_level(&line), SAY_ERROR);
	CHECK(text_is(&line, "broken"));
	line = text_of_string("<9>no level");
	CHECK_EQ(say_take_level(&line), SAY_NOTICE);
	CHECK(text_is(&line, "<9>no level"));
	line = text_of_string("<3");
	CHECK_EQ(say_take_level(&line), SAY_NOTICE);
}

TEST(processes_of_a_session)
{
	uint64_t session = 7, ticks = 7;

	CHECK(session_parse_stat(text_of_string("12 (a) b (c)) S 1 12 34 0 -1 4194560 1 2 3 4 100 23 5 6 20 0 1\n"),
				 &session, &ticks));
	CHECK_EQ(session, 34);
	CHECK_EQ(ticks, 123);
	CHECK(!session_parse_stat(text_of_string("12 a S 1 12 34"), &session, &ticks));
	CHECK(!session_parse_stat(text_of_string("12 (a) S 1 12 x 0 -1 4 1 2 3 4 100 23"), &session, &ticks));
	CHECK(!session_parse_stat(text_of_string("12 (a) S 1 12 34 0 -1"), &session, &ticks));
	CHECK(!session_parse_stat(text_of_string(""), &session, &ticks));
	CHECK(session_work(getsid(0)).processes > 0);
}

TEST(mount_options)
{
	struct mount_options m;

	CHECK_EQ(mount_options_parse("ro,noatime,errors=remount-ro,x-systemd.automount,nofail,data=ordered,nodev", &m),
		 0);
	CHECK_EQ(m.flags, 1024 | 4); /* MS_NOATIME | MS_NODEV */
	CHECK_STR(m.data, "errors=remount-ro,data=ordered");
	CHECK(mount_data_has(m.data, "data") && mount_data_has(m.data, "errors") && !mount_data_has(m.data, "dat"));
	mount_options_deinit(&m);
	CHECK_EQ(mount_options_parse("-", &m), 0);
	CHECK_EQ(m.flags, 0);
	CHECK_STR(m.data, "");
	mount_options_deinit(&m);
	CHECK_EQ(mount_options_parse("defaults,,rw", &m), 0);
	CHECK_STR(m.data, "");
	mount_options_deinit(&m);
}

TEST(nfs_is_mounted_so_that_it_cannot_hang)
{
	char version[8], *data = mount_nfs_data("hard,vers=4.2,rsize=8192,addr=1.2.3.4,clientaddr=5.6.7.8,proto=tcp6",
						"10.0.2.2", "4.2");

	CHECK_STR(data, "rsize=8192,proto=tcp6,vers=4.2,addr=10.0.2.2,soft,timeo=100,retrans=3,nolock");
	free(data);
	data = mount_nfs_data("softerr,timeo=50,retrans=1,local_lock=all", "::1", "3");
	CHECK_STR(data, "softerr,timeo=50,retrans=1,local_lock=all,vers=3,addr=::1,proto=tcp");
	free(data);
	CHECK(mount_nfs_version("a,nfsvers=4.1", version, sizeof(version)));
	CHECK_STR(version, "4.1");
	CHECK(!mount_nfs_version("version=4", version, sizeof(version)));
	CHECK(!mount_nfs_version("vers=4.1234567", version, sizeof(version)));
}

TEST(what_is_mounted_where)
{
	static const char info[] = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
				   "23 22 8:2 / /a\\040b rw shared:1 - xfs /dev/sda2 rw\n"
				   "24 22 8:3 /sub /c rw - btrfs x rw\nrubbish\n25 22 8:2x / /d rw\n26 22 8:4 / ";
	char *place = mount_find(info, strlen(info), 8, 1);

	CHECK_STR(place, "/");
	free(place);
	place = mount_find(info, strlen(info), 8, 2);
	CHECK_STR(place, "/a b");
	free(place);
	CHECK(!mount_find(info, strlen(info), 8, 3));
	CHECK(!mount_find(info, strlen(info), 8, 4));
	CHECK(!mount_find(info, 0, 8, 1));
}

TEST(networks)
{
	struct network_prefix p;
	char *text;

	CHECK_EQ(network_parse_prefix("10.0.2.15/24", NULL, &p), 0);
	CHECK(p.family == AF_INET && p.bits == 24 && p.address[0] == 10 && p.address[3] == 15);
	CHECK_EQ(network_parse_prefix("fe80::1/64", NULL, &p), 0);
	CHECK(p.family == AF_INET6 && p.bits == 64 && p.address[15] == 1);
	CHECK_EQ(network_parse_prefix("10.0.2.2", NULL, &p), 0);
	CHECK_EQ(p.bits, 32);
	CHECK_EQ(network_parse_prefix("default", "fe80::1", &p), 0);
	CHECK(p.family == AF_INET6 && !p.bits);
	CHECK_EQ(network_parse_prefix("default", "-", &p), 0);
	CHECK(p.family == AF_INET && !p.bits);
	CHECK_EQ(network_parse_prefix("10.0.2.15/33", NULL, &p), -EINVAL);
	CHECK_EQ(network_parse_prefix("10.0.2", NULL, &p), -EINVAL);
	CHECK_EQ(network_parse_prefix("10.0.2.2/", NULL, &p), -EINVAL);
	CHECK_EQ(network_parse_prefix("", NULL, &p), -EINVAL);
	CHECK_EQ(network_server("dumps:/srv", &text), 0);
	CHECK_STR(text, "dumps");
	free(text);
	CHECK_EQ(network_server("[fe80::1]:/srv", &text), 0);
	CHECK_STR(text, "fe80::1");
	free(text);
	CHECK_EQ(network_server("dumps", &text), -EINVAL);
	CHECK_EQ(network_server(":/srv", &text), -EINVAL);
	CHECK_EQ(network_server("[::1", &text), -EINVAL);
	CHECK_EQ(network_server("[]:/x", &text), -EINVAL);
}

static struct facts facts_of(const char *text)
{
	struct facts f;

	CHECK_EQ(facts_parse(&f, "facts", text, strlen(text)), 0);
	return f;
}

TEST(names_from_facts)
{
	struct capture c = { .facts = facts_of("hostname box\nrelease 6.1\nmodule kernel/a.ko x=1 y\nmodule /m/b.ko\n"
					       "host dumps 10.0.2.2\naddress eth0 fe80::5/64\n"
					       "address eth0 192.0.2.7/24\n") };
	const struct fact *module = facts_next(&c.facts, "module", NULL);
	char *text = network_own_address(&c.facts);

	CHECK_STR(text, "192.0.2.7");
	free(text);
	CHECK_EQ(network_address_of(&c, "dumps", &text), 0);
	CHECK_STR(text, "10.0.2.2");
	free(text);
	CHECK_EQ(network_address_of(&c, "::1", &text), 0);
	CHECK_STR(text, "::1");
	free(text);
	CHECK_EQ(network_address_of(&c, "nobody", &text), -ENOENT);
	text = setup_module_path(&c.facts, module->word[0]);
	CHECK_STR(text, "/lib/modules/6.1/kernel/a.ko");
	free(text);
	text = setup_module_options(module);
	CHECK_STR(text, "x=1 y");
	free(text);
	text = setup_module_path(&c.facts, "/m/b.ko");
	CHECK_STR(text, "/m/b.ko");
	free(text);
	facts_deinit(&c.facts);
	c.facts = facts_of("hostname box\naddress lo 127.0.0.1/8\naddress e fe80::1/64\n");
	text = network_own_address(&c.facts);
	CHECK_STR(text, "box");
	free(text);
	facts_deinit(&c.facts);
}

TEST(actions)
{
	struct conf conf = { .failure_action = CONF_HALT, .final_action = CONF_POWEROFF };

	CHECK_EQ(guardian_action(&conf, CAPTURE_SAVED), CONF_POWEROFF);
	CHECK_EQ(guardian_action(&conf, CAPTURE_DECLINED), CONF_POWEROFF);
	CHECK_EQ(guardian_action(&conf, CAPTURE_FAILED), CONF_HALT);
	CHECK_EQ(guardian_action(&conf, CAPTURE_INCOMPLETE), CONF_HALT);
	CHECK_EQ(guardian_action(&conf, 139), CONF_HALT);
	conf.failure_action = CONF_DUMP_TO_ROOTFS;
	CHECK_EQ(guardian_action(&conf, CAPTURE_FAILED), CONF_POWEROFF);
}

/* ---- children ---- */

static int answer(struct capture *c, void *ctx)
{
	(void)c;
	printf("<3>heard\nas well\n");
	return *(int *)ctx;
}

static int sleep_for_ever(struct capture *c, void *ctx)
{
	(void)c;
	(void)ctx;
	while (pause())
		;
	return 0;
}

static int leave_one_behind(struct capture *c, void *ctx)
{
	if (!fork())
		sleep_for_ever(c, ctx);
	return 0;
}

static struct capture listening(char path[32])
{
	struct capture c = { .say = { .fd = -1 } };
	int fd;

	strcpy(path, "/tmp/capture-XXXXXX");
	fd = mkstemp(path);
	close(fd);
	say_init(&c.say, path);
	return c;
}

static void heard_was(struct capture *c, const char *path, const char *want)
{
	char text[256] = "";
	FILE *f = fopen(path, "r");

	CHECK(f && fread(text, 1, sizeof(text) - 1, f) == strlen(want));
	CHECK_STR(text, want);
	fclose(f);
	say_deinit(&c->say);
	unlink(path);
}

TEST(children_are_heard)
{
	char path[32];
	struct capture c = listening(path);
	int want = 42;
	struct supervised s = { .what = "answer", .run = answer, .ctx = &want, .limit_ms = UINT64_MAX };

	CHECK_EQ(supervise(&c, &s), 42);
	heard_was(&c, path, "kdump: heard\nkdump: as well\n");
}

TEST(children_that_hang_are_ended)
{
	char path[32];
	struct capture c = listening(path);
	struct supervised limit = { .what = "limit", .run = sleep_for_ever, .limit_ms = capture_now_ms() + 100 };
	struct supervised stall = { .what = "stall", .run = sleep_for_ever, .limit_ms = UINT64_MAX, .stall_ms = 100 };
	struct supervised behind = { .what = "behind", .run = leave_one_behind, .limit_ms = UINT64_MAX };

	CHECK_EQ(supervise(&c, &limit), -ETIMEDOUT);
	CHECK_STR(err_text(), "limit: its time is up, it was ended");
	CHECK_EQ(supervise(&c, &stall), -ETIMEDOUT);
	CHECK_STR(err_text(), "stall: nothing has moved for too long, it was ended");
	/* Ends at once, although the pipe is held open by one that would stay for ever. */
	CHECK_EQ(supervise(&c, &behind), 0);
	heard_was(&c, path, "");
}

static int tell_oom_score(struct capture *c, void *ctx)
{
	int fd = open("/proc/self/oom_score_adj", O_RDONLY), score;
	char text[16] = "";

	(void)c;
	(void)ctx;
	score = read(fd, text, sizeof(text) - 1) > 0 ? atoi(text) : -1;
	close(fd);
	return score;
}

/* Whoever cannot be chosen when memory runs out starts children that can. */
TEST(children_may_be_chosen_when_memory_runs_out)
{
	struct capture c = { .say = { .fd = -1 } };
	struct supervised s = { .what = "score", .run = tell_oom_score, .limit_ms = UINT64_MAX };
	int fd = open("/proc/self/oom_score_adj", O_RDWR);
	char before[16] = "";

	/* Higher is what everybody may set; that it is another is what counts. */
	CHECK(read(fd, before, sizeof(before) - 1) > 0 && pwrite(fd, "77", 2, 0) == 2);
	CHECK_EQ(supervise(&c, &s), 0);
	CHECK(pwrite(fd, before, strlen(before), 0) > 0);
	close(fd);
}

/* Whoever looks at it again and again spends time of the CPU, and is never found to stand still. */
TEST(programs_are_waited_for_at_rest)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	CHECK_EQ(child_run((const char *[]){ "sleep", "1", NULL }, -1, UINT64_MAX, UINT64_MAX), 0);
	getrusage(RUSAGE_SELF, &after);
	CHECK(after.ru_nvcsw - before.ru_nvcsw < 10);
}

TEST(programs_are_ended_in_time)
{
	uint64_t now = capture_now_ms();
	const char *stubborn[] = { "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done", NULL };

	CHECK_EQ(child_run((const char *[]){ "sh", "-c", "exit 3", NULL }, -1, UINT64_MAX, UINT64_MAX), 3);
	CHECK_EQ(child_run((const char *[]){ "sleep", "1000", NULL }, -1, now + 50, UINT64_MAX), 128 + SIGTERM);
	CHECK_EQ(child_run(stubborn, -1, now + 100, capture_now_ms() + 400), 128 + SIGKILL);
}
