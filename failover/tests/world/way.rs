//! A way to Redis that can be cut, in one direction or both: bytes stop, connections stay, and new ones are taken but lead
//! nowhere, as in a network that has lost its middle.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

#[derive(Clone)]
pub struct Way {
    address: SocketAddr,
    /// No request arrives.
    requests: Arc<AtomicBool>,
    /// No answer arrives.
    answers: Arc<AtomicBool>,
}

impl Way {
    pub fn to(target: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = Self { address: listener.local_addr().unwrap(), requests: Arc::default(), answers: Arc::default() };
        let shared = way.clone();
        thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                let Ok(far) = UnixStream::connect(&target) else { continue };
                near.set_nodelay(true).unwrap();
                let (near2, far2) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                let (requests, answers) = (shared.requests.clone(), shared.answers.clone());
                let (ends, ends2) = (
                    (near.try_clone().unwrap(), far.try_clone().unwrap()),
                    (near2.try_clone().unwrap(), far2.try_clone().unwrap()),
                );
                thread::spawn(move || carry(near, far, &requests, &ends));
                thread::spawn(move || carry(far2, near2, &answers, &ends2));
            }
        });
        way
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn cut(&self) {
        self.cut_requests();
        self.cut_answers();
    }

    pub fn cut_requests(&self) {
        self.requests.store(true, Ordering::SeqCst);
    }

    pub fn cut_answers(&self) {
        self.answers.store(true, Ordering::SeqCst);
    }

    pub fn mend(&self) {
        self.requests.store(false, Ordering::SeqCst);
        self.answers.store(false, Ordering::SeqCst);
    }
}

fn carry(mut from: impl Read, mut to: impl Write, cut: &AtomicBool, ends: &(TcpStream, UnixStream)) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).unwrap_or(0);
        while cut.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5)); // Held, and delivered late: the worse case.
        }
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            let _ = ends.0.shutdown(Shutdown::Both);
            let _ = ends.1.shutdown(Shutdown::Both);
            return;
        }
    }
}
