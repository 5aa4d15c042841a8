#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compiles backend/expenses.c to backend/backend.wasm, or to $1. Exits 77 when a compiler is missing, and
# says which. METACORE_SDK: the folder sdk/ of metacore, when this one was copied elsewhere.
set -euo pipefail
cd "$(dirname "$0")"
sdk=${METACORE_SDK:-../../../sdk}
cc=${CLANG:-clang}

command -v "$cc" >/dev/null || { echo "clang is missing"; exit 77; }
command -v wasm-ld >/dev/null || command -v wasm-ld-14 >/dev/null || { echo "lld is missing"; exit 77; }
"$cc" --target=wasm32 -O2 -Wall -Wextra -nostdlib -ffreestanding -Wl,--no-entry \
  -I"$sdk/c" -o "${1:-backend/backend.wasm}" backend/expenses.c
