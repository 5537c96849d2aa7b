//! The picture of a report: every host's day in one row.
//!
//! Drawn band by band and packed as it goes, so that a hundred hosts need no more memory than one. It has a ground of its
//! own, because Discord shows it on black as well as on white, and its text is in letters that its font has: a host whose
//! name is written otherwise is called by its place in the report.

mod canvas;
mod row;

use std::io::Write as _;

use jiff::tz::TimeZone;
use plotters::style::RGBColor;

pub use self::canvas::Undrawable;
use self::canvas::{Band, Color, Ink, Side};
use self::row::Layout;
pub use self::row::is_lettered;
use super::fleet::{Fleet, Gauge};

/// More rows than this are no picture any more. The text names all hosts.
pub const HOSTS_LIMIT: usize = 200;

const WIDTH: i32 = 1000;
const MARGIN: f32 = 28.0;
const HEAD: i32 = 118;
const FOOT: i32 = 42;

const GROUND: Color = RGBColor(0x1b, 0x1d, 0x23);
const PANEL: Color = RGBColor(0x25, 0x28, 0x30);
const TEXT: Color = RGBColor(0xee, 0xf0, 0xf4);
const FAINT: Color = RGBColor(0x9a, 0xa2, 0xb1);
const GRID: Color = RGBColor(0x8a, 0x92, 0xa2);
const DOWN: Color = RGBColor(0xf0, 0x52, 0x4f);
const HOT: Color = RGBColor(0xff, 0xa6, 0x2b);
const WELL: Color = RGBColor(0x3e, 0xcf, 0x8e);

/// Draws `fleet` as a PNG file; times are those of `zone`.
///
/// # Errors
/// When the picture cannot be drawn, which would be a fault of ours.
pub fn png(fleet: &Fleet, zone: &TimeZone) -> Result<Vec<u8>, Undrawable> {
    canvas::register_fonts()?;
    let layout = Layout::of(fleet.hosts.len().min(HOSTS_LIMIT));
    let hosts = &fleet.hosts[..fleet.hosts.len().min(HOSTS_LIMIT)];
    let rows = hosts.len().div_ceil(layout.columns);
    let height = HEAD + rows as i32 * layout.height + FOOT;

    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(unpacked)?;
    let mut stream = writer.stream_writer().map_err(unpacked)?;
    let mut put = |band: &Band| -> Result<(), Undrawable> {
        for line in band.lines() {
            stream.write_all(&line).map_err(unpacked)?;
        }
        Ok(())
    };
    put(&head(fleet, &layout, zone)?)?;
    for row in 0..rows {
        // Down the first column, then down the second: as a list reads.
        let places = (0..layout.columns).map(|column| column * rows + row).filter(|place| *place < hosts.len());
        let mut band = Band::new(WIDTH, layout.height, GROUND);
        for place in places {
            layout.draw(&mut band, place / rows, place, &hosts[place], fleet, zone)?;
        }
        put(&band)?;
    }
    put(&foot(fleet, &layout, zone)?)?;
    stream.finish().map_err(unpacked)?;
    drop(writer);
    Ok(file)
}

fn head(fleet: &Fleet, layout: &Layout, zone: &TimeZone) -> Result<Band, Undrawable> {
    let down = fleet.down();
    let mut band = Band::new(WIDTH, HEAD, GROUND);
    band.draw(|pen| {
        let title = match fleet.hosts.len() {
            1 => "1 host".to_owned(),
            count => format!("{count} hosts"),
        };
        let big = Ink { size: 34.0, bold: true, color: TEXT, side: Side::Left };
        pen.text(&title, MARGIN, 43.0, big)?;
        let x = MARGIN + pen.width(&title, big)? + 22.0;
        let (word, color) = if down == 0 { ("all up".to_owned(), WELL) } else { (format!("{down} down"), DOWN) };
        pen.disc(x + 7.0, 45.0, 7.0, color)?;
        pen.text(&word, x + 24.0, 45.0, Ink { size: 24.0, bold: true, color, side: Side::Left })?;
        let span = format!(
            "{} \u{2013} {}",
            moment(fleet.from, zone),
            fleet.to.to_zoned(zone.clone()).strftime("%-d %b %H:%M %Z")
        );
        pen.text(&span, WIDTH as f32 - MARGIN, 45.0, Ink { size: 21.0, bold: false, color: FAINT, side: Side::Right })?;
        layout.titles(pen, HEAD as f32 - 18.0)
    })?;
    Ok(band)
}

fn foot(fleet: &Fleet, layout: &Layout, zone: &TimeZone) -> Result<Band, Undrawable> {
    let mut band = Band::new(WIDTH, FOOT, GROUND);
    band.draw(|pen| layout.times(pen, 14.0, fleet, zone))?;
    Ok(band)
}

/// `25 Nov 09:00`
fn moment(moment: jiff::Timestamp, zone: &TimeZone) -> String {
    moment.to_zoned(zone.clone()).strftime("%-d %b %H:%M").to_string()
}

fn color(gauge: Gauge) -> Color {
    match gauge {
        Gauge::Cpu => RGBColor(0x5b, 0xa8, 0xff),
        Gauge::Memory => RGBColor(0xb7, 0x94, 0xf6),
        Gauge::Disk => RGBColor(0x4f, 0xd1, 0xc5),
    }
}

/// Only memory could be lacking.
fn unpacked(error: impl std::fmt::Display) -> Undrawable {
    Undrawable(error.to_string())
}
