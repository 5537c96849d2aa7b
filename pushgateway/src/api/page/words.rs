//! The words of the page, in English and Japanese.

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

use crate::request::Target;

/// A language of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Japanese.
    Japanese,
}

/// What the page says, but for numbers and names.
pub struct Words {
    /// Its name in `lang=`.
    pub code: &'static str,
    /// The other language's name, in that language, and its code.
    pub other: (&'static str, &'static str),
    pub search: &'static str,
    pub search_hint: &'static str,
    pub group: &'static str,
    pub last_push: &'static str,
    pub series: &'static str,
    pub never: &'static str,
    pub failed: &'static str,
    pub previous: &'static str,
    pub next: &'static str,
    pub back: &'static str,
    pub delete: &'static str,
    pub sure: &'static str,
    pub empty: &'static str,
    pub gone: &'static str,
    pub pushed: &'static str,
    pub labels: &'static str,
    pub value: &'static str,
    pub more: &'static str,
    pub broken: &'static str,
}

impl Language {
    /// Returns what the visitor asked for, with `?lang=` or by the browser's settings.
    pub fn of(target: &Target, headers: &HeaderMap) -> Self {
        let asked = target.parameter("lang");
        let asked = asked.or_else(|| Some(headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?.to_owned()));
        if asked.is_some_and(|asked| asked.starts_with("ja")) { Self::Japanese } else { Self::English }
    }

    /// Returns the words.
    pub fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::Japanese => &JAPANESE,
        }
    }

    /// Says which groups of how many are shown.
    pub fn range(self, first: usize, last: usize, all: usize) -> String {
        match self {
            Self::English => format!("{first}–{last} of {all} groups"),
            Self::Japanese => format!("{all} グループ中 {first}〜{last}"),
        }
    }

    /// Says how long ago something was.
    pub fn ago(self, seconds: i64) -> String {
        let (number, english, japanese) = match seconds {
            ..60 => (seconds.max(0), "s", "秒"),
            60..3600 => (seconds / 60, "min", "分"),
            3600..86400 => (seconds / 3600, "h", "時間"),
            _ => (seconds / 86400, "d", "日"),
        };
        match self {
            Self::English => format!("{number} {english} ago"),
            Self::Japanese => format!("{number}{japanese}前"),
        }
    }
}

const ENGLISH: Words = Words {
    code: "en",
    other: ("日本語", "ja"),
    search: "Search",
    search_hint: "part of a label, or {job=\"backup\",instance=~\"db-.*\"}",
    group: "Group",
    last_push: "Last push",
    series: "Series",
    never: "never",
    failed: "last push refused",
    previous: "‹ previous",
    next: "next ›",
    back: "‹ all groups",
    delete: "Delete",
    sure: "Delete this group and all it holds?",
    empty: "No group.",
    gone: "This group is not here (any more).",
    pushed: "pushed",
    labels: "Labels",
    value: "Value",
    more: "more series are not shown here; /api/v1/metrics has them all.",
    broken: "The store cannot be written, so pushes are answered 503:",
};

const JAPANESE: Words = Words {
    code: "ja",
    other: ("English", "en"),
    search: "検索",
    search_hint: "ラベルの一部、または {job=\"backup\",instance=~\"db-.*\"}",
    group: "グループ",
    last_push: "最終プッシュ",
    series: "系列数",
    never: "なし",
    failed: "最後のプッシュは拒否されました",
    previous: "‹ 前へ",
    next: "次へ ›",
    back: "‹ すべてのグループ",
    delete: "削除",
    sure: "このグループと中身をすべて削除しますか?",
    empty: "グループはありません。",
    gone: "このグループは(もう)ありません。",
    pushed: "プッシュ:",
    labels: "ラベル",
    value: "値",
    more: "件の系列を省略しました。すべては /api/v1/metrics にあります。",
    broken: "保存先に書き込めないため、プッシュには 503 を返しています:",
};
