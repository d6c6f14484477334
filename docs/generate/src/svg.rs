//! Boxes and arrows as SVG, for light and dark pages.

use std::collections::BTreeMap;
use std::fmt::Write;

const STYLE: &str = "\
.page{fill:#ffffff}.text{fill:#1f2328}.faint{fill:#59636e}
.node{fill:#f6f8fa;stroke:#59636e}.rest{fill:#ddf4ff;stroke:#0969da}.bad{fill:#ffebe9;stroke:#cf222e}.open{fill:#dafbe1;stroke:#1a7f37}
.edge{fill:none;stroke:#59636e}.strong{fill:none;stroke:#0969da;stroke-width:2.5}.tip{fill:#59636e}.strong-tip{fill:#0969da}
.badge{fill:#cf222e}.badge-text{fill:#ffffff}.stale{fill:#cf222e}.verdict{fill:#1a7f37}
@media (prefers-color-scheme:dark){.page{fill:#0d1117}.text{fill:#f0f6fc}.faint{fill:#9198a1}
.node{fill:#151b23;stroke:#9198a1}.rest{fill:#0c2d6b;stroke:#4493f8}.bad{fill:#490202;stroke:#f85149}.open{fill:#04260f;stroke:#3fb950}
.edge{stroke:#9198a1}.strong{stroke:#4493f8}.tip{fill:#9198a1}.strong-tip{fill:#4493f8}.stale{fill:#f85149}.verdict{fill:#3fb950}}";

const MONO: &str = "ui-monospace,Menlo,Consolas,monospace";

/// Text that is written to never fails.
const WRITTEN: &str = "a String takes all";

pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub struct Picture {
    svg: String,
}

impl Picture {
    pub fn new(width: f64, height: f64, title: &str) -> Self {
        let mut svg = String::new();
        let title = escape(title);
        write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"Helvetica,Arial,sans-serif\" font-size=\"13\" role=\"img\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n<defs>\n"
        )
        .expect(WRITTEN);
        for (id, class) in [("tip", "tip"), ("strong-tip", "strong-tip")] {
            writeln!(
                svg,
                "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
                 markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"{class}\" d=\"M0 0L8 4L0 8z\"/></marker>"
            )
            .expect(WRITTEN);
        }
        writeln!(svg, "</defs>\n<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>").expect(WRITTEN);
        Self { svg }
    }

    pub fn text(&mut self, (x, y): (f64, f64), anchor: &str, class: &str, text: &str) {
        self.styled(x, y, anchor, class, "", text);
    }

    pub fn heading(&mut self, (x, y): (f64, f64), text: &str) {
        self.styled(x, y, "start", "text", " font-size=\"15\" font-weight=\"bold\"", text);
    }

    pub fn bytes(&mut self, (x, y): (f64, f64), anchor: &str, class: &str, text: &str) {
        self.styled(x, y, anchor, class, &format!(" font-family=\"{MONO}\" font-size=\"12.5\""), text);
    }

    fn styled(&mut self, x: f64, y: f64, anchor: &str, class: &str, style: &str, text: &str) {
        let text = escape(text);
        writeln!(
            self.svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\"{style}>{text}</text>"
        )
        .expect(WRITTEN);
    }

    pub fn rectangle(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str) {
        writeln!(
            self.svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"6\"/>"
        )
        .expect(WRITTEN);
    }

    pub fn path(&mut self, class: &str, tip: &str, path: &str) {
        let tip = if tip.is_empty() { String::new() } else { format!(" marker-end=\"url(#{tip})\"") };
        writeln!(self.svg, "<path class=\"{class}\"{tip} d=\"{path}\"/>").expect(WRITTEN);
    }

    pub fn finish(self) -> String {
        self.svg + "</svg>\n"
    }
}

type Point = (f64, f64);

/// A box, by its centre.
#[derive(Clone)]
pub struct Node {
    pub at: Point,
    pub size: Point,
    pub class: &'static str,
    /// The name, and what else is said in the box.
    pub lines: Vec<String>,
}

/// How an arrow runs: `bend` is how far its middle is moved to the left of the way, `label` how far along its text is.
#[derive(Clone, Copy)]
pub struct Route {
    pub bend: f64,
    pub label: f64,
}

impl Default for Route {
    fn default() -> Self {
        Self { bend: 0.0, label: 0.5 }
    }
}

pub struct Graph {
    pub title: String,
    pub size: Point,
    pub notes: Vec<(Point, String)>,
    pub nodes: BTreeMap<String, Node>,
    /// From, to, what is written at it.
    pub edges: Vec<(String, String, Vec<String>, Route)>,
}

impl Graph {
    pub fn draw(&self) -> String {
        let mut picture = Picture::new(self.size.0, self.size.1, &self.title);
        picture.heading((16.0, 26.0), &self.title);
        for (at, note) in &self.notes {
            picture.text(*at, "start", "faint", note);
        }
        let mut labels = Vec::new();
        for (from, to, lines, route) in &self.edges {
            let (from, to) = (&self.nodes[from], &self.nodes[to]);
            let (path, label) = if from.at == to.at { circle(from, *route) } else { arrow(from, to, *route) };
            picture.path("edge", "tip", &path);
            if !lines.is_empty() {
                labels.push((label, lines));
            }
        }
        for ((x, y), lines) in labels {
            let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0) as f64;
            let size = (longest * 6.6 + 6.0, 15.0 * lines.len() as f64 + 2.0);
            picture.rectangle((x - size.0 / 2.0, y - size.1 / 2.0), size, "page");
            let first = y + 4.5 - 7.5 * (lines.len() as f64 - 1.0);
            for (index, line) in lines.iter().enumerate() {
                picture.text((x, first + 15.0 * index as f64), "middle", "text", line);
            }
        }
        for node in self.nodes.values() {
            let corner = (node.at.0 - node.size.0 / 2.0, node.at.1 - node.size.1 / 2.0);
            picture.rectangle(corner, node.size, node.class);
            let first = node.at.1 + 4.5 - 8.0 * (node.lines.len() as f64 - 1.0);
            for (index, line) in node.lines.iter().enumerate() {
                let class = if index == 0 { "text" } else { "faint" };
                picture.text((node.at.0, first + 16.0 * index as f64), "middle", class, line);
            }
        }
        picture.finish()
    }
}

/// A quadratic curve between the borders of two boxes, and where its label stands.
fn arrow(from: &Node, to: &Node, route: Route) -> (String, Point) {
    let (dx, dy) = (to.at.0 - from.at.0, to.at.1 - from.at.1);
    let length = dx.hypot(dy);
    let control = (
        (from.at.0 + to.at.0) / 2.0 + dy / length * route.bend,
        (from.at.1 + to.at.1) / 2.0 - dx / length * route.bend,
    );
    let (start, end) = (border(from, control), border(to, control));
    let t = route.label;
    let along = |a: f64, b: f64, c: f64| (1.0 - t) * (1.0 - t) * a + 2.0 * t * (1.0 - t) * b + t * t * c;
    let label = (along(start.0, control.0, end.0), along(start.1, control.1, end.1));
    let path = format!("M{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}", start.0, start.1, control.0, control.1, end.0, end.1);
    (path, label)
}

/// An arrow from a box to itself: above it, or below for a negative bend.
fn circle(node: &Node, route: Route) -> (String, Point) {
    let up = if route.bend < 0.0 { 1.0 } else { -1.0 };
    let (x, y) = (node.at.0, node.at.1 + up * node.size.1 / 2.0);
    let path = format!(
        "M{:.1} {y:.1}C{:.1} {:.1} {:.1} {:.1} {:.1} {y:.1}",
        x - 14.0,
        x - 26.0,
        y + up * 34.0,
        x + 26.0,
        y + up * 34.0,
        x + 14.0
    );
    (path, (x, y + up * 34.0))
}

/// Where the way from a box's centre to a point leaves the box.
fn border(node: &Node, towards: Point) -> Point {
    let (dx, dy) = (towards.0 - node.at.0, towards.1 - node.at.1);
    let scale = |half: f64, d: f64| if d == 0.0 { f64::INFINITY } else { (half + 2.0) / d.abs() };
    let scale = scale(node.size.0 / 2.0, dx).min(scale(node.size.1 / 2.0, dy)).min(1.0);
    (node.at.0 + dx * scale, node.at.1 + dy * scale)
}
