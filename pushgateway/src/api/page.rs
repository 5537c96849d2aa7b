//! The page for people: the groups, a few at a time, and what is in one of them.
//!
//! It is made on the server and small whatever is stored: with ten thousand groups the original's page has 210 MB.

mod words;

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::BuildHasher;
use std::sync::Arc;

use axum::body::Body;
use exposition::{Number, Value};
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use self::words::{Language, Words};
use crate::answer;
use crate::api::Api;
use crate::request::Target;
use crate::selector::Selector;
use crate::store;
use crate::store::group::{Family, Group, Nanoseconds, Series};
use crate::store::labels;

/// Groups on one page.
const GROUPS: usize = 50;
/// Series of a family that are shown.
const SERIES: usize = 200;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 18%,transparent);--soft:color-mix(in srgb,currentColor 65%,transparent)}\
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:0 auto;padding:1rem}\
header{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:baseline}h1{font-size:1.25rem;margin:0;flex:1}\
form{display:flex;gap:.5rem;margin:1rem 0}input{flex:1;font:inherit;padding:.4rem .6rem}button{font:inherit;padding:.4rem .8rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}\
th{font-weight:600;color:var(--soft)}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
.l{display:inline-block;margin:0 .25rem .15rem 0;padding:0 .35rem;border:1px solid var(--line);border-radius:.25rem;font:13px/1.5 ui-monospace,monospace}\
.soft{color:var(--soft)}.bad{color:#c0392b}nav{display:flex;gap:1rem;align-items:baseline;margin:1rem 0}nav span{flex:1}\
h2{font:600 15px/1.5 ui-monospace,monospace;margin:1.25rem 0 .1rem;overflow-wrap:anywhere}p{margin:.1rem 0 .4rem}";

const SCRIPT: &str = "\
document.addEventListener('click',async e=>{const b=e.target.closest('button[data-path]');if(!b||!confirm(b.dataset.sure))return;\
b.disabled=true;const r=await fetch(b.dataset.path,{method:'DELETE'});if(r.ok)location=b.dataset.then||location.href;\
else{b.disabled=false;alert(r.status+' '+await r.text())}})";

/// Answers with the page that the query asks for.
pub fn answer(api: &Api, target: &Target, headers: &HeaderMap) -> Response<Body> {
    let language = Language::of(target, headers);
    let page = Page { api, language, words: language.words(), out: String::with_capacity(32 * 1024) };
    let nonce = format!("{:016x}", RandomState::new().hash_one(store::now()));
    let html = page.write(target, &nonce);
    let mut response = answer::with(StatusCode::OK, HeaderValue::from_static("text/html; charset=utf-8"), html);
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

struct Page<'a> {
    api: &'a Api,
    language: Language,
    words: &'static Words,
    out: String,
}

/// Writing to a string cannot fail.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {{ let _ = write!($out, $($text)*); }};
}

impl Page<'_> {
    fn write(mut self, target: &Target, nonce: &str) -> String {
        let (words, home) = (self.words, self.home(""));
        put!(
            self.out,
            "<!DOCTYPE html><html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <meta name=\"robots\" content=\"noindex\"><title>Pushgateway · Noroshi</title><style>{STYLE}</style></head><body>\
             <header><h1><a href=\"{home}\">Pushgateway</a> <span class=\"soft\">Noroshi {}</span></h1>\
             <a href=\"{}/metrics\">/metrics</a><a href=\"{}\">{}</a></header>",
            words.code,
            env!("CARGO_PKG_VERSION"),
            self.api.routes.prefix,
            self.switch(target),
            words.other.0,
        );
        if let Some(reason) = self.api.store.trouble() {
            put!(self.out, "<p class=\"bad\" role=\"alert\">{} {}</p>", words.broken, html(&reason));
        }
        match target.parameter("group") {
            Some(path) => self.group(&path),
            None => self.groups(target),
        }
        put!(self.out, "<script nonce=\"{nonce}\">{SCRIPT}</script></body></html>");
        self.out
    }

    /// Returns the link to the page with this query.
    fn home(&self, query: &str) -> String {
        let separator = if query.is_empty() { "" } else { "&amp;" };
        format!("{}/?lang={}{separator}{query}", self.api.routes.prefix, self.words.code)
    }

    /// Returns the link to the same in the other language.
    fn switch(&self, target: &Target) -> String {
        let mut link = format!("{}/?lang={}", self.api.routes.prefix, self.words.other.1);
        for name in ["q", "page", "group"] {
            if let Some(value) = target.parameter(name) {
                put!(link, "&amp;{name}={}", query(&value));
            }
        }
        link
    }

    fn groups(&mut self, target: &Target) {
        let words = self.words;
        let asked = target.parameter("q").unwrap_or_default();
        let mut groups = self.api.store.groups();
        let mut wrong = None;
        if asked.contains('=') && !asked.trim().is_empty() {
            match Selector::parse(&asked) {
                Ok(selector) => groups.retain(|group| selector.picks(&group.key)),
                // Half a selector, or a part of a printed label: `job="ba`.
                Err(error) => {
                    retain_printed(&mut groups, &asked);
                    wrong = groups.is_empty().then_some(error);
                }
            }
        } else {
            retain_printed(&mut groups, asked.trim());
        }
        groups.sort_by(|one, other| one.key.cmp(&other.key));
        let all = groups.len();
        let pages = all.div_ceil(GROUPS).max(1);
        let page = target.parameter("page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1).clamp(1, pages);
        let first = (page - 1) * GROUPS;

        put!(
            self.out,
            "<form><input type=\"hidden\" name=\"lang\" value=\"{}\"><input type=\"search\" name=\"q\" value=\"{}\" placeholder=\"{}\" \
             aria-label=\"{}\" autofocus><button>{}</button></form>",
            words.code,
            html(&asked),
            html(words.search_hint),
            words.search,
            words.search,
        );
        if let Some(error) = wrong {
            put!(self.out, "<p class=\"bad\">{}</p>", html(&error.to_string()));
        }
        if all == 0 {
            put!(self.out, "<p class=\"soft\">{}</p>", words.empty);
            return;
        }
        let range = self.language.range(first + 1, (first + GROUPS).min(all), all);
        let link = |page: &Self, number: usize, word: &str| {
            format!("<a href=\"{}\">{word}</a>", page.home(&format!("q={}&amp;page={number}", query(&asked))))
        };
        let previous = if page > 1 { link(self, page - 1, words.previous) } else { String::new() };
        let next = if page < pages { link(self, page + 1, words.next) } else { String::new() };
        put!(self.out, "<nav><span>{range}</span>{previous} {page} / {pages} {next}</nav>");
        put!(
            self.out,
            "<table><thead><tr><th>{}<th>{}<th class=\"n\">{}<th></tr></thead><tbody>",
            words.group,
            words.last_push,
            words.series,
        );
        let now = store::now();
        for group in groups.iter().skip(first).take(GROUPS) {
            let link = self.home(&format!("group={}", query(&group.key.path())));
            put!(self.out, "<tr><td><a href=\"{link}\">");
            self.labels(group.key.iter());
            self.out.push_str("</a><td>");
            self.pushed(group, now);
            put!(self.out, "<td class=\"n\">{}<td>", group.series_count());
            self.delete(group, None);
            self.out.push_str("</tr>");
        }
        put!(self.out, "</tbody></table><nav><span></span>{previous} {next}</nav>");
    }

    fn group(&mut self, path: &str) {
        let words = self.words;
        put!(self.out, "<nav><a href=\"{}\">{}</a></nav>", self.home(""), words.back);
        let groups = self.api.store.groups();
        let Some(group) = groups.iter().find(|group| group.key.path() == path) else {
            put!(self.out, "<p class=\"soft\">{}</p>", words.gone);
            return;
        };
        self.out.push_str("<p>");
        self.labels(group.key.iter());
        self.out.push_str("</p><p>");
        self.pushed(group, store::now());
        self.out.push(' ');
        self.delete(group, Some(self.home("")));
        self.out.push_str("</p>");
        for family in &group.families {
            self.family(family);
        }
    }

    fn family(&mut self, family: &Family) {
        let words = self.words;
        put!(
            self.out,
            "<h2>{} <span class=\"soft\">{}</span></h2><p class=\"soft\">{}{} {}</p><table><thead><tr><th>{}<th class=\"n\">{}</tr></thead><tbody>",
            html(&family.name),
            family.kind.as_str(),
            if family.help.is_empty() { String::new() } else { html(&family.help) + " — " },
            words.pushed,
            super::groups::time(family.pushed),
            words.labels,
            words.value,
        );
        for series in family.series.iter().take(SERIES) {
            self.out.push_str("<tr><td>");
            self.labels(series.label_pairs());
            put!(self.out, "<td class=\"n\">{}</tr>", value(series));
        }
        self.out.push_str("</tbody></table>");
        if let Some(more) = family.series.len().checked_sub(SERIES).filter(|more| *more > 0) {
            put!(self.out, "<p class=\"soft\">{more} {}</p>", words.more);
        }
    }

    fn labels<N: AsRef<str>, V: AsRef<str>>(&mut self, pairs: impl Iterator<Item = (N, V)>) {
        for (name, value) in pairs {
            put!(self.out, "<span class=\"l\">{}=\"{}\"</span>", html(name.as_ref()), html(value.as_ref()));
        }
    }

    fn pushed(&mut self, group: &Group, now: Nanoseconds) {
        if group.success == 0 {
            self.out.push_str(self.words.never);
        } else {
            let (time, ago) =
                (super::groups::time(group.success), self.language.ago((now - group.success) / 1_000_000_000));
            put!(self.out, "<time datetime=\"{time}\" title=\"{time}\">{ago}</time>");
        }
        if !group.last_push_successful() {
            put!(self.out, " <span class=\"bad\">{}</span>", self.words.failed);
        }
    }

    fn delete(&mut self, group: &Group, then: Option<String>) {
        put!(
            self.out,
            "<button data-path=\"{}{}\" data-sure=\"{}\" data-then=\"{}\">{}</button>",
            self.api.routes.prefix,
            html(&group.key.path()),
            self.words.sure,
            then.unwrap_or_default(),
            self.words.delete,
        );
    }
}

fn retain_printed(groups: &mut Vec<Arc<Group>>, part: &str) {
    if !part.is_empty() {
        let part = part.to_lowercase();
        groups.retain(|group| labels::print(group.key.iter()).to_lowercase().contains(&part));
    }
}

fn value(series: &Series) -> String {
    match series.as_distribution() {
        Some(Value::Histogram(histogram)) => {
            let mut text = format!("count {}, sum {}", histogram.count(), Number(histogram.sum()));
            for (bound, count) in histogram.own_buckets() {
                put!(text, "<br>≤ {}: {count}", Number(bound));
            }
            text
        }
        Some(Value::Summary(summary)) => {
            let mut text = format!("count {}, sum {}", summary.count(), Number(summary.sum()));
            for (quantile, value) in summary.quantiles() {
                put!(text, "<br>{}: {}", Number(quantile), Number(value));
            }
            text
        }
        _ => series.number_text().to_owned(),
    }
}

/// Escapes what HTML would read as its own, in text and in quoted attributes.
fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Escapes a value for a query.
fn query(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/@".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            put!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_label_is_html() {
        assert_eq!(html("<a b='c'>&\""), "&lt;a b=&#39;c&#39;&gt;&amp;&quot;");
        assert_eq!(query("{a=\"b c\"}"), "%7Ba%3D%22b%20c%22%7D");
    }
}
