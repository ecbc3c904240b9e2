//! What no terminal may be asked for: colours it lacks, glyphs it lacks, contrast eyes lack.

use gopark_tui::Charset;
use gopark_tui::scene::{Overlay, Scene};
use gopark_tui::theme::{Depth, Ground, Ink, Palette, Theme};
use ratatui::buffer::Buffer;
use ratatui::style::Color;
use unicode_width::UnicodeWidthStr;

use crate::paint::{draw, rows};
use crate::worlds::{crowd, fanout, lecture, menu, printed, rarities, scene, steal};

const PALETTES: [Palette; 4] =
    [Palette::Dark, Palette::Light, Palette::HighContrast, Palette::Mono];

/// Calls `check` with frames of every kind, drawn with `theme`.
fn frames(theme: &Theme, mut check: impl FnMut(&Buffer)) {
    let (world, records, output) = (fanout().world(), steal(), printed());
    let (rare, many) = (rarities(), crowd(64).world());
    let mut all: Vec<Scene<'_>> = vec![scene(&rare), scene(&many)];
    for fraction in [0.0, 0.1, 0.5, 0.9] {
        let mut scene = lecture(&world, &records, &output);
        (scene.moving, scene.fraction) = (&records, fraction);
        all.push(scene);
    }
    for overlay in [Overlay::Help, Overlay::Legend, Overlay::Output(0), Overlay::Menu(menu())] {
        all.push(Scene { overlay, ..scene(&world) });
    }
    for scene in &all {
        for (w, h) in [(40, 10), (60, 16), (80, 24), (120, 40), (200, 60)] {
            check(&draw(scene, w, h, theme));
        }
    }
}

#[test]
fn ascii_is_printable_ascii_only() {
    frames(&Theme { charset: Charset::Ascii, ..Theme::default() }, |buf| {
        for cell in buf.content() {
            let bytes = cell.symbol().as_bytes();
            assert!(matches!(bytes, [0x20..=0x7E]), "{:?}", cell.symbol());
        }
    });
}

#[test]
fn words_of_any_language_become_ascii() {
    let world = fanout().world();
    let output = ["naïve 漢字 🎉 \u{1b}[31m".to_owned()];
    let scene = Scene { title: "ゴルーチン", output: &output, ..scene(&world) };
    let theme = Theme { charset: Charset::Ascii, ..Theme::default() };
    for cell in draw(&scene, 120, 40, &theme).content() {
        assert!(matches!(cell.symbol().as_bytes(), [0x20..=0x7E]), "{:?}", cell.symbol());
    }
    let rows = rows(&draw(&scene, 120, 40, &Theme::default()));
    assert!(rows.iter().any(|row| row.contains("naïve 漢")), "{rows:#?}");
}

#[test]
fn both_charsets_have_the_same_geometry() {
    let world = fanout().world();
    for (w, h) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
        let [unicode, ascii] = [Charset::Unicode, Charset::Ascii]
            .map(|charset| draw(&scene(&world), w, h, &Theme { charset, ..Theme::default() }));
        for (a, b) in unicode.content().iter().zip(ascii.content()) {
            let letter = |s: &str| s.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'(');
            if letter(a.symbol()) {
                assert_eq!(a.symbol(), b.symbol());
            }
        }
    }
}

#[test]
fn no_glyph_is_wide() {
    frames(&Theme::default(), |buf| {
        for cell in buf.content() {
            assert_eq!(cell.symbol().width(), 1, "{:?}", cell.symbol());
        }
    });
}

#[test]
fn without_colour_there_is_none() {
    for theme in [
        Theme { palette: Palette::Mono, ..Theme::default() },
        Theme { depth: Depth::Mono, palette: Palette::Light, ..Theme::default() },
    ] {
        frames(&theme, |buf| {
            for cell in buf.content() {
                assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
            }
        });
    }
}

#[test]
fn a_terminal_gets_only_colours_it_has() {
    for palette in PALETTES {
        frames(&Theme { palette, depth: Depth::C256, ..Theme::default() }, |buf| {
            for colour in buf.content().iter().flat_map(|cell| [cell.fg, cell.bg]) {
                assert!(matches!(colour, Color::Indexed(16..) | Color::Reset), "{colour:?}");
            }
        });
        frames(&Theme { palette, depth: Depth::C16, ..Theme::default() }, |buf| {
            for colour in buf.content().iter().flat_map(|cell| [cell.fg, cell.bg]) {
                assert!(!matches!(colour, Color::Indexed(_) | Color::Rgb(..)), "{colour:?}");
            }
        });
    }
}

/// The contrast of two colours, 1 to 21 (WCAG 2).
fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let light = |rgb: [u8; 3]| {
        let [r, g, b] = rgb.map(|v| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (light(a), light(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn words_can_be_read_on_every_ground() {
    for palette in [Palette::Dark, Palette::Light, Palette::HighContrast] {
        for on in [Ground::Stage, Ground::Bar, Ground::Overlay] {
            let ground = palette.ground(on).map_or(palette.assumed_ground(), |s| s.rgb);
            for ink in Ink::ALL {
                let on_bars = [Ink::Text, Ink::Label, Ink::Strong, Ink::Accent, Ink::Waiting];
                if on == Ground::Bar && !on_bars.contains(&ink) {
                    continue;
                }
                // Lines are no words, and what is dead is meant to recede.
                let least = match ink {
                    Ink::Line => 1.5,
                    Ink::Dead => 3.0,
                    _ => 4.5,
                };
                let has = contrast(palette.swatch(ink).rgb, ground);
                assert!(has >= least, "{palette:?} {ink:?} on {ground:?}: {has:.2}");
            }
        }
    }
    assert!(contrast([0; 3], [255; 3]) > 20.9);
}

#[test]
fn no_state_is_told_by_colour_alone() {
    let states = [Ink::Running, Ink::Runnable, Ink::Waiting, Ink::Syscall, Ink::Netpoll, Ink::Dead];
    for charset in [Charset::Unicode, Charset::Ascii] {
        let theme = Theme { charset, palette: Palette::Mono, ..Theme::default() };
        for (i, a) in states.iter().enumerate() {
            for b in &states[i + 1..] {
                assert_ne!(theme.glyph(*a), theme.glyph(*b), "{a:?} {b:?}");
                assert_ne!(theme.style(*a), theme.style(*b), "{a:?} {b:?}");
            }
        }
    }
}
