//! The way of a token: up or down to a gutter, along it, and up or down to its target.

use ratatui::layout::Position;

/// A way in orthogonal legs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    corners: Vec<Position>,
}

impl Route {
    /// The way from `from` to `to` along `gutters` (rows) and the `corridor` (a column).
    pub(super) fn new(
        from: Position,
        to: Position,
        gutters: &[u16],
        corridor: Option<u16>,
    ) -> Self {
        let around = Self::along_gutters(from, to, gutters, corridor);
        // Within a card the way round would be a detour.
        let bend = if to.y > from.y { (to.x, from.y) } else { (from.x, to.y) };
        let direct = Self::through(vec![from, bend.into(), to]);
        if 2 * direct.length() < around.length() { direct } else { around }
    }

    fn through(mut corners: Vec<Position>) -> Self {
        corners.dedup();
        Self { corners }
    }

    fn along_gutters(from: Position, to: Position, gutters: &[u16], corridor: Option<u16>) -> Self {
        let mut corners = vec![from];
        match (Self::shared(from, to, gutters), corridor) {
            (Some((gutter, detour)), corridor) if detour <= 2 || corridor.is_none() => {
                corners.extend([Position::new(from.x, gutter), Position::new(to.x, gutter)]);
            }
            (Some(_), Some(x)) => {
                let near = |y: u16, other: u16| {
                    let outside = |g: &&u16| (**g < y) != (other < y);
                    gutters.iter().min_by_key(|g| (outside(g), g.abs_diff(y))).copied()
                };
                let (a, b) = (near(from.y, to.y), near(to.y, from.y));
                let (a, b) = (a.unwrap_or(from.y), b.unwrap_or(to.y));
                corners.extend([
                    Position::new(from.x, a),
                    Position::new(x, a),
                    Position::new(x, b),
                    Position::new(to.x, b),
                ]);
            }
            _ => corners.push(Position::new(to.x, from.y)),
        }
        corners.push(to);
        Self::through(corners)
    }

    /// The gutter that costs both ends the fewest rows, and how many that are.
    fn shared(from: Position, to: Position, gutters: &[u16]) -> Option<(u16, u16)> {
        let rows = |g: &u16| g.abs_diff(from.y) + g.abs_diff(to.y);
        gutters.iter().min_by_key(|g| rows(g)).map(|g| (*g, rows(g)))
    }

    /// Its length in columns; a row is about as high as two columns are wide.
    pub(super) fn length(&self) -> u32 {
        self.corners.windows(2).map(|leg| Self::leg(leg[0], leg[1])).sum()
    }

    fn leg(a: Position, b: Position) -> u32 {
        u32::from(a.x.abs_diff(b.x)) + 2 * u32::from(a.y.abs_diff(b.y))
    }

    /// Where one is after `part` (0 to 1) of the way.
    pub(super) fn at(&self, part: f32) -> Position {
        let mut left = (self.length() as f32 * part.clamp(0.0, 1.0)).round() as u32;
        for leg in self.corners.windows(2) {
            let (a, b) = (leg[0], leg[1]);
            let length = Self::leg(a, b);
            if left <= length {
                return along(a, b, left, length);
            }
            left -= length;
        }
        self.corners.last().copied().unwrap_or_default()
    }

    /// The `n` cells before the place at `part`, the nearest first.
    pub(super) fn trail(&self, part: f32, n: u32) -> Vec<Position> {
        let length = self.length().max(1) as f32;
        let here = self.at(part);
        let mut trail: Vec<Position> =
            (1..=2 * n).map(|back| self.at(part - back as f32 / length)).collect();
        trail.dedup();
        trail.retain(|p| *p != here);
        trail.truncate(n as usize);
        trail
    }
}

/// The point `done` of `length` along a leg.
fn along(a: Position, b: Position, done: u32, length: u32) -> Position {
    let step = |from: u16, to: u16| {
        let way = u32::from(from.abs_diff(to)) * done / length.max(1);
        if to >= from { from + way as u16 } else { from - way as u16 }
    };
    Position::new(step(a.x, b.x), step(a.y, b.y))
}

/// Slow at both ends.
pub(super) fn ease(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    if t < 0.5 { 4.0 * t * t * t } else { 1.0 - (2.0 - 2.0 * t).powi(3) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_begins_and_ends_where_it_should_and_has_only_straight_legs() {
        let ends = [(40, 2), (7, 8), (60, 20), (0, 0)];
        for (a, b) in ends.iter().flat_map(|a| ends.iter().map(move |b| (*a, *b))) {
            for corridor in [None, Some(33)] {
                let (a, b) = (Position::from(a), Position::from(b));
                let route = Route::new(a, b, &[3, 5, 7, 9], corridor);
                assert_eq!((route.at(0.0), route.at(1.0)), (a, b));
                for leg in route.corners.windows(2) {
                    assert!(leg[0].x == leg[1].x || leg[0].y == leg[1].y, "{route:?}");
                }
            }
        }
    }

    #[test]
    fn neighbours_share_a_gutter_and_others_take_the_corridor() {
        let route = Route::new((50, 4).into(), (9, 2).into(), &[3, 5, 7], Some(33));
        assert_eq!(route.corners, [(50, 4), (50, 3), (9, 3), (9, 2)].map(Position::from));
        let route = Route::new((50, 8).into(), (9, 2).into(), &[3, 5, 7], Some(33));
        assert!(route.corners.contains(&(33, 7).into()), "{route:?}");
        assert!(route.corners.contains(&(33, 3).into()), "{route:?}");
    }

    #[test]
    fn within_a_card_the_way_is_short() {
        let route = Route::new((8, 11).into(), (14, 13).into(), &[5, 19], None);
        assert_eq!(route.corners, [(8, 11), (14, 11), (14, 13)].map(Position::from));
    }

    #[test]
    fn easing_rises_from_nothing_to_all() {
        let steps: Vec<f32> = (0..=20).map(|i| ease(i as f32 / 20.0)).collect();
        assert_eq!((steps[0], steps[20]), (0.0, 1.0));
        assert!(steps.is_sorted());
    }
}
