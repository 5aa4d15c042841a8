// SPDX-License-Identifier: Apache-2.0
//! One action: an article gets its address, and the words that stand in it most often.
#[path = "../../../../sdk/rust/metacore.rs"]
mod metacore;

use metacore as mc;
use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

const KEYWORDS: usize = 3;
const SHORTEST: usize = 4; // of a word that says anything

/// Letters and digits in lower case, all else a single '-'.
fn slug_of(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_string()
}

/// How many words there are, and which of them stand there most often; equals by the alphabet.
fn words_of(body: &str) -> (usize, Vec<String>) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut total = 0;
    for word in body.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
        total += 1;
        if word.chars().count() >= SHORTEST {
            *counts.entry(word.to_lowercase()).or_insert(0) += 1;
        }
    }
    let mut ranked: Vec<(String, usize)> = counts.into_iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    (total, ranked.into_iter().take(KEYWORDS).map(|(word, _)| word).collect())
}

fn days_of_year(year: u64) -> u64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    365 + u64::from(is_leap)
}

/// UTC, as the API writes times.
fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    let (mut day, second) = (since.as_secs() / 86400, since.as_secs() % 86400);
    let (mut year, mut month) = (1970, 0);
    while day >= days_of_year(year) {
        day -= days_of_year(year);
        year += 1;
    }
    let february = days_of_year(year) - 337; // what the other months leave
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        year, month + 1, day + 1, second / 3600, second / 60 % 60, second % 60
    )
}

fn text_of(row: &str, column: &str) -> String {
    mc::find(row, column).and_then(mc::unquote).unwrap_or_default()
}

#[no_mangle]
pub extern "C" fn publish(at: *const u8, len: usize) -> u64 {
    let input = mc::text(at, len);
    let row = mc::find(input, "row").expect("an action on a row has one");
    let id = mc::find(row, "id").expect("a row has an id");
    let (title, body) = (text_of(row, "title"), text_of(row, "body"));

    if body.trim().is_empty() {
        return mc::answer(
            r#"{"success":false,"error":{"code":"empty","message":"there is nothing to publish"}}"#
                .to_string(),
        );
    }
    let (words, keywords) = words_of(&body);
    let quoted: Vec<String> = keywords.iter().map(|word| mc::quote(word)).collect();
    println!("publishing {} words", words);
    let done = mc::mutate(&format!(
        r#"{{"op":"update","table":"articles","id":{},"data":{{"slug":{},"words":{},"keywords":[{}],"published_at":"{}"}}}}"#,
        id, mc::quote(&slug_of(&title)), words, quoted.join(","), now()
    ));
    if mc::find(done, "success") != Some("true") {
        return mc::answer(done.to_string());
    }
    mc::emit("articles.published", &format!(r#"{{"id":{}}}"#, id));
    let data = mc::find(done, "data").and_then(|data| mc::find(data, "row")).unwrap_or("null");
    mc::answer(format!(r#"{{"success":true,"data":{}}}"#, data))
}
