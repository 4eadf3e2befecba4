# muster. `make demo` shows it, `make test` checks it; README.md says the rest.
MODE ?= release
B    ?= build/$(MODE)

ifeq ($(origin CC),default)
CC      := gcc
endif
WERROR  ?= -Werror
PKGS    := libmicrohttpd sqlite3 libcurl libsodium libcrypto jansson libseccomp
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
VERSION := 0.1.0
CFLAGS  ?=
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -DMUSTER_VERSION='"$(VERSION)"' -I. -I$(B) $(WARN) $(HARDEN) $(OPT) $(CFLAGS)
LDLIBS   = $(shell pkg-config --libs $(PKGS)) -lpthread

SRC   := $(wildcard server/*.c server/*/*.c agent/*.c images/*.c db/*.c)
MAINS := server/main.c agent/main.c server/ctl/main.c
LIB   := $(B)/libmuster.a
BIN   := $(B)/musterd $(B)/muster $(B)/muster-agent
OBJ    = $(patsubst %.c,$(B)/%.o,$(1))
UNIT  := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))

.PHONY: all
all: $(BIN)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $<" && $(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# Text that the programs carry with them: db/schema.sql becomes the string embed_schema_sql.
$(B)/embed/%.h: %
	@mkdir -p $(@D)
	@(printf 'static const char embed_%s[] =\n' $(subst -,_,$(subst .,_,$(notdir $<))); \
	 sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/' $<; printf ';\n') >$@

$(B)/db/store_sqlite.o: $(B)/embed/db/schema.sql.h
$(B)/server/core/script.o: $(patsubst %,$(B)/embed/ipxe-scripts/%.ipxe.in.h,boot hello wait)

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

# Programs that play a part in flow tests.
$(B)/support/%: $(B)/tests/support/%.o $(LIB)
	@mkdir -p $(@D)
	@echo "  LD $@" && $(CC) $(LINK) -o $@ $^ $(LDLIBS)

.PHONY: unit
unit: $(UNIT)
	@set -e; for t in $^; do $$t; done

.PHONY: clean
clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
