#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compiles backend/quotes.ts to backend/backend.wasm, or to $1, with the AssemblyScript compiler that
# package-lock.json names. Exits 77 when it cannot be had, and says why.
set -euo pipefail
cd "$(dirname "$0")"

command -v node >/dev/null && command -v npm >/dev/null || { echo "node or npm is missing"; exit 77; }
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 18 ] || { echo "node $major is too old for AssemblyScript: 18 or newer is needed"; exit 77; }

# Installed again only when the lock says something else than last time.
mark=node_modules/.lock-installed
if ! cmp -s package-lock.json "$mark"; then
  npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1 ||
    { echo "assemblyscript cannot be installed: $(grep -m 1 -E 'npm (error|ERR!)' npm.log)"; exit 77; }
  rm npm.log
  cp package-lock.json "$mark"
fi
node_modules/.bin/asc backend/quotes.ts -O3 --runtime stub -o "${1:-backend/backend.wasm}"
