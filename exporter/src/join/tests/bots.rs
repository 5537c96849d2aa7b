//! Pages of bots.

use super::*;

/// How a bot's server behaves once it was asked.
enum Bot {
    Says(String),
    SaysNothing,
    /// Sends a head, then this piece again and again, with a pause between them.
    Drips(&'static str, Duration),
}

/// Starts a bot and returns its port, and how many bytes it got rid of.
async fn start(bot: Bot) -> (u16, Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        ask(&mut stream).await;
        let (text, pause) = match bot {
            Bot::Says(answer) => {
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
                return;
            }
            Bot::SaysNothing => return std::future::pending().await,
            Bot::Drips(text, pause) => (text, pause),
        };
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(text.as_bytes()).await.is_ok() {
            counted.fetch_add(text.len(), std::sync::atomic::Ordering::Relaxed);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
    });
    (port, sent)
}

/// Reads the request, which must ask for the one format that we read.
async fn ask(stream: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
    }
    let request = String::from_utf8(request).unwrap();
    assert!(request.starts_with("GET /metrics HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("accept: text/plain; version=0.0.4\r\n"), "{request}");
}

fn page(body: &str) -> Bot {
    Bot::Says(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

fn entry(port: u16, more: &str) -> String {
    format!("{{url: 'http://127.0.0.1:{port}/metrics'{more}}}")
}

/// Joins the page of one bot called `shop`.
async fn shop(bot: Bot, more: &str) -> (String, Vec<String>) {
    let (port, _) = start(bot).await;
    let (page, warnings) =
        joined(&format!("{{metrics: [{}]}}", entry(port, &format!(", bot: shop{more}"))), nobody()).await;
    let port = format!("127.0.0.1:{port}");
    (page, warnings.into_iter().map(|warning| warning.replace(&port, "HERE")).collect())
}

/// Joins a page that is to be left out, and returns why it was.
async fn refused(bot: Bot, more: &str) -> String {
    let (page, warnings) = shop(bot, more).await;
    assert_eq!(series(&page, "noroshi_exporter_join_success"), [r#"noroshi_exporter_join_success{source="shop"} 0"#]);
    assert_eq!(series(&page, "noroshi_exporter_join_series"), [r#"noroshi_exporter_join_series{source="shop"} 0"#]);
    let own = |line: &&str| !line.starts_with('#') && !line.starts_with("noroshi_exporter_join_");
    assert_eq!(page.lines().filter(own).collect::<Vec<_>>(), ["node_load1 0.5", "process_open_fds 9"]);
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    warning.strip_prefix("shop (http://HERE/metrics) is left out of this push: ").unwrap().to_owned()
}

#[tokio::test]
async fn a_bots_figures_travel_along_under_its_name() {
    let body = "# TYPE players gauge\nplayers{map=\"a\"} 3\nplayers{map=\"b\",bot=\"other\"} 4\n\
                # TYPE process_open_fds gauge\nprocess_open_fds 5\n\
                # TYPE lag histogram\nlag_bucket{le=\"1\"} 2\nlag_sum 1\nlag_count 2\n";
    let (page, warnings) = shop(page(body), "").await;
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(series(&page, "players"), [r#"players{bot="other",map="b"} 4"#, r#"players{bot="shop",map="a"} 3"#]);
    assert_eq!(series(&page, "process_open_fds"), ["process_open_fds 9", r#"process_open_fds{bot="shop"} 5"#]);
    assert_eq!(
        series(&page, "lag_bucket"),
        [r#"lag_bucket{bot="shop",le="1"} 2"#, r#"lag_bucket{bot="shop",le="+Inf"} 2"#]
    );
    assert_eq!(series(&page, "noroshi_exporter_join_success"), [r#"noroshi_exporter_join_success{source="shop"} 1"#]);
    assert_eq!(series(&page, "noroshi_exporter_join_series"), [r#"noroshi_exporter_join_series{source="shop"} 4"#]);
}

#[tokio::test]
async fn the_name_comes_from_the_environment_unless_the_file_has_one() {
    let (first, _) = start(page("a 1\n")).await;
    let (second, _) = start(page("b 1\n")).await;
    let both = format!("{{metrics: [{}, {}]}}", entry(first, ""), entry(second, ""));
    let (page, _) = joined(&both, Environment::from([("BOT_NAME", "shop")])).await;
    assert_eq!(series(&page, "a"), [r#"a{bot="shop"} 1"#]);
    assert_eq!(
        series(&page, "noroshi_exporter_join_success"),
        [r#"noroshi_exporter_join_success{source="shop"} 1"#, r#"noroshi_exporter_join_success{source="shop-2"} 1"#]
    );
}

#[tokio::test]
async fn a_bot_without_a_name_is_known_by_its_address() {
    let (port, _) = start(page("a 1\n")).await;
    let (page, _) = joined(&format!("{{metrics: [{}]}}", entry(port, "")), nobody()).await;
    assert_eq!(series(&page, "a"), ["a 1"]);
    assert_eq!(
        series(&page, "noroshi_exporter_join_success"),
        [format!("noroshi_exporter_join_success{{source=\"127.0.0.1:{port}\"}} 1")]
    );
}

#[tokio::test]
async fn labels_that_a_gateway_overwrites_keep_their_values_under_another_name() {
    let (page, _) = shop(page("m{job=\"a\",instance=\"x\"} 1\nm{job=\"b\"} 2\n"), "").await;
    assert_eq!(
        series(&page, "m"),
        [r#"m{bot="shop",exported_job="b"} 2"#, r#"m{bot="shop",exported_instance="x",exported_job="a"} 1"#]
    );
}

#[tokio::test]
async fn figures_that_a_gateway_would_refuse_for_their_type_are_left_out_alone() {
    let (page, warnings) = shop(page("process_open_fds 5\ngo_gc_duration_seconds_sum 1\nplayers 3\n"), "").await;
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(series(&page, "process_open_fds"), ["process_open_fds 9"]);
    assert_eq!(series(&page, "players"), [r#"players{bot="shop"} 3"#]);
    assert_eq!(
        series(&page, "noroshi_exporter_join_left_out_series"),
        [r#"noroshi_exporter_join_left_out_series{source="shop"} 2"#]
    );
}

#[tokio::test]
async fn a_name_of_the_hosts_is_refused() {
    for name in ["node_load1", "node_of_mine", "namedprocess_namegroup_num_procs", "probe_success"] {
        assert_eq!(refused(page(&format!("{name} 1\n")), "").await, format!("the name `{name}` is for hosts only"));
    }
    for name in ["noroshi_exporter_build_info", "push_time_seconds", "up", "ALERTS"] {
        let error = refused(page(&format!("{name} 1\n")), "").await;
        assert_eq!(error, format!("the name `{name}` is not for others to use"));
    }
}

#[tokio::test]
async fn of_two_bots_that_differ_in_a_type_the_first_counts() {
    let (first, _) = start(page("# TYPE players gauge\nplayers 1\n")).await;
    let (second, _) = start(page("# TYPE players counter\nplayers 2\nother 1\n")).await;
    let both = format!("{{metrics: [{}, {}]}}", entry(first, ", bot: a"), entry(second, ", bot: b"));
    let (page, warnings) = joined(&both, nobody()).await;
    assert_eq!(series(&page, "players"), [r#"players{bot="a"} 1"#]);
    assert_eq!(series(&page, "other"), Vec::<String>::new());
    assert!(warnings[0].ends_with("the family `players` is on the page already, with another type or help"));
}

#[tokio::test]
async fn one_bot_may_not_count_what_another_has_a_histogram_of() {
    let (first, _) = start(page("# TYPE lag histogram\nlag_bucket{le=\"1\"} 1\n")).await;
    let (second, _) = start(page("lag_count 2\n")).await;
    let both = format!("{{metrics: [{}, {}]}}", entry(first, ", bot: a"), entry(second, ", bot: b"));
    let (_, warnings) = joined(&both, nobody()).await;
    assert!(warnings[0].ends_with("the family `lag_count` has series of the same name as the family `lag`"));
}

#[tokio::test]
async fn a_malformed_page_is_refused_with_its_line() {
    assert_eq!(refused(page("a 1\nb\n"), "").await, "line 2: expected float as value, got \"\"");
    assert_eq!(refused(page("a 1 5\n"), "").await, "line 1: pushed metrics must not have timestamps");
}

#[tokio::test]
async fn an_answer_that_is_no_page_is_refused() {
    let says = |head: &str| Bot::Says(format!("HTTP/1.1 {head}\r\ncontent-length: 4\r\n\r\na 1\n"));
    let openmetrics = says("200 OK\r\ncontent-type: application/openmetrics-text; version=1.0.0");
    assert_eq!(refused(openmetrics, "").await, "it sends OpenMetrics although we asked for the text format 0.0.4");
    let gzip = says("200 OK\r\ncontent-encoding: gzip");
    assert_eq!(refused(gzip, "").await, "its page is compressed, which we did not ask for");
    assert_eq!(refused(says("404 Not Found"), "").await, "it answers 404");
    let elsewhere = says("302 Found\r\nlocation: http://8.8.8.8/");
    assert_eq!(refused(elsewhere, "").await, "it sends us elsewhere (302); write the final address");
    let cut = Bot::Says("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na 1\n".to_owned());
    assert!(refused(cut, "").await.starts_with("its answer broke off: "));
    assert!(refused(Bot::Says("SSH-2.0\r\n".to_owned()), "").await.starts_with("it gave no answer in HTTP: "));
}

#[tokio::test]
async fn a_page_that_never_ends_costs_no_more_than_its_limit() {
    let (port, sent) = start(Bot::Drips("a 1\n", Duration::ZERO)).await;
    let (_, warnings) = joined(&format!("{{metrics: [{}]}}", entry(port, ", max_bytes: 100000")), nobody()).await;
    assert!(warnings[0].ends_with("its page is longer than 100000 bytes (max_bytes)"), "{warnings:?}");
    // What the kernel held of it was lost; nobody goes on reading.
    assert!(sent.load(std::sync::atomic::Ordering::Relaxed) < 20_000_000);
}

#[tokio::test]
async fn a_page_that_says_it_is_too_long_is_not_read() {
    let long = Bot::Says("HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n".to_owned());
    assert_eq!(refused(long, "").await, "its page is longer than 1048576 bytes (max_bytes)");
}

#[tokio::test]
async fn a_page_with_too_many_series_is_refused() {
    assert_eq!(refused(page("a 1\nb 1\nc 1\n"), ", max_series: 2").await, "line 3: there are more than 2 series");
}

#[tokio::test]
async fn a_head_that_never_ends_is_given_up() {
    let head = Bot::Says(format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(100_000)));
    assert!(refused(head, "").await.starts_with("it gave no answer in HTTP: "));
}

#[tokio::test(start_paused = true)]
async fn a_bot_that_says_nothing_is_given_up() {
    assert_eq!(refused(Bot::SaysNothing, "").await, "it was not there within 2s");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_drips_is_given_up() {
    let drip = Bot::Drips("a", Duration::from_millis(900));
    assert_eq!(refused(drip, ", timeout: 5s").await, "it was not there within 5s");
}

#[tokio::test]
async fn a_bot_that_hangs_takes_nothing_from_another() {
    let (hangs, _) = start(Bot::SaysNothing).await;
    let (speaks, _) = start(page("players 3\n")).await;
    let both = format!(
        "{{metrics: [{}, {}]}}",
        entry(hangs, ", bot: a, timeout: 100ms"),
        entry(speaks, ", bot: b, timeout: 30s")
    );
    let (page, warnings) = joined(&both, nobody()).await;
    assert_eq!(series(&page, "players"), [r#"players{bot="b"} 3"#]);
    assert_eq!(warnings.len(), 1);
}

#[tokio::test]
async fn a_bot_that_is_not_there_is_said_so() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (page, warnings) = joined(&format!("{{metrics: [{}]}}", entry(port, ", bot: shop")), nobody()).await;
    assert!(warnings[0].contains("nobody answers there"), "{warnings:?}");
    assert_eq!(series(&page, "noroshi_exporter_join_success"), [r#"noroshi_exporter_join_success{source="shop"} 0"#]);
}
