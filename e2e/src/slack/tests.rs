use serde_json::json;

use super::*;

/// What Slack says to `body`: status and word.
fn say(body: &str) -> (u16, String) {
    say_to("/services/T/B/token", "application/json", body)
}

fn say_to(path: &str, kind: &str, body: &str) -> (u16, String) {
    let headers = [("content-type".parse().unwrap(), kind.parse().unwrap())].into_iter().collect();
    let knocked =
        Knocked { method: hyper::Method::POST, path: path.to_owned(), headers, body: body.as_bytes().to_vec() };
    let answer = State::default().answer(&knocked).unwrap();
    (answer.status().as_u16(), answer.body().clone())
}

fn section(length: usize) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": "x".repeat(length)}})
}

#[test]
fn what_slack_takes_is_ok() {
    assert_eq!(say(r#"{"text":"hello"}"#), (200, "ok".into()));
    assert_eq!(
        say_to("/services/T/B/t", "application/x-www-form-urlencoded", r#"payload=%7B%22text%22%3A%22a%22%7D"#).0,
        200
    );
    assert_eq!(say(&json!({"text": "x".repeat(50_000)}).to_string()).0, 200);
    assert_eq!(say(&json!({"blocks": [section(3000), {"type": "divider"}]}).to_string()).0, 200);
}

#[test]
fn what_slack_refuses_is_refused_in_its_words() {
    for (body, status, word) in [
        ("{".to_owned(), 400, "invalid_payload"),
        ("[]".to_owned(), 400, "invalid_payload"),
        ("{}".to_owned(), 400, "no_text"),
        (json!({"blocks": [section(3001)]}).to_string(), 400, "invalid_blocks"),
        (json!({"blocks": [section(0)]}).to_string(), 400, "invalid_blocks"),
        (json!({"blocks": vec![section(1); 51]}).to_string(), 400, "invalid_blocks"),
        (json!({"blocks": vec![section(2700); 5]}).to_string(), 400, "invalid_blocks"),
        (
            json!({"text": "a", "attachments": [{"color": "red", "blocks": [section(1)]}]}).to_string(),
            400,
            "invalid_attachments",
        ),
        (
            json!({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x".repeat(151)}}]})
                .to_string(),
            400,
            "invalid_blocks",
        ),
    ] {
        assert_eq!(say(&body), (status, word.into()), "{}", &body[..body.len().min(100)]);
    }
    assert_eq!(say_to("/services/T/B", "application/json", r#"{"text":"a"}"#), (404, "no_service".into()));
    assert_eq!(say_to("/services/T/B/t", "text/plain", r#"{"text":"a"}"#).0, 400);
}

#[tokio::test(start_paused = true)]
async fn a_few_at_once_and_then_one_a_second() {
    let mut state = State::default();
    let headers = [("content-type".parse().unwrap(), "application/json".parse().unwrap())].into_iter().collect();
    let body = br#"{"text":"a"}"#.to_vec();
    let knocked = Knocked { method: hyper::Method::POST, path: "/services/T/B/t".into(), headers, body };
    let mut ask = || state.answer(&knocked).unwrap().status().as_u16();
    assert_eq!([ask(), ask(), ask(), ask(), ask()], [200, 200, 200, 429, 429]);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!([ask(), ask()], [200, 429]);
    assert_eq!(state.early_retries, 1);
}

#[test]
fn a_reader_sees_text_and_only_instructions_ping() {
    let post = markup::read(json!({
        "text": "*a* &lt;!here&gt; &amp; <!subteam^S1> <https://a.example/?b&amp;c|link> <!date^0^{date}|1970>",
        "attachments": [{"color": "#ff0000", "blocks": [section(2)]}],
    }));
    assert_eq!(post.text, "*a* <!here> & @!subteam^S1 link (https://a.example/?b&c) 1970\nxx");
    assert_eq!((post.pings, post.colors), (vec!["!subteam^S1".to_owned()], vec!["#ff0000".to_owned()]));
}
