//! A band of the picture: drawn twice as large and made smaller, which is what smooths every edge.

use plotters::coord::Shift;
use plotters::element::{Circle, Rectangle};
use plotters::prelude::{BitMapBackend, DrawingArea, IntoDrawingArea, RGBColor, TextStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontFamily, FontStyle, IntoFont as _};

/// How many times larger a band is drawn than it is shown.
const SAMPLES: i32 = 2;
const BYTES: usize = 3;
/// How strong a shade is beside its line.
const SHADE: f64 = 0.30;
/// How far plotters writes above the middle that it is told, as a share of the size.
const LIFT: f32 = 0.12;
const FONT: &str = "report";

pub type Color = RGBColor;
type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// What cannot be drawn. A band too small for its content is a fault of ours.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw the chart: {0}")]
pub struct Undrawable(pub String);

/// Where a text stands beside its point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Side {
    Left,
    Middle,
    Right,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub struct Ink {
    pub size: f32,
    pub bold: bool,
    pub color: Color,
    pub side: Side,
}

/// A band of `width` by `height` pixels, as it is shown.
pub struct Band {
    pub width: i32,
    pub height: i32,
    pixels: Vec<u8>,
}

pub fn register_fonts() -> Result<(), Undrawable> {
    for (style, bytes) in [(FontStyle::Normal, notosans::REGULAR_TTF), (FontStyle::Bold, notosans::BOLD_TTF)] {
        plotters::style::register_font(FONT, style, bytes).map_err(|_| Undrawable("its font is broken".to_owned()))?;
    }
    Ok(())
}

impl Band {
    pub fn new(width: i32, height: i32, ground: Color) -> Self {
        let count = (width * SAMPLES * height * SAMPLES) as usize;
        Self { width, height, pixels: [ground.0, ground.1, ground.2].repeat(count) }
    }

    /// Lets `draw` draw, in pixels as they are shown.
    pub fn draw(&mut self, draw: impl FnOnce(&Pen) -> Result<(), Undrawable>) -> Result<(), Undrawable> {
        let size = ((self.width * SAMPLES) as u32, (self.height * SAMPLES) as u32);
        let area = BitMapBackend::with_buffer(&mut self.pixels, size).into_drawing_area();
        draw(&Pen { area })
    }

    /// Returns the lines of the band as they are shown, RGB.
    pub fn lines(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let samples = SAMPLES as usize;
        let stride = self.width as usize * samples * BYTES;
        self.pixels.chunks_exact(stride * samples).map(move |block| {
            let mut line = Vec::with_capacity(stride / samples);
            for x in 0..self.width as usize {
                for channel in 0..BYTES {
                    let sum: u32 = (0..samples * samples)
                        .map(|at| {
                            u32::from(block[at / samples * stride + (x * samples + at % samples) * BYTES + channel])
                        })
                        .sum();
                    line.push((sum / (samples * samples) as u32) as u8);
                }
            }
            line
        })
    }
}

pub struct Pen<'a> {
    area: Area<'a>,
}

impl Pen<'_> {
    pub fn rectangle(&self, [x0, y0, x1, y1]: [f32; 4], color: Color, strength: f64) -> Result<(), Undrawable> {
        let (x0, y0, x1, y1) = (scaled(x0), scaled(y0), scaled(x1) - 1, scaled(y1) - 1);
        self.fill([x0, y0, x1, y1], color, strength)
    }

    pub fn disc(&self, x: f32, y: f32, radius: f32, color: Color) -> Result<(), Undrawable> {
        self.put(&Circle::new((scaled(x), scaled(y)), scaled(radius), color.filled()))
    }

    /// Draws a slope from one point to the other, `thick`, and shades what lies between it and `bottom`.
    ///
    /// Column by column: two shapes that share an edge would both paint it, and show it.
    pub fn slope(
        &self,
        from: (f32, f32),
        to: (f32, f32),
        bottom: f32,
        thick: f32,
        color: Color,
    ) -> Result<(), Undrawable> {
        let (x0, x1) = (scaled(from.0), scaled(to.0));
        let rise = (to.1 - from.1) * SAMPLES as f32 / (x1 - x0).max(1) as f32;
        let (floor, half) = (scaled(bottom) - 1, thick * SAMPLES as f32 / 2.0);
        for x in x0..x1 {
            let left = from.1 * SAMPLES as f32 + rise * (x - x0) as f32;
            let (high, low) = (left.min(left + rise), left.max(left + rise));
            let (top, under) = ((high - half).round() as i32, ((low + half).round() as i32).min(floor + 1));
            self.fill([x, top, x, under - 1], color, 1.0)?;
            self.fill([x, under, x, floor], color, SHADE)?;
        }
        Ok(())
    }

    /// Writes `text` with its middle at the height `y`.
    pub fn text(&self, text: &str, x: f32, y: f32, ink: Ink) -> Result<(), Undrawable> {
        let side = match ink.side {
            Side::Left => HPos::Left,
            Side::Middle => HPos::Center,
            Side::Right => HPos::Right,
        };
        let style = ink.style().pos(Pos::new(side, VPos::Center));
        self.area.draw_text(text, &style, (scaled(x), scaled(y + ink.size * LIFT))).map_err(undrawable)
    }

    /// Returns how wide `text` is.
    pub fn width(&self, text: &str, ink: Ink) -> Result<f32, Undrawable> {
        let (width, _) = self.area.estimate_text_size(text, &ink.style()).map_err(undrawable)?;
        Ok(width as f32 / SAMPLES as f32)
    }

    /// Fills from the first to the last pixel, both included. plotters leaves out rectangles of a single row or column.
    fn fill(&self, [x0, y0, x1, y1]: [i32; 4], color: Color, strength: f64) -> Result<(), Undrawable> {
        let color = color.mix(strength);
        if x0 < x1 && y0 < y1 {
            return self.put(&Rectangle::new([(x0, y0), (x1, y1)], color.filled()));
        }
        for (x, y) in (x0..=x1).flat_map(|x| (y0..=y1).map(move |y| (x, y))) {
            self.area.draw_pixel((x, y), &color).map_err(undrawable)?;
        }
        Ok(())
    }

    fn put<'e, E>(&self, element: &'e E) -> Result<(), Undrawable>
    where
        &'e E: plotters::element::PointCollection<'e, (i32, i32)>,
        for<'b> E: plotters::element::Drawable<BitMapBackend<'b>>,
    {
        self.area.draw(element).map_err(undrawable)
    }
}

impl Ink {
    fn style(self) -> TextStyle<'static> {
        let style = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let size = f64::from(self.size * SAMPLES as f32);
        (FontFamily::Name(FONT), size, style).into_font().color(&self.color)
    }
}

fn scaled(length: f32) -> i32 {
    (length * SAMPLES as f32).round() as i32
}

fn undrawable(error: impl std::fmt::Display) -> Undrawable {
    Undrawable(error.to_string())
}
