# muster. `make demo` shows it, `make test` checks it; README.md says the rest.
MODE ?= release
B    ?= build/$(MODE)

ifeq ($(origin CC),default)
CC      := gcc
endif
WERROR  ?= -Werror
PKGS    := libmicrohttpd sqlite3 libcurl libsodium libcrypto jansson libseccomp liblzma libarchive
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
           -Wcast-qual -Wformat=2 -Wundef $(WERROR)
HARDEN  := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
OPT     := -O2 -g -D_FORTIFY_SOURCE=2
LINK    := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
ifeq ($(MODE),san)
OPT     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LINK    += -fsanitize=address,undefined
endif
ifeq ($(MODE),cov)
OPT     := -O0 -g --coverage
LINK    += --coverage
endif
ifeq ($(MODE),fuzz)
CC      := clang
OPT     := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LINK    += -fsanitize=fuzzer,address,undefined
endif
ifeq ($(MODE),fuzzcov)
CC      := clang
OPT     := -O1 -g -fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping
LINK    += -fsanitize=fuzzer -fprofile-instr-generate
endif
VERSION := 0.1.0
CFLAGS  ?=
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -DMUSTER_VERSION='"$(VERSION)"' -I. -I$(B) \
             -ffile-prefix-map=$(CURDIR)=. $(WARN) $(HARDEN) $(OPT) $(CFLAGS)
LDLIBS   = $(shell pkg-config --libs $(PKGS)) -lpthread

SRC   := $(wildcard server/*.c server/*/*.c agent/*.c images/*.c db/*.c)
ifneq ($(filter fuzz%,$(MODE)),)
SRC   := $(wildcard server/*.c server/net/*.c server/core/*.c server/ctl/import*.c \
         server/ctl/medium_find.c agent/lldp.c images/*.c db/*.c)
endif
MAINS := server/main.c agent/main.c server/ctl/main.c
LIB   := $(B)/libmuster.a
BIN   := $(B)/musterd $(B)/muster $(B)/muster-agent
OBJ    = $(patsubst %.c,$(B)/%.o,$(1))
UNIT  := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))

.PHONY: all
all: $(BIN)
.SECONDARY: # an object is no by-product to be thrown away

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $<" && $(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# Text that the programs carry with them: db/schema.sql becomes the string embed_schema_sql.
$(B)/embed/%.h: %
	@mkdir -p $(@D)
	@(printf 'static const char embed_%s[] =\n' $(subst -,_,$(subst .,_,$(notdir $<))); \
	 sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/' $<; printf ';\n') >$@

$(B)/db/store_sqlite.o: $(B)/embed/db/schema.sql.h
EMBEDDED := $(patsubst %,$(B)/embed/ipxe-scripts/%.ipxe.in.h,boot direct hello wait)
$(B)/server/core/script.o: $(EMBEDDED)
$(B)/server/ctl/snippet.o: $(patsubst %,$(B)/embed/%.h,$(wildcard server/ctl/snippets/*.in))

$(LIB): $(call OBJ,$(filter-out $(MAINS),$(SRC)))
	@rm -f $@ && ar rcs $@ $^

$(B)/musterd: $(call OBJ,server/main.c) $(LIB)
	@echo "  LD $@" && $(CC) $(LINK) -o $@ $^ $(LDLIBS)
$(B)/muster: $(call OBJ,server/ctl/main.c) $(LIB)
	@echo "  LD $@" && $(CC) $(LINK) -o $@ $^ $(LDLIBS)
$(B)/muster-agent: $(call OBJ,agent/main.c) $(LIB)
	@echo "  LD $@" && $(CC) $(LINK) -o $@ $^ $(LDLIBS)
$(B)/unit/%: $(B)/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	@echo "  LD $@" && $(CC) $(LINK) -o $@ $^ $(LDLIBS) -lcmocka

# Programs that play a part in flow tests and benchmarks.
$(B)/support/%: $(B)/tests/support/%.o $(LIB)
	@mkdir -p $(@D)
	@echo "  LD $@" && $(CC) $(LINK) -o $@ $^ $(LDLIBS)
$(B)/bench/%: $(B)/tests/bench/%.o $(LIB)
	@mkdir -p $(@D)
	@echo "  LD $@" && $(CC) $(LINK) -o $@ $^ $(LDLIBS)
# Loaded into musterd, which brings the sanitizers with it where there are any.
$(B)/support/%.so: tests/support/%.c
	@mkdir -p $(@D)
	@echo "  LD $@" && $(CC) $(filter-out -fsanitize% --coverage -fPIE,$(ALL_CFLAGS)) -fPIC -shared -o $@ $<

# ---- what people type ----

.PHONY: demo test check boot unit san fuzz fuzz-planted fuzz-cov soak bench storm cov arrows format \
        format-check install clean

# Hosts boot before your eyes: make demo FIRMWARE=bios|uefi|uefi-http IMAGE=kvm|xen HOSTS=n KEEP=1
export FIRMWARE IMAGE HOSTS KEEP
demo:
	@tests/boot/demo.sh

LOADED  := dying failing_io other_clock
SUPPORT := $(patsubst tests/support/%.c,$(B)/support/%,$(filter-out $(LOADED:%=tests/support/%.c),\
           $(wildcard tests/support/*.c))) $(LOADED:%=$(B)/support/%.so)
BENCHES := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/*.c))
TESTED  := $(UNIT) $(SUPPORT) $(BENCHES) $(BIN)

ALL_CPUS := --no-print-directory -j$(shell nproc)

# The packages first: pkg-config can only answer once they are there, so make starts again.
test:
	@tests/support/need.sh --install build images boot test kinds
	@$(MAKE) $(ALL_CPUS) tested
.PHONY: tested
tested: $(TESTED)
	@B=$(abspath $(B)) tests/run
check: $(TESTED)
	@B=$(abspath $(B)) SKIP="$(SKIP)" tests/run unit flow
boot: $(TESTED)
	@B=$(abspath $(B)) tests/run boot
unit: $(UNIT)
	@B=$(abspath $(B)) tests/run unit
# Not where tests wait, or other people's programs work: there is nothing for the sanitizers to see.
SAN_SKIP := backup caches dhcp_clients dhcp_fault dhcp_kill full_disk install manual media metrics \
            minisign power_cut runner setup simulate transfers why_silence
san:
	@$(MAKE) $(ALL_CPUS) MODE=san check SKIP="$(SAN_SKIP)"

# Each target for FUZZ_S seconds, beginning with its corpus; a finding is left in build/fuzz.
FUZZ_S  ?= 60
FUZZ    := $(patsubst tests/fuzz/%.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZLIB := $(call OBJ,$(filter-out tests/fuzz/fuzz_%,$(wildcard tests/fuzz/*.c)))
$(B)/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FUZZLIB) $(LIB)
	@echo "  LD $@" && $(CC) $(LINK) -o $@ $^ $(LDLIBS)
fuzz fuzz-planted fuzz-cov:
	@$(MAKE) $(ALL_CPUS) MODE=$(if $(filter %cov,$@),fuzzcov,fuzz) $@-run
.PHONY: fuzz-run fuzz-planted-run fuzz-cov-run
fuzz-run: $(FUZZ)
	@set -e; for t in $(FUZZ); do name=$${t##*/fuzz_}; \
		mkdir -p $(B)/corpus/$$name tests/fuzz/corpus/$$name; \
		echo "fuzz $$name: $(FUZZ_S) s"; \
		$$t -max_total_time=$(FUZZ_S) -max_len=8192 -artifact_prefix=$(B)/ -verbosity=0 \
			$(B)/corpus/$$name tests/fuzz/corpus/$$name; done

# A target with one bug in it: the edited file comes before the library that has it without. All
# must be found; make fuzz-planted PLANTED=... SEEDS="1 2 3" for some of them.
PLANTED ?= $(patsubst tests/fuzz/planted/%.sed,%,$(wildcard tests/fuzz/planted/*.sed))
$(B)/planted/%: tests/fuzz/planted/%.sed $(FUZZ)
	@mkdir -p $(@D) && echo "  CC $@" && tests/fuzz/plant.sh $< $@.c
	@$(CC) $(ALL_CFLAGS) -w -c $@.c -o $@.o
	@$(CC) $(LINK) -o $@ $@.o $(B)/tests/fuzz/fuzz_$(firstword $(subst -, ,$*)).o $(FUZZLIB) \
		$(LIB) $(LDLIBS)
fuzz-planted-run: $(addprefix $(B)/planted/,$(PLANTED))
	@tests/fuzz/planted.sh $(B) $(PLANTED)

# Lines of the parsers that the corpus reaches by itself.
fuzz-cov-run: $(FUZZ)
	@tests/fuzz/coverage.sh $(B)

# Hours of the same: long fuzzing, many kills and failing disks, then every test, in its long form,
# again and again.
SOAK_ROUNDS ?= 20
soak: $(TESTED)
	$(MAKE) fuzz FUZZ_S=1800
	$(MAKE) fuzz-planted
	$(MAKE) fuzz-cov
	B=$(abspath $(B)) KILLS=200 FAULTS=200 TIMEOUT_FLOW=3600 tests/run flow dhcp_kill dhcp_fault
	@set -e; for i in $$(seq $(SOAK_ROUNDS)); do echo "round $$i of $(SOAK_ROUNDS)"; \
		SOAK=1 B=$(abspath $(B)) tests/run; done

bench: $(BIN) $(BENCHES)
	@tests/bench/bench.sh $(BENCH)

# A thousand simulated hosts at once; make storm STORM=100 for fewer.
STORM ?= 1000
storm: $(BIN)
	@B=$(abspath $(B)) tests/bench/storm.sh $(STORM)

# Lines of each source file that the unit tests reach.
cov:
	@rm -rf build/cov && $(MAKE) $(ALL_CPUS) MODE=cov unit
	@gcov -n $$(find build/cov -name '*.gcda' ! -path '*/tests/*') 2>/dev/null | \
		awk '/^File/ {f = $$2} /^Lines/ && f ~ /^.(server|agent|images|db)/ {split($$2, p, ":"); \
			printf "%8s of %5s lines  %s\n", p[2], $$4, f; f = ""}' | sort -rn

arrows:
	@tests/support/arrows.sh
FORMATTED = $(shell git ls-files '*.c' '*.h')
format:
	clang-format -i $(FORMATTED)
format-check:
	@! git grep -nE '^(<{7}|>{7}) ' # what a merge has left
	@clang-format --dry-run -Werror $(FORMATTED) && echo "$(words $(FORMATTED)) files are formatted"

PREFIX ?= /usr
install: $(BIN)
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/sbin $(B)/musterd
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(B)/muster
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/lib/muster $(B)/muster-agent
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/share/muster/recipes $(filter-out %/lib.sh,$(wildcard images/recipes/*.sh))
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/muster/recipes images/recipes/lib.sh
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/muster/recipes/files $(wildcard images/recipes/files/*)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man8 docs/man/musterd.8
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man5 docs/man/muster.conf.5
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(B)/muster help --completion >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/muster
	$(B)/muster help --man >$(DESTDIR)$(PREFIX)/share/man/man1/muster.1
	for noun in $$($(B)/muster help --man | sed -n 's/^\.BR muster\\-\([a-z]*\) (1),/\1/p'); do \
		$(B)/muster help --man $$noun >$(DESTDIR)$(PREFIX)/share/man/man1/muster-$$noun.1; done
	install -D -m 644 -t $(DESTDIR)/lib/systemd/system debian/musterd.service
	sed -i 's,/usr/sbin/musterd,$(PREFIX)/sbin/musterd,' $(DESTDIR)/lib/systemd/system/musterd.service
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/muster debian/muster.conf

clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
