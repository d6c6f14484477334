//! Whether guestwire became slower.

use std::collections::BTreeSet;

use crate::budgets::{BUDGETS, figure};
use crate::measure;
use crate::results::{Counts, Results};

/// A count may be this much over the recorded one.
const TOLERANCE: f64 = 1.02;

/// Prints what is wrong and what to do. True: nothing is.
pub fn check(recorded: &Results, counted: &Counts) -> bool {
    let (wrong, faster) = compare(&recorded.instructions, counted);
    let over = over_budget(counted);
    println!("{} benches: {wrong} wrong, {faster} faster; {} budgets: {over} exceeded", counted.len(), BUDGETS.len());
    let (before, now) = (&recorded.made_with.rustc, measure::versions().rustc);
    if wrong > 0 && *before != now {
        println!("The recorded figures are from {before}, which rust-toolchain.toml names, these from {now}.");
    }
    if wrong + faster > 0 {
        println!("If that is intended, record it: cargo run --release -- measure instructions");
    }
    wrong + over == 0
}

/// Prints what differs by more than the tolerance, and counts what is wrong and what is faster.
fn compare(recorded: &Counts, counted: &Counts) -> (usize, usize) {
    let (mut wrong, mut faster) = (0, 0);
    for bench in recorded.keys().chain(counted.keys()).collect::<BTreeSet<_>>() {
        // A bench that comes or goes is wrong.
        let before = recorded.get(bench).map_or(0.0, |count| count.per_byte());
        let now = counted.get(bench).map_or(f64::INFINITY, |count| count.per_byte());
        let (word, sum) = match () {
            () if now > before * TOLERANCE => ("WRONG", &mut wrong),
            () if before > now * TOLERANCE => ("faster", &mut faster),
            () => continue,
        };
        println!("{word:6} {bench}: {before:.3} -> {now:.3} instructions a byte");
        *sum += 1;
    }
    (wrong, faster)
}

/// Prints the budgets that are exceeded, and counts them.
fn over_budget(counted: &Counts) -> usize {
    let over = BUDGETS.iter().map(|budget| (budget, figure(budget, counted)));
    let over = over.filter(|(budget, figure)| figure.is_none_or(|figure| figure > budget.3));
    over.inspect(|(budget, figure)| println!("OVER {}: {figure:.3?}, the budget is {}", budget.0, budget.3)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Count;

    fn counts(benches: &[(&str, u64)]) -> Counts {
        benches
            .iter()
            .map(|(bench, count)| ((*bench).to_owned(), Count { instructions: *count, mispredicts: None, bytes: 1000 }))
            .collect()
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
