//! `gopark export`: a moment of a recording as text or as a picture, drawn as the stage draws it.

use std::path::Path;
use std::process::ExitCode;

use gopark::trace::Event;
use gopark_tui::app::{Action, App, News, Wish};
use gopark_tui::term::detect::{self, ColorFlag};
use gopark_tui::theme::Depth;
use gopark_tui::{export as draw, view};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::args::{ExportAs, Look};
use crate::{Failed, files, print, stage};

/// Draws the moment after `at` events, or the last one.
pub(crate) fn export(
    path: &Path,
    to: ExportAs,
    at: Option<u64>,
    (columns, rows): (u16, u16),
    moving: Option<f32>,
    look: &Look,
) -> Result<ExitCode, Failed> {
    let mut app = load(path, look)?;
    let known = app.history().len();
    let at = at.unwrap_or(known);
    if at > known {
        return Err(Failed::new(format_args!("{}: there are only {known} events", path.display())));
    }
    app.update(Action::Wish(Wish::Home));
    while app.at() < at {
        app.update(Action::Wish(Wish::EventForward));
    }
    let theme = app.theme();
    let area = Rect::new(0, 0, columns, rows);
    let mut buffer = Buffer::empty(area);
    let next = app.history().next_decision(at).map(|to| app.history().records(at, to));
    let mut scene = app.scene();
    if let (Some(fraction), Some(records)) = (moving, &next) {
        scene.moving = records;
        scene.fraction = fraction;
    }
    view(&scene, area, &mut buffer, &theme);
    print(&match to {
        ExportAs::Text => draw::text(&buffer),
        ExportAs::Svg => draw::svg(&buffer, &theme),
    })
}

/// A stage with the whole recording, and the lesson it is of, if it is of one.
fn load(path: &Path, look: &Look) -> Result<App, Failed> {
    let mut reader = files::open(path)?;
    let mut records = Vec::new();
    for record in &mut reader {
        records.push(record.map_err(|e| Failed::new(format_args!("{}: {e}", path.display())))?);
    }
    let lesson = records.iter().find_map(|record| match &record.event {
        Event::RunStart { program, .. } => gopark_demos::find(program),
        _ => None,
    });
    let lesson = lesson.map(stage::parsed).transpose()?;
    let title = lesson.as_ref().map_or_else(|| files::title(path), |lesson| lesson.title.clone());
    let mut theme = stage::theme(look, false);
    if look.color == ColorFlag::Auto {
        // A picture has every colour, whatever the terminal it is made from.
        theme.depth = detect::depth(ColorFlag::Depth(Depth::True), |_| None);
    }
    let mut app = App::new(theme, Vec::new());
    app.update(Action::Launched(Box::new(stage::recorded(1, title, lesson))));
    app.update(Action::News { run: 1, news: News::Records(records) });
    app.update(Action::News { run: 1, news: News::Ended { how: String::new(), well: true } });
    Ok(app)
}
