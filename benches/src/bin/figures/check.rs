//! Whether guestwire became slower.

use std::collections::{BTreeMap, BTreeSet};

use crate::budgets::{BUDGETS, Budget};
use crate::measure;
use crate::results::{Count, Results};

/// A count may be this much over the recorded one.
const TOLERANCE: f64 = 1.02;

type Counts = BTreeMap<String, Count>;

/// Prints what is wrong and how to put it right. True: nothing is.
pub fn check(recorded: &Results, counted: &Counts) -> bool {
    let (wrong, faster) = compare(&recorded.instructions, counted);
    let over = over_budget(counted);
    println!("{} benches counted, {wrong} wrong, {faster} more than 2 % faster", counted.len());
    println!("{} budgets, {over} exceeded", BUDGETS.len());
    let (before, now) = (&recorded.made_with.rustc, measure::versions().rustc);
    if wrong > 0 && *before != now {
        println!("\nThe recorded figures are from {before}, which rust-toolchain.toml names, these from {now}.");
    }
    if wrong + faster > 0 {
        println!("\nIf that is meant, record it: cargo run --release -- measure instructions");
    }
    wrong + over == 0
}

/// Prints what differs by more than the tolerance. How many are wrong, and how many are faster.
fn compare(recorded: &Counts, counted: &Counts) -> (usize, usize) {
    let (mut wrong, mut faster) = (0, 0);
    let benches: BTreeSet<_> = recorded.keys().chain(counted.keys()).collect();
    for bench in benches {
        let per_byte = |counts: &Counts| counts.get(bench).map(|count| count.per_byte());
        let what = match (per_byte(recorded), per_byte(counted)) {
            (Some(before), Some(now)) if before > now * TOLERANCE => "faster",
            (Some(before), Some(now)) if now <= before * TOLERANCE => continue,
            (Some(_), Some(_)) => "SLOWER",
            (Some(_), None) => "GONE",
            (None, _) => "NEW",
        };
        let shown = |counts| per_byte(counts).map_or("nothing".into(), |count| format!("{count:.3}"));
        println!("{what:7} {bench}: {} -> {} instructions a byte", shown(recorded), shown(counted));
        *if what == "faster" { &mut faster } else { &mut wrong } += 1;
    }
    (wrong, faster)
}

/// Prints the budgets that are exceeded, and returns how many they are.
fn over_budget(counted: &Counts) -> usize {
    let is_over = |budget: &&Budget| {
        let figure = budget.figure(counted);
        let over = figure.is_none_or(|figure| figure > budget.limit);
        if over {
            println!("OVER    {}: {figure:.3?}, the budget is {}", budget.what, budget.limit);
        }
        over
    };
    BUDGETS.iter().filter(is_over).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(benches: &[(&str, u64)]) -> Counts {
        let count = |(bench, instructions): &(&str, u64)| {
            ((*bench).to_owned(), Count { instructions: *instructions, bytes: 1000 })
        };
        benches.iter().map(count).collect()
    }

    #[test]
    fn tolerance() {
        let recorded = counts(&[("a", 10_000)]);
        assert_eq!(compare(&recorded, &counts(&[("a", 10_200)])), (0, 0));
        assert_eq!(compare(&recorded, &counts(&[("a", 10_201)])), (1, 0));
        assert_eq!(compare(&recorded, &counts(&[("a", 9_000)])), (0, 1));
    }

    #[test]
    fn benches_that_come_and_go_are_wrong() {
        let recorded = counts(&[("a", 10_000)]);
        assert_eq!(compare(&recorded, &counts(&[("b", 10_000)])), (2, 0));
    }

    #[test]
    fn budgets() {
        assert_eq!(over_budget(&counts(&[])), BUDGETS.len());
        let skip_at_limit = counts(&[("client_skip.w4", 350)]);
        assert_eq!(over_budget(&skip_at_limit), BUDGETS.len() - 1);
    }
}
