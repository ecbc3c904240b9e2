//! The stage: draws a world of goroutines in the terminal, animates it and takes the keys.
//!
//! In reading order: [`scene`] is what one frame shows, as plain data; [`mod@view`] draws it,
//! panel by panel, in the parts that `layout` gives them; `motion` moves tokens between two states;
//! [`theme`] and [`charset`] bring the frame to what the terminal can show; [`export`] takes it away
//! as text or a picture. [`app`] is what happens, [`keymap`] by which keys; [`lesson`] reads what is
//! taught; [`term`] runs it all on a terminal, [`plain`] without one.
#![forbid(unsafe_code)]

pub mod app;
pub mod charset;
pub mod export;
pub mod keymap;
pub mod layout;
pub mod lesson;
mod motion;
pub mod plain;
pub mod scene;
pub mod term;
pub mod theme;
pub mod view;

pub use app::App;
pub use charset::Charset;
pub use lesson::Lesson;
pub use scene::Scene;
pub use theme::Theme;
pub use view::view;
