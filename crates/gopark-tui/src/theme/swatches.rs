//! The palettes: each ink's colour in RGB, in the 256 of xterm and among the 16 named ones.
//!
//! The state colours were searched for the greatest smallest distance (CIEDE2000) under normal
//! vision and simulated protanopia, deuteranopia and tritanopia, then rounded by hand. Chrome is
//! grey with one accent. Running and waiting are cyan and yellow among the 16, because green and
//! yellow are one colour to many.

use ratatui::style::Color;

use super::{Depth, Ground, Ink, Palette};

/// One colour at three depths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swatch {
    /// In RGB.
    pub rgb: [u8; 3],
    /// Among the 256 of xterm.
    pub indexed: u8,
    /// Among the 16 named ones.
    pub named: Color,
}

/// `0xRRGGBB`, its index and its name.
const fn swatch(hex: u32, indexed: u8, named: Color) -> Swatch {
    let rgb = [(hex >> 16) as u8, (hex >> 8) as u8, hex as u8];
    Swatch { rgb, indexed, named }
}

/// In the order of [`Ink::ALL`].
const DARK: [Swatch; 11] = [
    swatch(0xD3DAE2, 252, Color::Gray),
    swatch(0x93A0AD, 247, Color::Gray),
    swatch(0xFFFFFF, 231, Color::White),
    swatch(0x55636F, 240, Color::DarkGray),
    swatch(0x56B4E9, 74, Color::LightBlue),
    swatch(0x3AB791, 36, Color::Cyan),
    swatch(0xBBD2F7, 153, Color::White),
    swatch(0xF4DF3A, 220, Color::LightYellow),
    swatch(0xE8601C, 202, Color::LightRed),
    swatch(0xC65CF5, 171, Color::LightMagenta),
    swatch(0x66717E, 242, Color::DarkGray),
];

/// In the order of [`Ink::ALL`].
const LIGHT: [Swatch; 11] = [
    swatch(0x20262D, 235, Color::Black),
    swatch(0x5B6670, 241, Color::DarkGray),
    swatch(0x000000, 16, Color::Black),
    swatch(0xA9B3BD, 249, Color::Gray),
    swatch(0x0B6691, 24, Color::Blue),
    swatch(0x05675D, 23, Color::Cyan),
    swatch(0x173F9C, 25, Color::Blue),
    swatch(0x5C3F00, 94, Color::Yellow),
    swatch(0xC2530A, 166, Color::Red),
    swatch(0xA50DEB, 129, Color::Magenta),
    swatch(0x868D98, 245, Color::DarkGray),
];

/// In the order of [`Ink::ALL`].
const HIGH_CONTRAST: [Swatch; 11] = [
    swatch(0xFFFFFF, 231, Color::White),
    swatch(0xDDE3EA, 254, Color::White),
    swatch(0xFFFFFF, 231, Color::White),
    swatch(0xC2CAD3, 251, Color::Gray),
    swatch(0x7CCBFF, 117, Color::LightCyan),
    swatch(0x4DF2C3, 86, Color::LightCyan),
    swatch(0xFFFFFF, 231, Color::White),
    swatch(0xFFEE52, 227, Color::LightYellow),
    swatch(0xFF9150, 209, Color::LightRed),
    swatch(0xE5A0FF, 183, Color::LightMagenta),
    swatch(0xA9B1BA, 249, Color::Gray),
];

/// Where the 256 have their colour cube.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

impl Palette {
    /// All inks in order; without colour the dark ones stand in and are taken off at the end.
    fn swatches(self) -> &'static [Swatch; 11] {
        match self {
            Self::Dark | Self::Mono => &DARK,
            Self::Light => &LIGHT,
            Self::HighContrast => &HIGH_CONTRAST,
        }
    }

    /// The colour of `ink`.
    #[must_use]
    pub fn swatch(self, ink: Ink) -> Swatch {
        self.swatches()[ink as usize]
    }

    /// The colour of `ground`; none is the terminal's own.
    #[must_use]
    pub fn ground(self, ground: Ground) -> Option<Swatch> {
        let (hex, indexed, named) = match (self, ground) {
            (Self::Mono, _) | (Self::Dark | Self::Light, Ground::Stage) => return None,
            (Self::Dark, Ground::Bar) => (0x1C242D, 235, Color::Black),
            (Self::Dark, Ground::Overlay) => (0x171E26, 234, Color::Black),
            (Self::Light, Ground::Bar) => (0xE9EEF3, 255, Color::White),
            (Self::Light, Ground::Overlay) => (0xFFFFFF, 231, Color::White),
            (Self::HighContrast, _) => (0x000000, 16, Color::Black),
        };
        Some(swatch(hex, indexed, named))
    }

    /// The ground the colours were chosen for.
    #[must_use]
    pub fn assumed_ground(self) -> [u8; 3] {
        match self {
            Self::Dark | Self::Mono => [0x10, 0x14, 0x18],
            Self::Light => [0xFF; 3],
            Self::HighContrast => [0; 3],
        }
    }

    /// The colour a terminal of `depth` shows for `rgb`: the one chosen by hand if `rgb` is a
    /// swatch, else the nearest.
    pub(super) fn nearest(self, rgb: [u8; 3], depth: Depth) -> Color {
        let grounds = [Ground::Stage, Ground::Bar, Ground::Overlay];
        let grounds = grounds.into_iter().filter_map(|g| self.ground(g));
        let inks = self.swatches().iter().copied();
        let near = inks.chain(grounds).min_by_key(|s| distance(s.rgb, rgb));
        match (near, depth) {
            (_, Depth::True) | (None, _) => Color::Rgb(rgb[0], rgb[1], rgb[2]),
            (_, Depth::Mono) => Color::Reset,
            (Some(near), Depth::C16) => near.named,
            (Some(near), Depth::C256) if near.rgb == rgb => Color::Indexed(near.indexed),
            (Some(_), Depth::C256) => Color::Indexed(cube(rgb)),
        }
    }
}

/// The square of the distance of two colours.
fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    let part = |i: usize| u32::from(a[i].abs_diff(b[i])).pow(2);
    part(0) + part(1) + part(2)
}

/// The nearest of the cube and the grey ramp of the 256.
fn cube(rgb: [u8; 3]) -> u8 {
    let step = |v: u8| {
        let best = (0..6u8).min_by_key(|&i| CUBE[usize::from(i)].abs_diff(v));
        best.unwrap_or(0)
    };
    let [r, g, b] = rgb.map(step);
    let coloured = [r, g, b].map(|i| CUBE[usize::from(i)]);
    let mean = (u32::from(rgb[0]) + u32::from(rgb[1]) + u32::from(rgb[2])) / 3;
    let grey_step = (mean.saturating_sub(3) / 10).min(23) as u8;
    let grey = 8 + 10 * grey_step;
    if distance([grey; 3], rgb) < distance(coloured, rgb) {
        232 + grey_step
    } else {
        16 + 36 * r + 6 * g + b
    }
}
