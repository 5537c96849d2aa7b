use super::*;
use crate::Config;
use std::collections::VecDeque;
use std::io::Read as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What came to a [`Server`].
#[derive(Clone, Debug, PartialEq)]
struct Request {
    connection: usize,
    head: String,
    body: Vec<u8>,
}

impl Request {
    fn text(&self) -> String {
        if !self.head.contains("content-encoding: gzip") {
            return String::from_utf8(self.body.clone()).unwrap();
        }
        let mut text = String::new();
        GzDecoder::new(self.body.as_slice()).read_to_string(&mut text).unwrap();
        text
    }
}

/// Answers as it was told, on as many connections as are made.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Request>>>,
    answers: Arc<Mutex<VecDeque<&'static str>>>,
}

const YES: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const YES_AND_GZIP: &str = "HTTP/1.1 200 OK\r\naccept-encoding: br, gzip\r\ncontent-length: 0\r\n\r\n";
const YES_AND_BYE: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const LATER: &str = "HTTP/1.1 503 Later\r\ncontent-length: 0\r\n\r\n";
const NO: &str = "HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n";
const BAD: &str = "HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n";
/// Hangs up after the request.
const NOTHING: &str = "";

impl Server {
    fn answering<const LEN: usize>(script: [&'static str; LEN]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let (seen, answers) = (Arc::new(Mutex::default()), Arc::new(Mutex::new(VecDeque::from(script))));
        tokio::spawn(Self::serve(listener, Arc::clone(&seen), Arc::clone(&answers)));
        Self { url, seen, answers }
    }

    async fn serve(
        listener: tokio::net::TcpListener,
        seen: Arc<Mutex<Vec<Request>>>,
        answers: Arc<Mutex<VecDeque<&'static str>>>,
    ) {
        for connection in 1.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while stream.read_buf(&mut bytes).await.unwrap_or(0) > 0 {
                    let Some(request) = whole(connection, &bytes) else { continue };
                    bytes.clear();
                    seen.lock().unwrap().push(request);
                    // When the script is over, everything is fine.
                    let answer = answers.lock().unwrap().pop_front().unwrap_or(YES);
                    let _ = stream.write_all(answer.as_bytes()).await;
                    if answer.is_empty() || answer.contains("close") {
                        return;
                    }
                }
            });
        }
    }

    fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    fn then<const LEN: usize>(&self, script: [&'static str; LEN]) {
        self.answers.lock().unwrap().extend(script);
    }
}

fn whole(connection: usize, bytes: &[u8]) -> Option<Request> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap();
    let body = bytes[end + 4..].to_vec();
    (body.len() == length).then_some(Request { connection, head, body })
}

fn config(text: &str) -> Config {
    ::config::section::parse("exporter", &format!("exporter: {{{text}}}\n"), "noroshi.yaml").unwrap()
}

fn delivery(config: &Config) -> Delivery {
    Delivery::build(&config.delivery(), &Environment::default(), &mut |warning| panic!("{warning}")).unwrap()
}

fn at(second: u64) -> Moment {
    Moment::at(Duration::from_secs(1_700_000_000 + second), Duration::from_secs(second), "boot")
}

/// A page that says which second it is.
fn page(second: u64) -> Families {
    let mut page = Families::new();
    page.family("up", "", exposition::Kind::Untyped).unwrap().set(second as f64).unwrap();
    page
}

async fn deliver(delivery: &mut Delivery, second: u64) -> Result<(), PushError> {
    delivery.deliver(page(second), None, at(second), &mut |_| ()).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_says_later_is_asked_again_after_growing_pauses() {
    let server = Server::answering([LATER, LATER, NOTHING]);
    let began = Instant::now();
    deliver(&mut delivery(&config(&format!("url: '{}'", server.url))), 1).await.unwrap();
    assert_eq!(server.seen().len(), 4);
    // Half of 0.5, 1 and 2 s at least, all of it at most.
    assert!((1750..3500).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_budget_bounds_how_long_it_is_asked() {
    let server = Server::answering([LATER; 40]);
    let began = Instant::now();
    let error = deliver(&mut delivery(&config(&format!("url: '{}'", server.url))), 1).await.unwrap_err();
    assert!(matches!(error, PushError::NotNow(_)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!((4..8).contains(&server.seen().len()), "{}", server.seen().len());

    let once = Server::answering([LATER]);
    deliver(&mut delivery(&config(&format!("url: '{}', retry_budget: 0s", once.url))), 1).await.unwrap_err();
    assert_eq!(once.seen().len(), 1);
}

#[tokio::test]
async fn a_no_that_will_stay_a_no_is_not_asked_again() {
    for answer in [NO, BAD] {
        let server = Server::answering([answer]);
        deliver(&mut delivery(&config(&format!("url: '{}'", server.url))), 1).await.unwrap_err();
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_service_holds_its_connection_and_makes_a_new_one_when_it_was_closed() {
    let server = Server::answering([YES, YES, YES_AND_BYE, YES, NOTHING]);
    let mut delivery = delivery(&config(&format!("url: '{}'", server.url))).every(Duration::from_secs(15));
    for second in 0..5 {
        deliver(&mut delivery, second).await.unwrap();
        tokio::task::yield_now().await;
    }
    // The fifth is sent again: nobody can know whether it was taken before the connection broke.
    let connections: Vec<_> = server.seen().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [1, 1, 1, 2, 2, 3]);
    assert!(server.seen().iter().all(|request| !request.head.contains("connection: close")));
}

#[tokio::test]
async fn pages_are_packed_for_those_who_say_that_they_unpack() {
    let server = Server::answering([YES, YES_AND_GZIP, YES, YES]);
    let mut delivery = delivery(&config(&format!("url: '{}'", server.url)));
    for second in 0..4 {
        deliver(&mut delivery, second).await.unwrap();
    }
    let packed: Vec<_> = server.seen().iter().map(|request| request.head.contains("content-encoding: gzip")).collect();
    assert_eq!(packed, [false, false, true, false]);
    assert_eq!(server.seen()[2].text(), "# TYPE up untyped\nup 2\n");
}

fn buffered(gateway: &Server, store: &Server, more: &str, folder: &tempfile::TempDir) -> Config {
    let (gateway, store, folder) = (&gateway.url, &store.url, folder.path().join("buffer").display().to_string());
    config(&format!(
        "url: '{gateway}/metrics/job/host/instance/web-1', retry_budget: 0s, \
         buffer: {{dir: '{folder}', backfill_url: '{store}'{more}}}"
    ))
}

#[tokio::test]
async fn what_was_missed_is_sent_with_its_time_when_there_is_a_way_again() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, store) = (Server::answering([LATER, NOTHING, NO, YES]), Server::answering([]));
    let mut delivery = delivery(&buffered(&gateway, &store, "", &folder));
    for second in 1..=5 {
        let _ = deliver(&mut delivery, second).await;
    }
    // The third was refused by somebody who was there; it is no page of an outage.
    let seen = store.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].head.starts_with("POST /api/v1/import/prometheus HTTP/1.1"), "{}", seen[0].head);
    assert_eq!(
        seen[0].text(),
        "up{job=\"host\",instance=\"web-1\"} 1 1700000001000\nup{job=\"host\",instance=\"web-1\"} 2 1700000002000\n"
    );
}

#[tokio::test]
async fn a_store_that_is_away_keeps_nobody_from_pushing_and_gets_everything_later() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, store) = (Server::answering([LATER, LATER]), Server::answering([LATER, NOTHING]));
    let config = buffered(&gateway, &store, "", &folder);
    for second in 1..=4 {
        // A process each, as cron has it.
        let result = deliver(&mut delivery(&config), second).await;
        assert_eq!(result.is_ok(), second > 2);
    }
    store.then([YES]);
    deliver(&mut delivery(&config), 5).await.unwrap();
    let last = store.seen().last().unwrap().text();
    assert_eq!(last.lines().count(), 2, "{last}");
    deliver(&mut delivery(&config), 6).await.unwrap();
    assert_eq!(store.seen().len(), 3, "nothing is sent twice");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_left_alone_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, store) = (Server::answering([LATER]), Server::answering([LATER; 99]));
    let mut delivery = delivery(&buffered(&gateway, &store, "", &folder));
    for second in 0..60 {
        let _ = deliver(&mut delivery, second).await;
        sleep(Duration::from_secs(1)).await;
    }
    // After 5, 10, 20 and so on.
    assert!((3..=5).contains(&store.seen().len()), "{}", store.seen().len());
}

#[tokio::test]
async fn a_page_that_the_store_can_never_take_does_not_block_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, store) = (Server::answering([LATER, YES, LATER]), Server::answering([BAD]));
    let config = buffered(&gateway, &store, "", &folder);
    let mut warnings = Vec::new();
    for second in 1..=4 {
        let warn = &mut |warning| warnings.push(warning);
        let _ = delivery(&config).deliver(page(second), None, at(second), warn).await;
    }
    assert!(warnings.len() == 1 && warnings[0].contains("were refused and are lost"), "{warnings:?}");
    assert!(store.seen()[1].text().starts_with("up{job=\"host\",instance=\"web-1\"} 3 "));
    let (mut page, mut delivery) = (Families::new(), delivery(&config));
    delivery.open(&mut |warning| panic!("{warning}"));
    delivery.describe(&mut page).unwrap();
    assert!(page.to_string().contains("\nnoroshi_exporter_buffer_dropped_total 1\n"), "{page}");
    assert!(page.to_string().contains("\nnoroshi_exporter_buffer_bytes 0\n"), "{page}");
}

#[tokio::test]
async fn pages_that_became_too_old_are_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, store) = (Server::answering([LATER, LATER]), Server::answering([]));
    let mut delivery = delivery(&buffered(&gateway, &store, ", max_age: 1h", &folder));
    for second in [0, 1000, 4000] {
        let _ = deliver(&mut delivery, second).await;
    }
    assert_eq!(store.seen()[0].text(), "up{job=\"host\",instance=\"web-1\"} 1000 1700001000000\n");
}

#[tokio::test]
async fn every_page_goes_to_a_store_that_wants_all_even_while_the_gateway_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, store) = (Server::answering([YES, LATER]), Server::answering([]));
    let mut delivery = delivery(&buffered(&gateway, &store, ", pages: all", &folder));
    for second in 1..=3 {
        let _ = deliver(&mut delivery, second).await;
    }
    let values: Vec<_> = store.seen().iter().map(|request| request.text()).collect();
    assert_eq!(values.len(), 3);
    assert!(values[1].ends_with("} 2 1700000002000\n"), "{values:?}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_costs_a_warning_and_no_push() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("buffer"), "").unwrap();
    let (gateway, store) = (Server::answering([]), Server::answering([]));
    let mut warnings = Vec::new();
    let config = buffered(&gateway, &store, "", &folder);
    let mut delivery = delivery(&config);
    delivery.open(&mut |warning| warnings.push(warning));
    assert!(warnings.len() == 1 && warnings[0].starts_with("nothing is kept when a push fails"), "{warnings:?}");
    deliver(&mut delivery, 1).await.unwrap();
}

#[tokio::test]
async fn a_buffer_is_opened_by_the_push_and_not_by_whoever_waits_for_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, store) = (Server::answering([LATER]), Server::answering([]));
    let config = buffered(&gateway, &store, "", &folder);
    // Both are built; the second waits for the lock while the first has a page to keep.
    let (mut first, mut second) = (delivery(&config), delivery(&config));
    assert!(!folder.path().join("buffer").exists(), "nothing is touched before there is a lock");
    deliver(&mut first, 1).await.unwrap_err();
    drop(first);

    deliver(&mut second, 2).await.unwrap();

    assert_eq!(store.seen()[0].text(), "up{job=\"host\",instance=\"web-1\"} 1 1700000001000\n");
}

#[tokio::test]
async fn of_a_page_that_was_refused_and_one_that_was_taken_in_its_place_the_store_gets_one() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, store) = (Server::answering([BAD, YES, BAD, NO]), Server::answering([]));
    let mut delivery = delivery(&buffered(&gateway, &store, ", pages: all", &folder));
    let own = page(10);

    let taken = delivery.deliver(page(1), Some(own.clone()), at(1), &mut |_| ()).await.unwrap();
    assert!(matches!(taken, Taken::Own(PushError::BadPage(_))), "{taken:?}");
    let error = delivery.deliver(page(2), Some(own.clone()), at(2), &mut |_| ()).await.unwrap_err();
    assert!(matches!(error, PushError::Rejected(_)), "{error}");

    let texts: Vec<_> = store.seen().iter().map(Request::text).collect();
    let line = |second: u64| format!("up{{job=\"host\",instance=\"web-1\"}} 10 170000000{second}000\n");
    assert_eq!(texts, [line(1), line(2)]);
}

#[tokio::test]
async fn what_is_wrong_with_the_store_is_told_in_its_own_settings() {
    const KEY: &str = "HTTP/1.1 401 Key\r\ncontent-length: 0\r\n\r\n";
    const GONE: &str = "HTTP/1.1 404 Gone\r\ncontent-length: 0\r\n\r\n";
    const MOVED: &str = "HTTP/1.1 301 Moved\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n";
    const BEHIND: &str = "HTTP/1.1 502 Behind\r\ncontent-length: 0\r\n\r\n";
    for (answer, said) in [
        (KEY, "set exporter.buffer.user and exporter.buffer.password_file"),
        (GONE, "check the path in exporter.buffer.backfill_url"),
        (MOVED, "put the final address into exporter.buffer.backfill_url"),
        (BEHIND, "is up, but not the store behind it"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (gateway, store) = (Server::answering([]), Server::answering([answer]));
        let mut warnings = Vec::new();
        let warn = &mut |warning| warnings.push(warning);
        let config = buffered(&gateway, &store, ", pages: all", &folder);
        delivery(&config).deliver(page(1), None, at(1), warn).await.unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains(said), "{warnings:?}");
        assert!(!warnings[0].contains("PUSHGATEWAY_"), "{warnings:?}");
    }
}

#[tokio::test]
async fn a_push_that_is_cut_short_ends_at_once_and_its_page_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    // The kernel takes the connection, and nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (gateway, store) = (Server::answering([]), Server::answering([]));
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut late = buffered(&gateway, &store, "", &folder);
    late.url = Some(format!("{url}/metrics/job/host/instance/web-1").try_into().unwrap());
    let mut cut = delivery(&late);
    let stop = CancellationToken::new();
    cut.stop_with(stop.clone());

    let began = Instant::now();
    let (error, ()) = tokio::join!(deliver(&mut cut, 1), async {
        sleep(Duration::from_millis(50)).await;
        stop.cancel();
    });

    let error = error.unwrap_err();
    assert!(matches!(error, PushError::CutShort { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop(cut);
    deliver(&mut delivery(&buffered(&gateway, &store, "", &folder)), 2).await.unwrap();
    assert!(store.seen()[0].text().ends_with("} 1 1700000001000\n"));
}
