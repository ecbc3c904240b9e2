//! Every goroutine of the world is on the stage once: as a token, or counted in a "+n".

use std::collections::BTreeMap;

use gopark_model::World;
use gopark_trace::WaitReason;
use gopark_tui::Theme;

use crate::paint::{draw, rows};
use crate::worlds::{Town, crowd, fanout, overflow, rarities, scene};

/// The tokens on a frame and the sum of all "+n".
fn census(rows: &[String]) -> (BTreeMap<u64, usize>, usize) {
    let mut tokens = BTreeMap::new();
    let mut counted = 0;
    for row in rows {
        let chars: Vec<char> = row.chars().collect();
        for i in 0..chars.len() {
            let found = match chars[i] {
                '(' => number(&chars[i + 1..], ')'),
                '│' => number(&chars[i + 1..], '│'),
                _ => None,
            };
            if let Some(g) = found {
                *tokens.entry(g).or_insert(0) += 1;
            }
            if chars[i] == '+' {
                let digits: String =
                    chars[i + 1..].iter().take_while(|c| c.is_ascii_digit()).collect();
                counted += digits.parse().unwrap_or(0);
            }
        }
    }
    (tokens, counted)
}

/// The number between spaces before `end`: `7)`, ` 7 )`, ` G7 │`.
fn number(chars: &[char], end: char) -> Option<u64> {
    let close = chars.iter().position(|c| *c == end)?;
    let inside: String = chars[..close].iter().collect();
    let digits = inside.trim().trim_start_matches('G');
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[track_caller]
fn check(name: &str, world: &World) {
    for (w, h) in
        [(60, 16), (72, 20), (80, 24), (100, 30), (120, 24), (120, 40), (160, 50), (200, 60)]
    {
        let rows = rows(&draw(&scene(world), w, h, &Theme::default()));
        let (tokens, counted) = census(&rows);
        let at = format!("{name} at {w}x{h}:\n{}", rows.join("\n"));
        for (g, times) in &tokens {
            assert_eq!(*times, 1, "G{g} is drawn {times} times, {at}");
            assert!(world.g(gopark_trace::GId(*g)).is_some(), "G{g} is not there, {at}");
        }
        assert_eq!(tokens.len() + counted, world.gs().count(), "tokens and numbers, {at}");
    }
}

#[test]
fn in_the_worlds_of_the_pictures() {
    check("fanout", &fanout().world());
    check("rarities", &rarities());
    check("overflow", &overflow().0.world());
    for ps in [1, 2, 5, 6, 8, 9, 12, 16, 64, 256] {
        check(&format!("crowd of {ps}"), &crowd(ps).world());
    }
}

#[test]
fn in_worlds_made_by_chance() {
    for seed in 0..120 {
        check(&format!("seed {seed}"), &by_chance(seed).world());
    }
}

/// A world of up to 24 Ps, with goroutines wherever they can be.
fn by_chance(seed: u64) -> Town {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut dice = |n: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let mut next = [1, 90, 9_990][dice(3) as usize];
    let mut some = |n: u64| {
        let gs: Vec<u64> = (next..next + n).collect();
        next += n;
        gs
    };
    let mut town = Town::at(1_000_000 + dice(30_000_000));
    let ps = 1 + dice(if seed.is_multiple_of(3) { 24 } else { 6 }) as u32;
    let mut m = 0;
    for p in 0..ps {
        if dice(4) == 0 {
            town.idle_p(p);
            continue;
        }
        let slot = (dice(2) == 0).then(|| some(1)[0]);
        let ring = some([0, 1, 3, 7, 30, 256][dice(6) as usize]);
        town.p(p, Some(m), dice(12_000_000)).queues(slot, &ring);
        let g = (dice(5) > 0).then(|| some(1)[0]);
        town.m(m, Some(p), g);
        m += 1;
    }
    for m in m..m + dice(9) as u32 {
        if dice(3) == 0 {
            town.m(m, None, Some(some(1)[0]));
        } else {
            town.idle_m(m);
        }
    }
    town.global(some([0, 2, 9, 200][dice(4) as usize]));
    for chan in 0..dice(7) as u32 {
        town.chan(chan + 1, ["jobs", "a channel with a long name"][dice(2) as usize], 1, 3);
        let gs = some(dice(20));
        if dice(2) == 0 {
            town.senders(chan + 1, &gs)
        } else {
            town.receivers(chan + 1, &gs)
        };
    }
    for lock in 0..dice(4) as u32 {
        let gs = some(dice(5));
        town.lock(lock + 1, "mu", 1, &gs);
    }
    for g in some(dice(6)) {
        town.sleeper(g, 0, g * 1_000);
    }
    for g in some(dice(4)) {
        town.parked(g, WaitReason::Select, None);
    }
    town
}
