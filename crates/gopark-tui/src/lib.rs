//! The stage: draws a world of goroutines in the terminal, animates it and takes the keys.
//!
//! In reading order: [`scene`] is what one frame shows, as plain data; [`mod@view`] draws it,
//! panel by panel, in the parts that `layout` gives them; `motion` moves tokens between two states;
//! [`theme`] and [`charset`] bring the frame to what the terminal can show; [`export`] takes it away
//! as text or a picture.
#![forbid(unsafe_code)]

pub mod charset;
pub mod export;
pub mod layout;
mod motion;
pub mod scene;
pub mod theme;
pub mod view;

pub use charset::Charset;
pub use scene::Scene;
pub use theme::Theme;
pub use view::view;
