//! One host's row, in the three sizes that a fleet may need.

use std::ops::Range;

use jiff::tz::TimeZone;
use jiff::{RoundMode, ToSpan as _, Unit, ZonedRound};

use super::canvas::{Band, Ink, Pen, Side, Undrawable};
use super::{DOWN, FAINT, GRID, HOT, MARGIN, PANEL, TEXT, WELL, WIDTH, color};
use crate::language::Language;
use crate::report::fleet::{Figure, Fleet, Gauge, Host, SPANS, State};

/// Where everything stands in a row.
pub struct Layout {
    /// Hosts beside each other.
    pub columns: usize,
    /// Of a row.
    pub height: i32,
    name_size: f32,
    name_width: f32,
    now_size: f32,
    now_width: f32,
    /// Of what stands below a name or a figure; nothing where there is no room for it.
    small_size: Option<f32>,
}

impl Layout {
    /// Returns the largest that shows so many hosts in a picture of a sound shape.
    pub fn of(hosts: usize) -> Self {
        match hosts {
            0..=8 => Self {
                columns: 1,
                height: 92,
                name_size: 25.0,
                name_width: 236.0,
                now_size: 27.0,
                now_width: 84.0,
                small_size: Some(18.0),
            },
            9..=20 => Self {
                columns: 1,
                height: 52,
                name_size: 21.0,
                name_width: 222.0,
                now_size: 20.0,
                now_width: 66.0,
                small_size: Some(14.0),
            },
            _ => Self {
                columns: 2,
                height: 28,
                name_size: 16.0,
                name_width: 156.0,
                now_size: 15.0,
                now_width: 40.0,
                small_size: None,
            },
        }
    }

    /// Draws `host`, the `place`th of the report, into a band that is one row high.
    pub fn draw(
        &self,
        band: &mut Band,
        column: usize,
        place: usize,
        host: &Host,
        fleet: &Fleet,
        zone: &TimeZone,
    ) -> Result<(), Undrawable> {
        let height = self.height as f32;
        band.draw(|pen| {
            let [left, right] = self.sides(column);
            let gap = if self.small_size.is_some() { 4.0 } else { 2.0 };
            pen.rectangle([left - 10.0, gap / 2.0, right + 10.0, height - gap / 2.0], PANEL, 1.0)?;
            self.name(pen, left, place, host, zone)?;
            for (gauge, figure) in host.gauges() {
                self.figure(pen, self.cell(column, gauge), gauge, figure)?;
                if let Some(area) = self.course_area(column, gauge) {
                    self.course(pen, area, gauge, figure, fleet, zone)?;
                }
            }
            Ok(())
        })
    }

    /// Writes what each column is.
    pub fn titles(&self, pen: &Pen, y: f32) -> Result<(), Undrawable> {
        for column in 0..self.columns {
            for gauge in Gauge::ALL {
                let [x, _] = self.cell(column, gauge);
                let word = match gauge {
                    Gauge::Cpu => "CPU",
                    Gauge::Memory => "Memory",
                    Gauge::Disk => "Disk",
                };
                let ink = Ink { size: self.title_size(), bold: true, color: color(gauge), side: Side::Left };
                pen.text(word, x, y, ink)?;
            }
        }
        Ok(())
    }

    /// Writes the hours below the courses.
    pub fn times(&self, pen: &Pen, y: f32, fleet: &Fleet, zone: &TimeZone) -> Result<(), Undrawable> {
        let ink =
            Ink { size: if self.columns == 1 { 16.0 } else { 13.0 }, bold: false, color: FAINT, side: Side::Middle };
        for column in 0..self.columns {
            for gauge in Gauge::ALL {
                let Some([left, _, right, _]) = self.course_area(column, gauge) else { continue };
                for (at, hour) in hours(fleet, zone, 12) {
                    let x = left + (right - left) * at;
                    if x - left > 14.0 && right - x > 10.0 {
                        pen.text(&hour, x, y, ink)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn title_size(&self) -> f32 {
        if self.columns == 1 { 21.0 } else { 16.0 }
    }

    fn name(&self, pen: &Pen, left: f32, place: usize, host: &Host, zone: &TimeZone) -> Result<(), Undrawable> {
        let height = self.height as f32;
        let (dot, below) = match host.state {
            State::Up => (WELL, host.uptime.map(|uptime| (format!("up {}", Language::En.duration(uptime)), FAINT))),
            State::Down(since) => {
                let since = since.to_zoned(zone.clone()).strftime("down since %-d %b %H:%M").to_string();
                (DOWN, Some((since, DOWN)))
            }
        };
        let radius = self.name_size * 0.24;
        let x = left + radius * 2.0 + self.name_size * 0.5;
        let room = left + self.name_width - x - 8.0;
        let ink =
            Ink { size: self.name_size, bold: true, color: if host.is_up() { TEXT } else { DOWN }, side: Side::Left };
        let name = fitted(pen, &shown(&host.name, place), ink, room)?;
        let Some((small, (below, color))) = self.small_size.zip(below) else {
            pen.disc(left + radius, height / 2.0, radius, dot)?;
            return pen.text(&name, x, height / 2.0, ink);
        };
        let y = height / 2.0 - small * 0.62;
        pen.disc(left + radius, y, radius, dot)?;
        pen.text(&name, x, y, ink)?;
        let ink = Ink { size: small, bold: false, color, side: Side::Left };
        pen.text(&fitted(pen, &below, ink, room)?, x, height / 2.0 + self.name_size * 0.56, ink)
    }

    fn figure(&self, pen: &Pen, [left, _]: [f32; 2], gauge: Gauge, figure: &Figure) -> Result<(), Undrawable> {
        let height = self.height as f32;
        let tone = |share: f32| if share > gauge.limit() { HOT } else { TEXT };
        let (word, tint) = match figure.now {
            Some(now) => (percent(now), tone(now)),
            None => ("\u{2013}".to_owned(), FAINT),
        };
        let ink = Ink { size: self.now_size, bold: true, color: tint, side: Side::Left };
        let Some((small, peak)) = self.small_size.zip(figure.peak()) else {
            return pen.text(&word, left, height / 2.0, ink);
        };
        pen.text(&word, left, height / 2.0 - small * 0.62, ink)?;
        let color = if peak > gauge.limit() { HOT } else { FAINT };
        let ink = Ink { size: small, bold: false, color, side: Side::Left };
        pen.text(&format!("max {}", percent(peak)), left, height / 2.0 + self.now_size * 0.52, ink)
    }

    /// The day as a hilly line: what was above the limit glows, where nothing was heard the ground is red.
    fn course(
        &self,
        pen: &Pen,
        [left, top, right, bottom]: [f32; 4],
        gauge: Gauge,
        figure: &Figure,
        fleet: &Fleet,
        zone: &TimeZone,
    ) -> Result<(), Undrawable> {
        let step = (right - left) / SPANS as f32;
        let at = |place: usize| left + step * place as f32;
        let level = |share: f32| bottom - (bottom - top) * share.clamp(0.0, 1.0);
        pen.rectangle([left, top, right, bottom], GRID, 0.07)?;
        for silence in silences(figure) {
            pen.rectangle([at(silence.start), top, at(silence.end), bottom], DOWN, 0.26)?;
        }
        for (at, _) in hours(fleet, zone, 6) {
            let x = left + (right - left) * at;
            pen.rectangle([x, top, x + 0.5, bottom], GRID, 0.35)?;
        }
        let y = level(gauge.limit());
        pen.rectangle([left, y, right, y + 0.5], HOT, 0.45)?;
        let thick = if self.columns == 1 { 2.0 } else { 1.5 };
        for (span, share) in figure.course.iter().enumerate() {
            let Some(share) = *share else { continue };
            let next = figure.course.get(span + 1).copied().flatten().unwrap_or(share);
            let (x0, x1) = (at(span), at(span + 1));
            let (y0, y1) = (level(share), level(next));
            let tint = if share.max(next) > gauge.limit() { HOT } else { color(gauge) };
            pen.slope((x0, y0), (x1, y1), bottom, thick, tint)?;
        }
        Ok(())
    }

    fn sides(&self, column: usize) -> [f32; 2] {
        let gap = 48.0;
        let width = (WIDTH as f32 - 2.0 * MARGIN - gap * (self.columns - 1) as f32) / self.columns as f32;
        let left = MARGIN + (width + gap) * column as f32;
        [left, left + width]
    }

    fn cell(&self, column: usize, gauge: Gauge) -> [f32; 2] {
        let [left, right] = self.sides(column);
        let left = left + self.name_width;
        // A disk fills up over weeks: where there is little room, it goes without its course.
        let (gap, last) = if self.columns == 1 { (18.0, 0.0) } else { (10.0, self.now_width - 4.0) };
        let places = if self.columns == 1 { 3.0 } else { 2.0 };
        let width = (right - last - left + gap) / places;
        match gauge {
            Gauge::Disk if self.columns > 1 => [right - last + gap, right],
            gauge => [left + width * gauge as usize as f32, left + width * (gauge as usize + 1) as f32 - gap],
        }
    }

    fn course_area(&self, column: usize, gauge: Gauge) -> Option<[f32; 4]> {
        let [left, right] = self.cell(column, gauge);
        let inset = if self.small_size.is_some() { 10.0 } else { 5.0 };
        let left = left + self.now_width;
        (left < right).then_some([left, inset, right, self.height as f32 - inset])
    }
}

/// The stretches in which nothing was heard.
fn silences(figure: &Figure) -> Vec<Range<usize>> {
    let mut silences: Vec<Range<usize>> = Vec::new();
    for span in (0..SPANS).filter(|span| figure.course[*span].is_none()) {
        match silences.last_mut() {
            Some(last) if last.end == span => last.end = span + 1,
            _ => silences.push(span..span + 1),
        }
    }
    silences
}

/// The full hours of the period that `every` divides, and how far into the period they are (0 to 1).
fn hours(fleet: &Fleet, zone: &TimeZone, every: i8) -> Vec<(f32, String)> {
    let length = (fleet.to.as_second() - fleet.from.as_second()) as f32;
    let round = ZonedRound::new().smallest(Unit::Hour).mode(RoundMode::Ceil);
    let Ok(mut hour) = fleet.from.to_zoned(zone.clone()).round(round) else { return Vec::new() };
    let mut hours = Vec::new();
    // A period of a month has no use for hours.
    while hour.timestamp() <= fleet.to && hours.len() < 8 {
        if hour.hour() % every == 0 {
            hours.push((
                (hour.timestamp().as_second() - fleet.from.as_second()) as f32 / length,
                hour.strftime("%H:%M").to_string(),
            ));
        }
        let Ok(next) = hour.checked_add(1.hour()) else { break };
        hour = next;
    }
    hours
}

/// The name if the font has its letters, otherwise the place that the report gives it.
fn shown(name: &str, place: usize) -> String {
    if is_lettered(name) { name.to_owned() } else { format!("#{}", place + 1) }
}

/// Returns whether the font has letters for `name`: Latin, Greek and Cyrillic ones.
pub fn is_lettered(name: &str) -> bool {
    name.chars().all(|char| (' '..'\u{500}').contains(&char) && !char.is_control())
}

fn fitted(pen: &Pen, text: &str, ink: Ink, room: f32) -> Result<String, Undrawable> {
    if pen.width(text, ink)? <= room {
        return Ok(text.to_owned());
    }
    let mut kept: String = text.to_owned();
    while kept.pop().is_some() {
        let cut = format!("{}\u{2026}", kept.trim_end_matches([' ', '.', '-', '_']));
        if pen.width(&cut, ink)? <= room {
            return Ok(cut);
        }
    }
    Ok(String::new())
}

fn percent(share: f32) -> String {
    format!("{:.0}%", share * 100.0)
}
