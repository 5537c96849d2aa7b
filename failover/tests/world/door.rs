//! Where bots log in. Remembers every session, and whether another one was open when it began.

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::PATIENCE;

#[derive(Clone, Debug)]
pub struct Session {
    pub site: String,
    pub epoch: u64,
    pub begin: Instant,
    pub end: Option<Instant>,
}

#[derive(Default)]
struct Book {
    sessions: Vec<Session>,
    open: Vec<(usize, TcpStream)>,
    overlaps: Vec<String>,
}

pub struct Door {
    port: u16,
    book: Arc<(Mutex<Book>, Condvar)>,
}

impl Door {
    pub fn open() -> Self {
        Self::open_on("127.0.0.1")
    }

    pub fn open_on(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let book = Arc::<(Mutex<Book>, Condvar)>::default();
        let shared = book.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared) = (stream.unwrap(), shared.clone());
                thread::spawn(move || log_in(stream, &shared));
            }
        });
        Self { port, book }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn sessions(&self) -> Vec<Session> {
        self.book.0.lock().unwrap().sessions.clone()
    }

    /// Waits until a session satisfies `wanted`, and returns it.
    #[track_caller]
    pub fn wait(&self, what: &str, wanted: impl Fn(&Session) -> bool) -> Session {
        let until = Instant::now() + PATIENCE;
        let mut book = self.book.0.lock().unwrap();
        loop {
            if let Some(session) = book.sessions.iter().rev().find(|session| wanted(session)) {
                return session.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not come about; sessions: {:?}", book.sessions);
            book = self.book.1.wait_timeout(book, left.min(Duration::from_millis(200))).unwrap().0;
        }
    }

    /// Waits for an open session of `site` that began after `after`.
    #[track_caller]
    pub fn open_at(&self, site: &str, after: Instant) -> Session {
        self.wait(&format!("a session of {site}"), |s| s.site == site && s.begin >= after && s.end.is_none())
    }

    /// How often a bot logged in while another was.
    pub fn overlaps(&self) -> usize {
        self.book.0.lock().unwrap().overlaps.len()
    }

    /// What must never be.
    #[track_caller]
    pub fn no_overlap(&self) {
        let book = self.book.0.lock().unwrap();
        assert!(book.overlaps.is_empty(), "two bots were logged in: {:?}", book.overlaps);
    }
}

fn log_in(stream: TcpStream, shared: &(Mutex<Book>, Condvar)) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let (site, epoch) = line.trim().split_once(' ').unwrap();
    let index = {
        let mut book = shared.0.lock().unwrap();
        // The kernel closes what a dead process held before anybody can reap it: a peek tells the truth, not our threads.
        let still: Vec<usize> = book.open.iter().filter(|(_, other)| is_open(other)).map(|(i, _)| *i).collect();
        for other in still {
            let overlap = format!("{} while {:?} was open", line.trim(), book.sessions[other]);
            book.overlaps.push(overlap);
        }
        let index = book.sessions.len();
        let session =
            Session { site: site.to_owned(), epoch: epoch.parse().unwrap_or(0), begin: Instant::now(), end: None };
        book.sessions.push(session);
        book.open.push((index, stream.try_clone().unwrap()));
        shared.1.notify_all();
        index
    };
    let mut rest = String::new();
    while reader.read_line(&mut rest).is_ok_and(|read| read > 0) {}
    let mut book = shared.0.lock().unwrap();
    book.sessions[index].end = Some(Instant::now());
    book.open.retain(|(open, _)| *open != index);
    shared.1.notify_all();
}

fn is_open(stream: &TcpStream) -> bool {
    let copy = stream.try_clone().unwrap();
    let mut byte = [0; 1];
    let flags = rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT;
    match rustix::net::recv(&copy, &mut byte, flags) {
        Ok((0, _)) => false,
        Ok(_) => true,
        Err(error) => std::io::Error::from(error).kind() == ErrorKind::WouldBlock,
    }
}
