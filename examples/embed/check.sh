#!/usr/bin/env bash
# Runs the embedding example the way its reader would: check.sh PROGRAM
set -uo pipefail
data=$(mktemp -d)
"$1" "$data" >"$data/out" 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null; wait $pid 2>/dev/null; rm -rf "$data"' EXIT

failed=0 passed=0
check() { # NAME WANTED GOT
  if [[ $3 == *"$2"* ]]; then passed=$((passed + 1)); echo "ok - $1"
  else failed=$((failed + 1)); echo "not ok - $1"; echo "    wanted: $2"; echo "    got:    $3"; fi
}

for _ in $(seq 200); do grep -q 'listening on' "$data/out" && break; sleep 0.1; done
url=$(sed -n 's/.*listening on //p' "$data/out")/api
json='content-type: application/json'
token=$(curl -s "$url/auth/login" -H "$json" -d '{"email":"owner@example.com","password":"metacore-demo"}' |
  sed 's/.*"token":"\([^"]*\)".*/\1/')
auth="authorization: Bearer $token"

check "the host's own route answers whoever signed in" '{"data":{"hello":"owner@example.com"},"success":true}' \
  "$(curl -s "$url/greeting" -H "$auth")"
check "the host's own route asks for a token" '"success":false' "$(curl -s "$url/greeting")"
check "a model declared in code takes rows" '"price":12345678901234.5678' \
  "$(curl -s "$url/dynamic/books" -H "$auth" -H "$json" -d '{"title":"C","pages":272,"price":12345678901234.5678}')"
check "its rules hold" '"errors":{"pages":' \
  "$(curl -s "$url/dynamic/books" -H "$auth" -H "$json" -d '{"title":"C","pages":0}')"
check "its metadata is derived" '"key":"pages"' "$(curl -s "$url/metadata/table/books" -H "$auth")"
kill -TERM $pid; wait $pid
check "SIGTERM ends it in order" 0 $?
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
