#![no_main]

use std::sync::Once;

#[path = "../checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    // The fuzzer's own hook ends the process at any panic; one of the parser that `Query::parse` catches is no fault.
    // What nobody catches still ends it.
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|info| eprintln!("{info}"))));
    checks::query(text);
});
