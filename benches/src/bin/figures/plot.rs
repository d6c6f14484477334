//! Plots as SVG, for light and dark pages.

use std::fmt::Write;

const STYLE: &str = "\
.page{fill:#ffffff}.text{fill:#1f2328}.value{fill:#1f2328;stroke:#ffffff;stroke-width:4;paint-order:stroke}.faint{fill:#59636e}.grid{stroke:#d1d9e0}
.ours{fill:#0969da;stroke:#0969da}.other{fill:#bc4c00;stroke:#bc4c00}.peer{fill:#59636e;stroke:#59636e}
@media (prefers-color-scheme:dark){.page{fill:#0d1117}.text{fill:#f0f6fc}.value{fill:#f0f6fc;stroke:#0d1117}.faint{fill:#9198a1}.grid{stroke:#3d444d}
.ours{fill:#4493f8;stroke:#4493f8}.other{fill:#f0883e;stroke:#f0883e}.peer{fill:#9198a1;stroke:#9198a1}}";

#[derive(Clone, Copy)]
pub enum Colour {
    Ours,
    Other,
    Peer,
}

impl Colour {
    const fn class(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Other => "other",
            Self::Peer => "peer",
        }
    }
}

/// Text that is written to never fails.
const WRITTEN: &str = "a String takes all";

struct Picture {
    svg: String,
}

impl Picture {
    fn new(width: f64, height: f64, title: &str) -> Self {
        let mut svg = String::new();
        write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"Helvetica,Arial,sans-serif\" font-size=\"13\" role=\"img\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n\
             <rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n"
        )
        .expect(WRITTEN);
        let mut picture = Self { svg };
        picture.text(16.0, 26.0, "start", "text\" font-size=\"15\" font-weight=\"bold", title);
        picture
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, class: &str, text: &str) {
        writeln!(self.svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{text}</text>")
            .expect(WRITTEN);
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        writeln!(self.svg, "<line class=\"grid\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>")
            .expect(WRITTEN);
    }

    fn dot(&mut self, (x, y): (f64, f64), colour: Colour) {
        writeln!(self.svg, "<circle class=\"{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>", colour.class())
            .expect(WRITTEN);
    }

    fn path(&mut self, points: &[(f64, f64)], colour: Colour) {
        let points: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let (class, points) = (colour.class(), points.join(" "));
        writeln!(self.svg, "<polyline class=\"{class}\" style=\"fill:none\" stroke-width=\"2\" points=\"{points}\"/>")
            .expect(WRITTEN);
    }

    fn finish(self) -> String {
        self.svg + "</svg>\n"
    }
}

pub struct Lines<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub y: &'a str,
    /// Evenly spaced: each is a fixed multiple of the one before.
    pub ticks: Vec<String>,
    pub series: Vec<(&'a str, Colour, Vec<f64>)>,
}

impl Lines<'_> {
    pub fn draw(&self) -> String {
        const WIDTH: f64 = 640.0;
        const HEIGHT: f64 = 340.0;
        const LEFT: f64 = 76.0;
        const RIGHT: f64 = WIDTH - 40.0;
        const TOP: f64 = 78.0;
        const BOTTOM: f64 = HEIGHT - 58.0;
        let mut picture = Picture::new(WIDTH, HEIGHT, self.title);
        let largest = self.series.iter().flat_map(|(_, _, values)| values).fold(0.0_f64, |a, b| a.max(*b));
        let step = round_step(largest / 4.0);
        let steps = (largest / step).ceil();
        let top = step * steps;
        let y_at = |value: f64| BOTTOM - (BOTTOM - TOP) * value / top;
        let x_at = |index: usize| LEFT + 14.0 + (RIGHT - LEFT - 28.0) * index as f64 / (self.ticks.len() - 1) as f64;

        picture.text(16.0, 48.0, "start", "faint", self.y);
        for index in 0..=steps as usize {
            let value = step * index as f64;
            picture.line((LEFT, y_at(value)), (RIGHT, y_at(value)));
            picture.text(LEFT - 8.0, y_at(value) + 4.5, "end", "text", &plain(value));
        }
        for (index, tick) in self.ticks.iter().enumerate() {
            picture.text(x_at(index), BOTTOM + 20.0, "middle", "text", tick);
        }
        picture.text((LEFT + RIGHT) / 2.0, HEIGHT - 14.0, "middle", "faint", self.x);
        for (number, (name, colour, values)) in self.series.iter().enumerate() {
            let points: Vec<_> = values.iter().enumerate().map(|(index, value)| (x_at(index), y_at(*value))).collect();
            picture.path(&points, *colour);
            for point in points {
                picture.dot(point, *colour);
            }
            if self.series.len() > 1 {
                let legend = RIGHT - 84.0 * (self.series.len() - number) as f64;
                picture.dot((legend, 43.5), *colour);
                picture.text(legend + 10.0, 48.0, "start", "text", name);
            }
        }
        picture.finish()
    }
}

/// Dots on a logarithmic axis: one panel for each workload, one row for each reader.
pub struct Dots<'a> {
    pub title: &'a str,
    pub x: &'a str,
    /// Rows in groups: a heading, then names and colours.
    pub groups: Vec<(&'a str, Vec<(&'a str, Colour)>)>,
    /// A heading, and one value for each row.
    pub panels: Vec<(&'a str, Vec<f64>)>,
}

impl Dots<'_> {
    pub fn draw(&self) -> String {
        const NAMES: f64 = 206.0;
        const PANEL: f64 = 300.0;
        const GAP: f64 = 34.0;
        const ROW: f64 = 20.0;
        const HEAD: f64 = 26.0;
        const WIDTH: f64 = NAMES + 2.0 * (PANEL + GAP);
        let rows: usize = self.groups.iter().map(|(_, rows)| rows.len()).sum();
        let panel_height = HEAD + ROW * (rows + self.groups.len()) as f64 + 42.0;
        let height = 40.0 + panel_height * self.panels.len().div_ceil(2) as f64 + 22.0;
        let mut picture = Picture::new(WIDTH, height, self.title);
        let values = || self.panels.iter().flat_map(|(_, values)| values.iter().copied());
        let low = values().fold(f64::INFINITY, f64::min).log10().floor();
        let high = values().fold(0.0, f64::max).log10().ceil();

        for (number, (heading, values)) in self.panels.iter().enumerate() {
            let left = NAMES + (PANEL + GAP) * (number % 2) as f64;
            let top = 40.0 + panel_height * (number / 2) as f64;
            // The value stands to the right of its dot.
            let x_at = |value: f64| left + (PANEL - 34.0) * (value.log10() - low) / (high - low);
            picture.text(left, top + 18.0, "start", "text\" font-weight=\"bold", heading);
            let (first, last) = (top + HEAD, top + panel_height - 42.0);
            for decade in low as i32..=high as i32 {
                let value = 10_f64.powi(decade);
                picture.line((x_at(value), first), (x_at(value), last));
                picture.text(x_at(value), last + 16.0, "middle", "faint", &plain(value));
            }
            let mut values = values.iter();
            let mut y = first;
            for (group, rows) in &self.groups {
                y += ROW;
                if number % 2 == 0 {
                    picture.text(16.0, y - 5.0, "start", "faint", group);
                }
                for (name, colour) in rows {
                    y += ROW;
                    let value = *values.next().expect("there is a value for each row");
                    if number % 2 == 0 {
                        picture.text(16.0, y - 5.0, "start", "text", name);
                    }
                    picture.text(x_at(value) + 9.0, y - 5.0, "start", "value", &figure(value));
                    picture.dot((x_at(value), y - 9.5), *colour);
                }
            }
        }
        picture.text((NAMES + WIDTH) / 2.0 - GAP, height - 14.0, "middle", "faint", self.x);
        picture.finish()
    }
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn round_step(least: f64) -> f64 {
    let decade = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|step| step * decade).into_iter().find(|step| *step >= least).unwrap_or(10.0 * decade)
}

/// A round number, thousands apart.
fn plain(value: f64) -> String {
    if value >= 10_000.0 {
        let thousands = format!("{:.0}", value / 1000.0);
        return if thousands.len() > 3 { format!("{:.1} M", value / 1e6) } else { format!("{thousands} 000") };
    }
    format!("{value}")
}

/// Three digits that mean something.
pub fn figure(value: f64) -> String {
    match value {
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
