// SPDX-License-Identifier: Apache-2.0
//! What an addon's backend in Rust needs of its host, without a crate.
//!
//! ```ignore
//! #[path = "metacore.rs"]
//! mod metacore;
//! use metacore as mc;
//!
//! #[no_mangle]
//! pub extern "C" fn approve(at: *const u8, len: usize) -> u64 {
//!     let input = mc::text(at, len);
//!     let id = mc::find(input, "id").unwrap_or("null");
//!     mc::answer(format!(r#"{{"success":true,"data":{{"id":{}}}}}"#, id))
//! }
//! ```
//!
//! `rustc --target wasm32-wasi --crate-type cdylib -O approve.rs -o backend/backend.wasm`
//!
//! Each call gets a fresh instance: what is leaked is gone with it. Requests and answers are JSON. A
//! panic ends the call; what it prints is in the server's log, as is what `println!` prints.
//! For wasm32-unknown-unknown all is the same, save that nothing is printed.
//!
//! Standard: guest ABI version 1.
#![allow(dead_code)]

mod host {
    #[link(wasm_import_module = "metacore_host")]
    extern "C" {
        pub fn log(at: *const u8, len: usize);
        pub fn env_get(at: *const u8, len: usize) -> u64;
        pub fn http_fetch(url: *const u8, url_len: usize, method: *const u8, method_len: usize,
                          body: *const u8, body_len: usize) -> u64;
        pub fn http_request(url: *const u8, url_len: usize, method: *const u8, method_len: usize,
                            headers: *const u8, headers_len: usize, body: *const u8,
                            body_len: usize) -> u64;
        pub fn event_emit(name: *const u8, name_len: usize, payload: *const u8,
                          payload_len: usize) -> u64;
        pub fn data_query(at: *const u8, len: usize) -> u64;
        pub fn data_mutate(at: *const u8, len: usize) -> u64;
        pub fn data_batch(at: *const u8, len: usize) -> u64;
        pub fn db_query(sql: *const u8, sql_len: usize, args: *const u8, args_len: usize) -> u64;
        pub fn db_exec(sql: *const u8, sql_len: usize, args: *const u8, args_len: usize) -> u64;
        pub fn sequence_next(at: *const u8, len: usize) -> u64;
        pub fn ctx_get(at: *const u8, len: usize) -> u64;
        pub fn connector_get(at: *const u8, len: usize) -> u64;
    }
}

/// Where the host puts what it gives.
#[no_mangle]
pub extern "C" fn alloc(size: usize) -> *mut u8 {
    Box::leak(vec![0u8; size].into_boxed_slice()).as_mut_ptr()
}

/// What the host put there.
pub fn text(at: *const u8, len: usize) -> &'static str {
    if len == 0 {
        return "";
    }
    // The host wrote len bytes into what alloc gave it, and an instance lives for one call only.
    let bytes = unsafe { std::slice::from_raw_parts(at, len) };
    std::str::from_utf8(bytes).expect("the host speaks UTF-8")
}

/// What an exported function returns.
pub fn answer(json: String) -> u64 {
    let bytes: &'static [u8] = Box::leak(json.into_bytes().into_boxed_slice());
    (bytes.as_ptr() as u64) << 32 | bytes.len() as u64
}

fn unpack(packed: u64) -> &'static str {
    text((packed >> 32) as usize as *const u8, packed as u32 as usize)
}

// ---- the host; what each is given and answers stands in metacore.h ----

pub fn log(line: &str) {
    unsafe { host::log(line.as_ptr(), line.len()) }
}

/// A setting of the installation; empty when it is not set.
pub fn setting(key: &str) -> &'static str {
    unpack(unsafe { host::env_get(key.as_ptr(), key.len()) })
}

pub fn fetch(url: &str, method: &str, body: &str) -> &'static str {
    unpack(unsafe {
        host::http_fetch(url.as_ptr(), url.len(), method.as_ptr(), method.len(), body.as_ptr(),
                         body.len())
    })
}

pub fn request(url: &str, method: &str, headers: &str, body: &str) -> &'static str {
    unpack(unsafe {
        host::http_request(url.as_ptr(), url.len(), method.as_ptr(), method.len(),
                           headers.as_ptr(), headers.len(), body.as_ptr(), body.len())
    })
}

pub fn emit(name: &str, payload: &str) -> &'static str {
    unpack(unsafe {
        host::event_emit(name.as_ptr(), name.len(), payload.as_ptr(), payload.len())
    })
}

pub fn query(json: &str) -> &'static str {
    unpack(unsafe { host::data_query(json.as_ptr(), json.len()) })
}

pub fn mutate(json: &str) -> &'static str {
    unpack(unsafe { host::data_mutate(json.as_ptr(), json.len()) })
}

pub fn batch(json: &str) -> &'static str {
    unpack(unsafe { host::data_batch(json.as_ptr(), json.len()) })
}

/// args: a JSON array of what $1… are, or empty.
pub fn db_query(sql: &str, args: &str) -> &'static str {
    unpack(unsafe { host::db_query(sql.as_ptr(), sql.len(), args.as_ptr(), args.len()) })
}

pub fn db_exec(sql: &str, args: &str) -> &'static str {
    unpack(unsafe { host::db_exec(sql.as_ptr(), sql.len(), args.as_ptr(), args.len()) })
}

pub fn sequence_next(json: &str) -> &'static str {
    unpack(unsafe { host::sequence_next(json.as_ptr(), json.len()) })
}

pub fn context(json: &str) -> &'static str {
    unpack(unsafe { host::ctx_get(json.as_ptr(), json.len()) })
}

pub fn connector(key: &str) -> &'static str {
    unpack(unsafe { host::connector_get(key.as_ptr(), key.len()) })
}

// ---- JSON ----

fn behind_space(json: &[u8], mut at: usize) -> usize {
    while at < json.len() && b" \n\r\t:".contains(&json[at]) {
        at += 1;
    }
    at
}

fn behind_value(json: &[u8], mut at: usize) -> usize {
    let (mut depth, mut in_text) = (0, false);
    while at < json.len() {
        match json[at] {
            b'\\' if in_text => at += 1,
            b'"' => {
                in_text = !in_text;
                if !in_text && depth == 0 {
                    return at + 1;
                }
            }
            _ if in_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    json.len()
}

/// The value of a member of the object that json is, as JSON: texts keep their quotes.
pub fn find<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let bytes = json.as_bytes();
    let wanted = format!("\"{}\"", key);
    let mut at = behind_space(bytes, 0);
    while at < bytes.len() && (bytes[at] == b'{' || bytes[at] == b',') {
        let name = behind_space(bytes, at + 1);
        let name_end = behind_value(bytes, name);
        let value = behind_space(bytes, name_end);
        let end = behind_value(bytes, value);
        if json[name..name_end] == wanted && end > value {
            return Some(&json[value..end]);
        }
        at = behind_space(bytes, end);
    }
    None
}

/// The text that a value is, its escapes resolved; None: it is no text.
pub fn unquote(value: &str) -> Option<String> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    let mut units: Vec<u16> = Vec::with_capacity(inner.len());
    let mut rest = inner.chars();
    let mut room = [0u16; 2];
    while let Some(c) = rest.next() {
        if c != '\\' {
            units.extend_from_slice(c.encode_utf16(&mut room));
            continue;
        }
        units.push(match rest.next()? {
            'n' => 10,
            't' => 9,
            'r' => 13,
            'b' => 8,
            'f' => 12,
            'u' => {
                let digits: String = rest.by_ref().take(4).collect();
                u16::from_str_radix(&digits, 16).ok()?
            }
            other => other as u16,
        });
    }
    Some(String::from_utf16_lossy(&units))
}

/// A text as JSON.
pub fn quote(value: &str) -> String {
    let mut json = String::with_capacity(value.len() + 2);
    json.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => {
                json.push('\\');
                json.push(c);
            }
            c if (c as u32) < 0x20 => json.push_str(&format!("\\u{:04x}", c as u32)),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}
