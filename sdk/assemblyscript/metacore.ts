// SPDX-License-Identifier: Apache-2.0
/**
 * metacore.ts: what an addon's backend in AssemblyScript needs of its host.
 *
 *   import * as mc from "./metacore";
 *   export { alloc } from "./metacore";
 *
 *   export function approve(at: usize, len: i32): u64 {
 *     const input = mc.text(at, len);
 *     return mc.answer('{"success":true,"data":{"id":' + mc.find(input, "id") + "}}");
 *   }
 *
 *   asc backend/approve.ts -O3 --runtime stub -o backend/backend.wasm
 *
 * Each call gets a fresh instance, so --runtime stub, which never frees, is the right one: nothing is
 * left for the next call. Requests and answers are JSON. `throw` ends the call; its message and place
 * are in the server's log and in the error.
 *
 * Standard: guest ABI version 1.
 */

// @ts-ignore: decorator
@external("metacore_host", "log")
declare function host_log(at: usize, len: usize): void;
// @ts-ignore: decorator
@external("metacore_host", "env_get")
declare function host_env_get(at: usize, len: usize): u64;
// @ts-ignore: decorator
@external("metacore_host", "http_fetch")
declare function host_http_fetch(url: usize, urlLen: usize, method: usize, methodLen: usize,
                                 body: usize, bodyLen: usize): u64;
// @ts-ignore: decorator
@external("metacore_host", "http_request")
declare function host_http_request(url: usize, urlLen: usize, method: usize, methodLen: usize,
                                   headers: usize, headersLen: usize, body: usize,
                                   bodyLen: usize): u64;
// @ts-ignore: decorator
@external("metacore_host", "event_emit")
declare function host_event_emit(name: usize, nameLen: usize, payload: usize,
                                 payloadLen: usize): u64;
// @ts-ignore: decorator
@external("metacore_host", "data_query")
declare function host_data_query(at: usize, len: usize): u64;
// @ts-ignore: decorator
@external("metacore_host", "data_mutate")
declare function host_data_mutate(at: usize, len: usize): u64;
// @ts-ignore: decorator
@external("metacore_host", "data_batch")
declare function host_data_batch(at: usize, len: usize): u64;
// @ts-ignore: decorator
@external("metacore_host", "db_query")
declare function host_db_query(sql: usize, sqlLen: usize, args: usize, argsLen: usize): u64;
// @ts-ignore: decorator
@external("metacore_host", "db_exec")
declare function host_db_exec(sql: usize, sqlLen: usize, args: usize, argsLen: usize): u64;
// @ts-ignore: decorator
@external("metacore_host", "sequence_next")
declare function host_sequence_next(at: usize, len: usize): u64;
// @ts-ignore: decorator
@external("metacore_host", "ctx_get")
declare function host_ctx_get(at: usize, len: usize): u64;
// @ts-ignore: decorator
@external("metacore_host", "connector_get")
declare function host_connector_get(at: usize, len: usize): u64;

/** Where the host puts what it gives: export it again from the addon's own file. */
export function alloc(size: i32): usize {
  return heap.alloc(size);
}

/** What the host put there. */
export function text(at: usize, len: usize): string {
  return String.UTF8.decodeUnsafe(at, len);
}

/** What an exported function returns. */
export function answer(json: string): u64 {
  const bytes = String.UTF8.encode(json);
  return ((<u64>changetype<usize>(bytes)) << 32) | <u64>bytes.byteLength;
}

function unpack(packed: u64): string {
  return text(<usize>(packed >> 32), <usize>(packed & 0xffffffff));
}

function at(bytes: ArrayBuffer): usize {
  return changetype<usize>(bytes);
}

// ---- the host; what each is given and answers stands in metacore.h ----

export function log(line: string): void {
  const a = String.UTF8.encode(line);
  host_log(at(a), a.byteLength);
}

/** A setting of the installation; empty when it is not set. */
export function setting(key: string): string {
  const a = String.UTF8.encode(key);
  return unpack(host_env_get(at(a), a.byteLength));
}

export function fetch(url: string, method: string = "", body: string = ""): string {
  const a = String.UTF8.encode(url);
  const b = String.UTF8.encode(method);
  const c = String.UTF8.encode(body);
  return unpack(host_http_fetch(at(a), a.byteLength, at(b), b.byteLength, at(c), c.byteLength));
}

export function request(url: string, method: string, headers: string = "",
                        body: string = ""): string {
  const a = String.UTF8.encode(url);
  const b = String.UTF8.encode(method);
  const c = String.UTF8.encode(headers);
  const d = String.UTF8.encode(body);
  return unpack(host_http_request(at(a), a.byteLength, at(b), b.byteLength, at(c), c.byteLength,
                                  at(d), d.byteLength));
}

export function emit(name: string, payload: string): string {
  const a = String.UTF8.encode(name);
  const b = String.UTF8.encode(payload);
  return unpack(host_event_emit(at(a), a.byteLength, at(b), b.byteLength));
}

export function query(json: string): string {
  const a = String.UTF8.encode(json);
  return unpack(host_data_query(at(a), a.byteLength));
}

export function mutate(json: string): string {
  const a = String.UTF8.encode(json);
  return unpack(host_data_mutate(at(a), a.byteLength));
}

export function batch(json: string): string {
  const a = String.UTF8.encode(json);
  return unpack(host_data_batch(at(a), a.byteLength));
}

/** args: a JSON array of what $1… are. */
export function dbQuery(sql: string, args: string = ""): string {
  const a = String.UTF8.encode(sql);
  const b = String.UTF8.encode(args);
  return unpack(host_db_query(at(a), a.byteLength, at(b), b.byteLength));
}

export function dbExec(sql: string, args: string = ""): string {
  const a = String.UTF8.encode(sql);
  const b = String.UTF8.encode(args);
  return unpack(host_db_exec(at(a), a.byteLength, at(b), b.byteLength));
}

export function sequenceNext(json: string): string {
  const a = String.UTF8.encode(json);
  return unpack(host_sequence_next(at(a), a.byteLength));
}

export function context(json: string = ""): string {
  const a = String.UTF8.encode(json);
  return unpack(host_ctx_get(at(a), a.byteLength));
}

export function connector(key: string): string {
  const a = String.UTF8.encode(key);
  return unpack(host_connector_get(at(a), a.byteLength));
}

// ---- JSON ----

function isSpace(c: i32): bool {
  return c == 0x20 || c == 0x0a || c == 0x0d || c == 0x09;
}

function behindSpace(json: string, i: i32): i32 {
  while (i < json.length && (isSpace(json.charCodeAt(i)) || json.charCodeAt(i) == 0x3a)) i++;
  return i;
}

function behindValue(json: string, i: i32): i32 {
  let depth = 0;
  let inText = false;
  for (; i < json.length; i++) {
    const c = json.charCodeAt(i);
    if (inText) {
      if (c == 0x5c) i++;
      else if (c == 0x22) {
        inText = false;
        if (depth == 0) return i + 1;
      }
    } else if (c == 0x22) {
      inText = true;
    } else if (c == 0x7b || c == 0x5b) {
      depth++;
    } else if (c == 0x7d || c == 0x5d) {
      if (depth == 0) return i;
      if (--depth == 0) return i + 1;
    } else if (depth == 0 && (c == 0x2c || isSpace(c))) {
      return i;
    }
  }
  return i;
}

/** The value of a member of the object that json is, as JSON: texts keep their quotes. "null" when
 *  there is none. */
export function find(json: string, key: string): string {
  const wanted = '"' + key + '"';
  let i = behindSpace(json, 0);
  while (i < json.length && (json.charCodeAt(i) == 0x7b || json.charCodeAt(i) == 0x2c)) {
    const name = behindSpace(json, i + 1);
    const value = behindSpace(json, behindValue(json, name));
    const end = behindValue(json, value);
    if (json.substring(name, name + wanted.length) == wanted && end > value)
      return json.substring(value, end);
    i = behindSpace(json, end);
  }
  return "null";
}

/** A text as JSON. */
export function quote(value: string): string {
  let json = '"';
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c == 0x22 || c == 0x5c) json += "\\" + value.charAt(i);
    else if (c < 0x20) json += "\\u00" + (c >> 4).toString(16) + (c & 15).toString(16);
    else json += value.charAt(i);
  }
  return json + '"';
}
