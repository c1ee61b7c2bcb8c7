//! The samples as a picture. Each work has a bar for every contestant: its rate as a share of the
//! limit, on a logarithmic axis.
//!
//! ```text
//! title
//! work          two cores            one core
//!   ours        ▇▇▇▇▇▇▇▇▇▇ 0.96      ▇▇▇▇▇▇ 0.67
//!   a peer      ▇▇▇▇▇ 0.51           ▇▇▇ 0.33
//! axis          0.01   0.1    1      0.01   0.1    1
//! ```

use std::fmt::Write as _;

use crate::contestant::{Contestant, Kind};
use crate::placement::Placement;
use crate::ratio::{Race, Spread};
use crate::sample::{Machine, Samples};
use crate::table;
use crate::work::Work;

const WIDTH: f64 = 1000.0;
const MARGIN: f64 = 24.0;
const LABELS: f64 = 262.0;
const COLUMN_GAP: f64 = 50.0;
const ROW: f64 = 17.0;
const BAR: f64 = 11.0;
const HEAD: f64 = 84.0;
const GROUP_HEAD: f64 = 30.0;
const FOOT: f64 = 72.0;

/// The begin and the end of the axis. Smaller values are drawn at its begin, larger ones at its
/// end.
const AXIS: (f64, f64) = (0.01, 2.0);
const TICKS: [f64; 7] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];

/// The style sheet. The card has its own background, so that it is readable on any page.
const STYLE: &str = "\
text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; font-size: 12px; fill: #424a53 }
.title { font-size: 17px; font-weight: 600; fill: #1f2328 }
.work { font-size: 13px; font-weight: 600; fill: #1f2328 }
.ours-text { font-weight: 600; fill: #0a5cc2 }
.value, .limit-text { font-size: 11px; paint-order: stroke; stroke: #ffffff; stroke-width: 3px }
.limit-text { fill: #7d5a00 }
.card { fill: #ffffff; stroke: #d1d9e0 }
.ours { fill: #0969da }
.peer { fill: #a5adb6 }
.limit { fill: #d9c48a }
.grid { stroke: #e7ebef; stroke-width: 1 }
.one { stroke: #bf8700; stroke-width: 1.5 }
.spread { stroke: #424a53; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
text { fill: #b1bac4 }
.title, .work { fill: #f0f6fc }
.value, .limit-text { stroke: #0d1117 }
.limit-text { fill: #d29922 }
.ours-text { fill: #79c0ff }
.card { fill: #0d1117; stroke: #30363d }
.ours { fill: #388bfd }
.peer { fill: #6e7681 }
.limit { fill: #7a6428 }
.grid { stroke: #21262d }
.one { stroke: #d29922 }
.spread { stroke: #c9d1d9 }
}
";

/// A work with all contestants that have a share of its limit.
struct Group {
    work: Work,
    rows: Vec<Row>,
    /// The label of the limit, at 1, for each column.
    limits: Vec<Option<String>>,
}

struct Row {
    title: String,
    kind: Kind,
    /// A bar for each column.
    shares: Vec<Option<Spread>>,
}

/// Draws the picture. The same samples give the same bytes.
pub fn draw(samples: &Samples) -> String {
    let drawn = |placement: &Placement| {
        Race::all(samples, *placement)
            .iter()
            .any(|race| !race.work.limits().is_empty())
    };
    let placements: Vec<Placement> = Placement::ALL.into_iter().filter(drawn).collect();
    let groups = groups(samples, &placements);
    let sheet = Sheet::new(placements.len());
    let bottom = groups.iter().fold(HEAD, |y, group| y + group.height());
    let mut svg = open(bottom + FOOT);
    draw_head(&mut svg, &sheet, &placements);
    draw_grid(&mut svg, &sheet, bottom);
    let mut y = HEAD;
    for group in &groups {
        draw_group(&mut svg, &sheet, group, y);
        y += group.height();
    }
    draw_foot(&mut svg, samples, bottom);
    svg + "</svg>\n"
}

impl Group {
    fn height(&self) -> f64 {
        self.rows.iter().fold(GROUP_HEAD, |height, _| height + ROW)
    }
}

/// The positions of the columns of bars.
struct Sheet {
    lefts: Vec<f64>,
    width: f64,
}

impl Sheet {
    fn new(columns: usize) -> Self {
        let begin = MARGIN + LABELS;
        if columns < 2 {
            return Self {
                lefts: vec![begin],
                width: WIDTH - begin - MARGIN - COLUMN_GAP,
            };
        }
        let width = (WIDTH - begin - MARGIN) / 2.0 - COLUMN_GAP;
        Self {
            lefts: vec![begin, begin + width + COLUMN_GAP],
            width,
        }
    }

    /// Returns the distance of a share of the limit from the left of its column.
    fn place(&self, share: f64) -> f64 {
        let share = share.clamp(AXIS.0, AXIS.1);
        (share / AXIS.0).ln() / (AXIS.1 / AXIS.0).ln() * self.width
    }
}

fn groups(samples: &Samples, placements: &[Placement]) -> Vec<Group> {
    let mut works: Vec<Work> = samples.samples.iter().map(|sample| sample.work).collect();
    works.sort_unstable();
    works.dedup();
    let groups = works.into_iter().filter_map(|work| {
        let limit = *work.limits().first()?;
        let races: Vec<_> = placements
            .iter()
            .map(|&placement| Race {
                samples,
                work,
                placement,
            })
            .collect();
        let titles = samples
            .machine
            .titles
            .iter()
            .filter(|(name, _)| name != limit);
        let rows = titles.filter_map(|(name, title)| {
            let shares: Vec<_> = races.iter().map(|race| race.ratio(name, limit)).collect();
            let known = Contestant::find(name).ok();
            let title = known
                .map_or(title.as_str(), |contestant| contestant.label)
                .to_owned();
            let row = Row {
                title,
                kind: known.map_or(Kind::Peer, |contestant| contestant.kind),
                shares,
            };
            row.shares.iter().any(Option::is_some).then_some(row)
        });
        let limits = races.iter().map(|race| limit_label(*race, limit)).collect();
        Some(Group {
            work,
            rows: rows.collect(),
            limits,
        })
    });
    groups.filter(|group| !group.rows.is_empty()).collect()
}

fn limit_label(race: Race<'_>, limit: &str) -> Option<String> {
    let speed = race.spread(limit, |measured| Some(measured.rate()))?;
    let titles = &race.samples.machine.titles;
    let title = titles
        .iter()
        .find(|(name, _)| name == limit)
        .map_or(limit, |(_, title)| title);
    Some(format!(
        "1 = {title}, {}",
        table::rate(race.work, speed.median)
    ))
}

fn open(height: f64) -> String {
    let card_width = WIDTH - 1.0;
    let card_height = height - 1.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"calls per second as a share of bare sockets\">\n<style>\n{STYLE}</style>\n\
         <rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{card_width}\" height=\"{card_height}\" rx=\"8\"/>\n"
    )
}

fn text(svg: &mut String, class: &str, at: (f64, f64), anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    // Writing into a string does not fail.
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{words}</text>",
        at.0, at.1
    );
}

fn line(svg: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn draw_head(svg: &mut String, sheet: &Sheet, placements: &[Placement]) {
    text(
        svg,
        "title",
        (MARGIN, 34.0),
        "start",
        "Calls per second, as a share of bare sockets",
    );
    for (left, placement) in sheet.lefts.iter().zip(placements) {
        text(
            svg,
            "work",
            (*left, 66.0),
            "start",
            &format!("client and server on {}", placement.title()),
        );
    }
}

fn draw_grid(svg: &mut String, sheet: &Sheet, bottom: f64) {
    for left in &sheet.lefts {
        for tick in TICKS {
            let x = left + sheet.place(tick);
            let class = if tick < 1.0 { "grid" } else { "one" };
            line(svg, class, (x, HEAD), (x, bottom + 4.0));
            text(
                svg,
                "value",
                (x, bottom + 18.0),
                "middle",
                &format!("{tick}"),
            );
        }
    }
}

fn draw_group(svg: &mut String, sheet: &Sheet, group: &Group, top: f64) {
    text(
        svg,
        "work",
        (MARGIN, top + GROUP_HEAD - 8.0),
        "start",
        group.work.title(),
    );
    for (left, limit) in sheet.lefts.iter().zip(&group.limits) {
        if let Some(limit) = limit {
            text(
                svg,
                "limit-text",
                (left + sheet.place(1.0), top + GROUP_HEAD - 8.0),
                "end",
                limit,
            );
        }
    }
    let mut y = top + GROUP_HEAD;
    for row in &group.rows {
        let (bar, label) = match row.kind {
            Kind::Ours => ("ours", "ours-text"),
            Kind::Peer => ("peer", ""),
            Kind::Limit => ("limit", ""),
        };
        text(
            svg,
            label,
            (MARGIN + 10.0, y + BAR - 1.0),
            "start",
            &row.title,
        );
        for (left, share) in sheet.lefts.iter().zip(&row.shares) {
            if let Some(share) = share {
                draw_bar(svg, sheet, (*left, y), *share, bar);
            }
        }
        y += ROW;
    }
}

fn draw_bar(svg: &mut String, sheet: &Sheet, (left, y): (f64, f64), share: Spread, class: &str) {
    let length = sheet.place(share.median).max(1.0);
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{BAR:.1}\" rx=\"2\"/>"
    );
    let from = sheet.place(share.min);
    let to = sheet.place(share.max);
    let middle = y + BAR / 2.0;
    line(svg, "spread", (left + from, middle), (left + to, middle));
    let value = if share.median < 0.1 {
        format!("{:.3}", share.median)
    } else {
        format!("{:.2}", share.median)
    };
    let value_class = if class == "ours" {
        "value ours-text"
    } else {
        "value"
    };
    text(
        svg,
        value_class,
        (left + to.max(length) + 6.0, y + BAR - 1.5),
        "start",
        &value,
    );
}

fn draw_foot(svg: &mut String, samples: &Samples, bottom: f64) {
    let machine = &samples.machine;
    let Machine {
        cpu,
        cores,
        kernel,
        rustc,
        ..
    } = machine;
    let words = [
        "Medians of ratios formed within rounds; thin lines from the least to the greatest. Logarithmic."
            .to_owned(),
        format!("{cpu}, {cores} cores; {kernel}; {rustc}."),
    ];
    for (y, words) in [42.0, 58.0].into_iter().zip(words) {
        text(svg, "value", (MARGIN, bottom + y), "start", &words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Samples {
        Samples::of(&[
            ("bare-blocking", 0, 100),
            ("nobody-known", 0, 30),
            ("ours-blocking", 0, 90),
        ])
    }

    #[test]
    fn the_same_samples_make_the_same_bytes() {
        assert_eq!(draw(&samples()), draw(&samples()));
    }

    #[test]
    fn shares_are_drawn_and_text_is_escaped() {
        let svg = draw(&samples());
        for expected in [
            ">0.90</text>",
            ">0.30</text>",
            ">&lt;nobody-known></text>",
            "class=\"ours\"",
        ] {
            assert!(svg.contains(expected), "{expected} is missing in {svg}");
        }
    }
}
