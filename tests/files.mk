# Unit tests: every tests/unit/test_*.c is a program of its own. Fuzz targets: every tests/fuzz/fuzz_*.c, built here to replay its corpus.
UNIT_TESTS = $(patsubst $(srcdir)/%.c,%,$(sort $(wildcard $(srcdir)/tests/unit/test_*.c)))
FUZZ_TESTS = $(patsubst $(srcdir)/%.c,%,$(sort $(wildcard $(srcdir)/tests/fuzz/fuzz_*.c)))
TESTS_CLEAN = $(UNIT_TESTS) $(FUZZ_TESTS) tests/bench/digest tests/unit/*.d tests/fuzz/*.d tests/bench/*.d

.PHONY: check unit-tests fuzz-replay $(UNIT_TESTS:=.run) $(FUZZ_TESTS:=.run)
unit-tests: $(UNIT_TESTS)
fuzz-replay: $(FUZZ_TESTS)

# With -k one run shows everything that fails, with -j and -O several run beside each other.
check: all $(UNIT_TESTS:=.run) $(FUZZ_TESTS:=.run)

$(UNIT_TESTS:=.run): %.run: % all
	@printf '%s: ' $*; TESTS_SRCDIR=$(srcdir)/tests TESTS_BUILDDIR=. ./$*

$(FUZZ_TESTS:=.run): %.run: % all
	@printf '%s: ' $*; ./$* $(srcdir)/tests/fuzz/corpus/$(patsubst fuzz_%,%,$(notdir $*))

tests/unit/%: tests/unit/%.c libkexec.a libkdump.a libservice.a libparachute.a
	@mkdir -p $(@D)
	$(call QUIET,CC)$(COMPILE) $(LDFLAGS) -o $@ $< libkexec.a libkdump.a libservice.a libparachute.a $(KDUMP_LIBS) $(LIBS)

tests/fuzz/%: tests/fuzz/%.c libkexec.a libkdump.a libservice.a libparachute.a
	@mkdir -p $(@D)
	$(call QUIET,CC)$(COMPILE) -DFUZZ_REPLAY $(LDFLAGS) -o $@ $< libkexec.a libkdump.a libservice.a libparachute.a $(KDUMP_LIBS) $(LIBS)

# Speed and memory against the peers of Debian, measured in the same run; see doc/performance.md. Needs what ./check installs.
.PHONY: bench
bench: all tests/bench/digest
	$(srcdir)/tests/setup/guest-files x86_64 arm64 peer
	/usr/bin/python3 $(srcdir)/tests/bench/digest.py tests/bench/digest
	/usr/bin/python3 $(srcdir)/tests/bench/instructions.py .
	/usr/bin/python3 $(srcdir)/tests/bench/planning.py sbin/kexec
	$(srcdir)/tests/setup/static-build x86_64 arm64
	/usr/bin/python3 $(srcdir)/tests/bench/loading.py --arch x86_64
	/usr/bin/python3 $(srcdir)/tests/bench/loading.py --arch arm64
	/usr/bin/python3 $(srcdir)/tests/bench/saving.py sbin/kdump --disk . --huge
	/usr/bin/python3 $(srcdir)/tests/bench/transport.py sbin/kdump

tests/bench/digest: tests/bench/digest.c libkexec.a libparachute.a
	@mkdir -p $(@D)
	$(call QUIET,CC)$(COMPILE) $(LDFLAGS) -o $@ $< libkexec.a libparachute.a $(LIBS)

-include $(UNIT_TESTS:=.d) $(FUZZ_TESTS:=.d)
