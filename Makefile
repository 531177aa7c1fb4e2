# cellc.  `make` builds build/cellc, build/libcellc.a and build/libcellrt.a;
# `make test` ends with "N passed, N failed, N skipped"; `make demo` trains a
# character model; `make examples` runs examples/ in short, `make examples-full` in
# full.  V=1 shows the commands.  New files need no line here.

VERSION = 0.1.0
PREFIX = /usr/local
CC = cc
AR = ar
O = -O2
CPPFLAGS = -D_DEFAULT_SOURCE -D_XOPEN_SOURCE=700 \
           -iquote build -iquote compiler
CFLAGS = -g -fPIC -ffp-contract=off
WARN = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
       -Wmissing-prototypes -pedantic -Werror
TCC = -ltcc
RTLIBS = -ljansson -lutf8proc -lz -lpthread -ldl -lm
LIBS = $(TCC) $(RTLIBS)
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined

Q = $(if $(V),,@)
SAY = $(if $(V),@:,@printf '  %-7s %s\n')
ifeq ($(filter clean,$(MAKECMDGOALS)),)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

# Kernels in GNU vectors and loops that are vectorised; each is compiled for all
# instruction sets at once.
VECTOR = $(addprefix runtime/,$(addsuffix .c,gemm kernels matrix rows sweep \
	chain strips clip optim gradient))
GENERATED = build/lex.yy.c build/parse.tab.c build/prelude.c build/embed.c
DRIVER = compiler/main.c $(wildcard compiler/verbs/*.c)
COMPILER = $(filter-out $(DRIVER),$(wildcard compiler/*.c)) $(GENERATED)
RUNTIME = $(wildcard runtime/*.c)
TEST = $(notdir $(wildcard tests/unit/*_test.c tests/*/*tool.c))
vpath %.c tests/unit $(sort $(dir $(wildcard tests/*/*tool.c)))
PRELUDE = $(sort $(wildcard compiler/prelude/*.cell compiler/prelude/cells/*))

flags = $(CPPFLAGS) $(if $(filter build/%,$<),,$(WARN)) $(if $(filter \
	$(VECTOR),$<),-std=gnu99 -O3 -fno-math-errno -fno-trapping-math \
	-Wno-pass-failed, \
	-std=c99 $(O)) $(CFLAGS) $(if $(findstring drv_build,$<), \
	-DCELLC_DATADIR='"$(PREFIX)/lib/cellc"' \
	-DCELLC_RTLIBS='"$(RTLIBS)"') -DCELLC_VERSION='"$(VERSION)"'

all: build/cellc build/libcellc.a build/libcellrt.a

# What is built, once plainly in build/ and once sanitized in build/san/:
# $1 folder, $2 flags of its own.
define TREE
$1/o/%.o: %.c build/deps-build
	$(SAY) CC $$@
	$(Q)mkdir -p $$(@D)
	$(Q)$(CC) $$(flags) $2 -MMD -MP -c -o $$@ $$<

$1/libcellc.a: $(COMPILER:%.c=$1/o/%.o)
$1/libcellrt.a: $(RUNTIME:%.c=$1/o/%.o)
$1/%.a:
	$(SAY) AR $$@
	$(Q)rm -f $$@ && $(AR) rcs $$@ $$^

$1/cellc: $(DRIVER:%.c=$1/o/%.o) $1/libcellc.a $1/libcellrt.a
	$(SAY) LD $$@
	$(Q)$(CC) $2 -o $$@ $$^ $(LIBS)

$1/test/%: %.c $1/libcellc.a $1/libcellrt.a build/deps-test
	$(SAY) TEST $$@
	$(Q)mkdir -p $$(@D)
	$(Q)$(CC) $$(flags) -iquote runtime $2 -MMD -MP -o $$@ $$(filter %.c %.a,$$^) \
		-lcmocka $(LIBS)

$1/tests: $(TEST:%.c=$1/test/%) $1/cellc
.PHONY: $1/tests
endef
$(eval $(call TREE,build,))
$(eval $(call TREE,build/san,$$(SANITIZE) -O1 -fno-omit-frame-pointer))
$(COMPILER:%.c=build/o/%.o) $(COMPILER:%.c=build/san/o/%.o): \
	| build/parse.tab.h

build/deps-%: tools/deps.sh
	$(Q)mkdir -p build
	$(Q)tools/deps.sh $*
	$(Q)touch $@

build/parse.tab.c build/parse.tab.h &: compiler/parse.y build/deps-build
	$(SAY) BISON build/parse.tab.c
	$(Q)bison -o build/parse.tab.c --header=build/parse.tab.h $<

build/lex.yy.c: compiler/lex.l build/deps-build
	$(SAY) FLEX $@
	$(Q)flex -o $@ $<

build/prelude.c: tools/prelude.sh $(PRELUDE) build/deps-build
	$(SAY) EMBED $@
	$(Q)tools/prelude.sh $(PRELUDE) >$@

build/embed.c: tools/embed.sh runtime/vmath.h runtime/emitrt.h \
		runtime/squarert.h runtime/streamrt.h runtime/fewbits.h \
		runtime/unroll.h runtime/each_isa.h runtime/sweep.h \
		runtime/sweepop.inc runtime/cellrt.h build/deps-build
	$(SAY) EMBED $@
	$(Q)tools/embed.sh vmath runtime/vmath.h emitrt runtime/emitrt.h \
		squarert runtime/squarert.h streamrt runtime/streamrt.h \
		fewbits runtime/fewbits.h unroll runtime/unroll.h \
		isas runtime/each_isa.h sweep runtime/sweep.h \
		sweepop runtime/sweepop.inc cellrt runtime/cellrt.h >$@

test: all build/tests build/san/tests build/deps-test
	$(Q)tests/run.sh
test-all: all build/tests build/san/tests build/deps-test
	$(Q)tests/run.sh --all
bless: build/tests
	$(Q)tests/run.sh --bless
san: build/san/tests build/deps-test
	$(Q)tests/run.sh --san
fuzz: build/deps-test
	$(Q)tools/fuzz.sh
bench: all
	$(Q)bench/run
demo: all build/deps-demo
	$(Q)tools/demo.sh
examples: all
	$(Q)examples/run
examples-full: all
	$(Q)examples/run --full
fmt:
	$(Q)clang-format -i $(filter-out build/%,$(COMPILER)) $(DRIVER) \
		$(RUNTIME) $(wildcard */*.h compiler/verbs/*.h tests/*/*.[ch])

install: all
	$(Q)tools/install.sh '$(DESTDIR)$(PREFIX)' '$(PREFIX)' '$(VERSION)' \
		'$(RTLIBS)' '$(TCC)'
clean:
	$(Q)rm -rf build

.PHONY: all test test-all bless san fuzz bench demo examples examples-full \
	fmt install clean
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find build -name '*.d' 2>/dev/null)
