//! A fleet that somebody made up, to see what a report looks like before there are hosts.

use jiff::{SignedDuration, Timestamp};

use super::fleet::{Figure, Fleet, Host, SPANS, State};
use super::survey::{Fired, Survey};

const NAMES: [&str; 8] = [
    "web-1",
    "game-1",
    "db-1",
    "discord-bot-music",
    "oci-backup",
    "minecraft-survival",
    "web-2",
    "a-host-with-a-long-name.example.org",
];

/// Returns a day of `count` hosts until `now`: the same ones each time.
pub fn survey(count: usize, now: Timestamp, period: SignedDuration) -> Survey {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let from = now - period;
    let hosts = (0..count).map(|number| host(number, from, period, &mut dice)).collect();
    let mut fleet = Fleet { from, to: now, hosts };
    fleet.sort();
    let down = fleet.hosts.iter().filter_map(|host| match host.state {
        State::Down(since) => Some((host.name.clone(), now.duration_since(since))),
        State::Up => None,
    });
    let alerts =
        down.map(|(place, time)| Fired { name: "HostDown".to_owned(), place, time, is_firing: true }).collect();
    Survey { fleet, alerts, is_blind: false }
}

fn host(number: usize, from: Timestamp, period: SignedDuration, dice: &mut Dice) -> Host {
    let name = NAMES.get(number).map_or_else(|| format!("node-{number}"), |name| (*name).to_owned());
    let (silent_from, away) =
        (if number % 9 == 2 { SPANS * 3 / 4 } else { SPANS }, if number % 7 == 1 { 20..26 } else { 0..0 });
    let (base, peak) =
        ([0.05 + dice.roll() * 0.3, 0.3 + dice.roll() * 0.4, 0.3 + dice.roll() * 0.4], dice.roll() * SPANS as f32);
    let spikes = [if number.is_multiple_of(4) { 0.65 } else { 0.1 }, 0.1, 0.0];
    let mut figures = [Figure::default(), Figure::default(), Figure::default()];
    for (figure, (base, spike)) in figures.iter_mut().zip(base.into_iter().zip(spikes)) {
        for span in (0..silent_from).filter(|span| !away.contains(span)) {
            let distance = (span as f32 - peak) / 5.0;
            let share =
                base + spike * (-distance * distance).exp() + dice.roll() * 0.04 * f32::from(u8::from(spike > 0.0));
            figure.course[span] = Some(share.min(0.99));
        }
        figure.now = figure.course[SPANS - 1];
    }
    let is_up = silent_from == SPANS;
    let since = from + period * 3 / 4;
    let uptime = is_up.then(|| SignedDuration::from_mins((dice.roll() * 90_000.0) as i64));
    Host { name, state: if is_up { State::Up } else { State::Down(since) }, uptime, figures }
}

/// The same numbers each time, without a crate for it.
struct Dice(u64);

impl Dice {
    /// Returns a number from 0 to 1 (xorshift64, Marsaglia 2003).
    fn roll(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % 10_000) as f32 / 10_000.0
    }
}
