#!/bin/sh
# What a target of the Makefile needs: deps.sh build|test|demo.  Missing Debian
# packages are installed where that is possible; otherwise the command that
# installs them is printed and the exit code is 1.
set -u

packages= tried=
: "${CC:=cc}" # may have arguments, as in CC="ccache cc"
program() { # program NAME PACKAGE
    type "$1" >/dev/null 2>&1 || packages="$packages $2"
}
header() { # header FILE PACKAGE
    # shellcheck disable=SC2086
    if ! type "${CC%% *}" >/dev/null 2>&1 ||
        ! printf '#include <stddef.h>\n#include <stdarg.h>\n#include <stdint.h>
#include <setjmp.h>\n#include <%s>\n' "$1" |
        $CC -E -o /dev/null - 2>/dev/null; then
        packages="$packages $2"
    fi
}
file() { # file PATH... PACKAGE: the first one
    for last; do :; done
    [ -e "$1" ] || packages="$packages $last"
}

look() {
    packages=
    case $1 in
    build)
        program "${CC%% *}" gcc
        program ar binutils
        program flex flex
        program bison bison
        header stdio.h libc6-dev
        header libtcc.h libtcc-dev
        header jansson.h libjansson-dev
        header utf8proc.h libutf8proc-dev
        header uthash.h uthash-dev
        header zlib.h zlib1g-dev
        ;;
    test)
        program python3 python3
        header cmocka.h libcmocka-dev
        # what is skipped where these cannot be had either
        [ -n "$tried" ] || header png.h libpng-dev
        [ -n "$tried" ] || file /usr/lib/*/libzip.so.[0-9]* libzip4
        ;;
    demo)
        file /usr/share/games/fortunes fortunes
        ;;
    *)
        echo "deps.sh: build, test or demo?" >&2
        exit 2
        ;;
    esac
}

look "$1"
[ -n "$packages" ] || exit 0

root=
if [ "$(id -u)" != 0 ]; then
    root="sudo"
fi
echo "Debian packages are missing:$packages"
if ! type apt-get >/dev/null 2>&1; then
    echo "install them with this system's package manager, then run make again"
    exit 1
fi
if [ -z "$root" ] || type sudo >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    wait="-o DPkg::Lock::Timeout=120" # for another that installs just now
    install="$root apt-get install $wait -y -q --no-install-recommends"
    # shellcheck disable=SC2086 # lists of words
    $install $packages </dev/null ||
        { $root apt-get update -q </dev/null &&
            $install $packages </dev/null; }
fi
tried=1
look "$1"
[ -z "$packages" ] && exit 0
echo "they could not be installed here; as root, with a network:"
echo "    apt-get update && apt-get install$packages"
exit 1
