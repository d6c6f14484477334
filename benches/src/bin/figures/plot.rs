//! The plot of docs/performance.md.

use std::path::Path;

use plotters::prelude::*;

use crate::Outcome;
use crate::page::figure;

const FONT: (&str, i32) = ("sans-serif", 13);

/// A panel for each heading, in it a dot for each reader on a logarithmic axis.
pub fn dots(path: &Path, readers: &[&str], panels: &[(&str, Vec<f64>)]) -> Outcome<()> {
    let root = SVGBackend::new(path, (880, 900)).into_drawing_area();
    root.fill(&WHITE)?;
    let below = root.titled("Instructions a byte, beside the peers", ("sans-serif", 17))?;
    let name = |at: &f64| readers.get(at.abs() as usize).map_or(String::new(), |name| (*name).to_owned());
    for (area, (heading, values)) in below.split_evenly((2, 2)).iter().zip(panels) {
        let mut chart = ChartBuilder::on(area)
            .caption(heading, FONT)
            .margin(8)
            .margin_right(24)
            .set_label_area_size(LabelAreaPosition::Bottom, 40)
            .set_label_area_size(LabelAreaPosition::Left, 160)
            .build_cartesian_2d((0.5..1000.0).log_scale(), 0.5 - readers.len() as f64..0.5)?;
        let mut mesh = chart.configure_mesh();
        mesh.disable_y_mesh().max_light_lines(0).label_style(FONT).y_labels(readers.len()).y_label_formatter(&name);
        mesh.x_desc("logarithmic; less is better").draw()?;
        chart.draw_series((0..).zip(readers).zip(values).map(|((row, name), value)| {
            let colour = match *name {
                "guestwire, by byte" => RGBColor(188, 76, 0),
                "guestwire, slices of 4096" => RGBColor(9, 105, 218),
                _ => RGBColor(89, 99, 110),
            };
            EmptyElement::at((*value, -f64::from(row)))
                + Circle::new((0, 0), 4, colour.filled())
                + Text::new(figure(*value), (8, -6), FONT)
        }))?;
    }
    Ok(root.present()?)
}
