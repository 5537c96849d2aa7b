//! Puts `testdata/discord-cases.json` to one or more servers and compares their answers.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use e2e::discord::cases;

/// Puts the cases of Discord's webhook API to each server, and says where an answer is not as it should be or where
/// two servers differ. Leaves with 1 when there was any.
///
/// The servers need their global rate limit off, or the cases would meet it.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  discord-double --port 23100 --global-limit off &\n  discord-cases http://127.0.0.1:23100"
)]
struct Cli {
    /// Servers, as in `http://127.0.0.1:23100`.
    #[arg(required = true, value_name = "URL")]
    servers: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let examiners = cli.servers.iter().map(|server| cases::Examiner::new(server)).collect::<Result<Vec<_>, _>>()?;
    let mut out = std::io::stdout();
    let (mut passed, mut failed) = (0, 0);
    for case in cases::all() {
        let mut faults = Vec::new();
        let mut first = None;
        for (server, examiner) in cli.servers.iter().zip(&examiners) {
            let answered = examiner.put(&case).await?;
            faults.extend(case.judge(&answered).into_iter().map(|fault| format!("{server}: {fault}")));
            match &first {
                None => first = Some(answered),
                Some(first) if *first != answered => faults.push(format!("differ: {first:?} and {answered:?}")),
                Some(_) => {}
            }
        }
        if faults.is_empty() {
            passed += 1;
        } else {
            failed += 1;
            writeln!(out, "FAIL {}\n     {}", case.name, faults.join("\n     "))?;
        }
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    Ok(ExitCode::from(u8::from(failed > 0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
