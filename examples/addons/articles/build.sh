#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compiles backend/articles.rs to backend/backend.wasm, or to $1, with Debian's rustc; no cargo, no crates.
# RUSTC: another compiler, which has the target wasm32-wasi. Exits 77 when there is none, and says so.
set -euo pipefail
cd "$(dirname "$0")"
rustc=${RUSTC:-/usr/bin/rustc}

command -v "$rustc" >/dev/null || { echo "rustc is missing"; exit 77; }
[ -d "$("$rustc" --print sysroot)/lib/rustlib/wasm32-wasi" ] ||
  { echo "libstd-rust-dev-wasm32 is missing: $rustc knows no wasm32-wasi"; exit 77; }
"$rustc" --edition 2021 --target wasm32-wasi --crate-type cdylib -O -C strip=symbols \
  -o "${1:-backend/backend.wasm}" backend/articles.rs
