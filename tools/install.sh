#!/bin/sh
# install.sh ROOT PREFIX VERSION RTLIBS TCC: puts what `make` built under ROOT;
# PREFIX is where it will be found (ROOT without a package's staging folder).
set -eu
root=$1 prefix=$2 version=$3 rtlibs=$4 tcc=$5

install -d "$root/bin" "$root/lib/cellc" "$root/lib/pkgconfig" \
    "$root/include/cellc/compiler" "$root/include/cellc/runtime"
install -m 755 build/cellc "$root/bin/cellc"
install -m 644 build/libcellc.a build/libcellrt.a "$root/lib"
install -m 644 compiler/cellc.h "$root/include/cellc/compiler"
install -m 644 runtime/*.h "$root/include/cellc/runtime"
# What `cellc build` gives the C compiler.
install -m 644 build/libcellrt.a runtime/*.h "$root/lib/cellc"
sed -e "s|@prefix@|$prefix|; s|@version@|$version|; s|@tcc@|$tcc|" \
    -e "s|@rtlibs@|$rtlibs|" >"$root/lib/pkgconfig/cellc.pc" <<END
prefix=@prefix@
includedir=\${prefix}/include/cellc
libdir=\${prefix}/lib

Name: cellc
Description: the compiler for recurrent networks, as a library
Version: @version@
Cflags: -I\${includedir}/compiler -I\${includedir}/runtime
Libs: -L\${libdir} -lcellc -lcellrt @tcc@ @rtlibs@ -ldl
END
