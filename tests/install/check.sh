#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check.sh BUILD SOURCE: installs BUILD into a folder that is then moved, and builds and runs the
# embedding example against it, by find_package and by pkg-config. Every header must compile alone,
# in C and, where there is a C++ compiler, in C++.
set -uo pipefail
build=$1
source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/moved
passed=0
failed=0

check() { # NAME COMMAND…
  local name=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok - $name"
  else
    failed=$((failed + 1))
    echo "not ok - $name"
    tail -n 30 "$work/log"
  fi
}

install_and_move() {
  "$CMAKE" --install "$build" --prefix "$work/first" && mv "$work/first" "$prefix"
}

headers_alone() { # COMPILER FLAGS…
  local header
  (cd "$prefix/include" && find metacore -name '*.h') >"$work/headers"
  [ -s "$work/headers" ] || return 1
  while read -r header; do
    echo "#include \"$header\"" | "$@" -Wall -Wextra -Werror -I"$prefix/include" -fsyntax-only - || return 1
  done <"$work/headers"
}

by_find_package() {
  "$CMAKE" -S "$source/tests/install/consumer" -B "$work/consumer" -DCMAKE_C_COMPILER="$CC" \
    -DCMAKE_PREFIX_PATH="$prefix" -DEMBED_SOURCE="$source/examples/embed/main.c" &&
    "$CMAKE" --build "$work/consumer" && "$source/examples/embed/check.sh" "$work/consumer/consumer"
}

by_pkg_config() {
  local found
  found=$(find "$prefix" -name metacore.pc) && [ -n "$found" ] || return 1
  export PKG_CONFIG_PATH=${found%/*}
  # shellcheck disable=SC2046 # flags are words
  "$CC" -std=gnu17 "$source/examples/embed/main.c" -o "$work/by-pc" $(pkg-config --cflags --libs metacore) &&
    "$source/examples/embed/check.sh" "$work/by-pc"
}

guest_in_c() {
  METACORE_SDK=$prefix/share/metacore/sdk "$source/examples/addons/expenses/build.sh" "$work/expenses.wasm"
}

check "the build installs, and may be moved" install_and_move
check "an addon in C is built with the installed header" guest_in_c
check "every header compiles alone in C" headers_alone "$CC" -std=c17 -xc
if command -v c++ >/dev/null; then
  check "every header compiles alone in C++" headers_alone c++ -std=c++17 -xc++
else
  echo "skipped - every header compiles alone in C++: no C++ compiler"
fi
check "find_package gives what a program needs" by_find_package
check "pkg-config gives what a program needs" by_pkg_config
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
