//! Whether guestwire became slower.

use std::collections::BTreeMap;

use crate::budgets::BUDGETS;
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
    let compiler = measure::versions().rustc;
    if wrong > 0 && compiler != recorded.made_with.rustc {
        println!(
            "\nThe recorded figures are from {}, these from {compiler}.\n\
             Another compiler counts differently: check with the recorded one first, which rust-toolchain.toml names.\n\
             If that is content, record the new compiler's figures: cargo run --release -- measure",
            recorded.made_with.rustc
        );
    } else if wrong + faster > 0 {
        println!("\nIf that is meant, record it: cargo run --release -- measure instructions");
    }
    wrong + over == 0
}

/// Prints what differs by more than the tolerance. How many are wrong, and how many are faster.
fn compare(recorded: &Counts, counted: &Counts) -> (usize, usize) {
    let (mut wrong, mut faster) = (0, 0);
    for (bench, before) in recorded {
        let Some(now) = counted.get(bench) else {
            println!("GONE    {bench} is recorded, but was not counted");
            wrong += 1;
            continue;
        };
        let (before, now) = (before.per_byte(), now.per_byte());
        let differs = |what| {
            let percent = (now / before - 1.0) * 100.0;
            println!("{what}  {bench}: {before:.3} -> {now:.3} instructions a byte ({percent:+.1} %)");
        };
        if now > before * TOLERANCE {
            differs("SLOWER");
            wrong += 1;
        } else if before > now * TOLERANCE {
            differs("faster");
            faster += 1;
        }
    }
    for bench in counted.keys().filter(|bench| !recorded.contains_key(*bench)) {
        println!("NEW     {bench} was counted, but is not recorded");
        wrong += 1;
    }
    (wrong, faster)
}

/// Prints the budgets that are exceeded, and returns how many they are.
fn over_budget(counted: &Counts) -> usize {
    let mut over = 0;
    for budget in BUDGETS {
        match budget.figure(counted) {
            Some(figure) if figure <= budget.limit => continue,
            Some(figure) => println!("OVER    {}: {figure:.3}, the budget is {}", budget.what, budget.limit),
            None => println!("OVER    {}: was not counted", budget.what),
        }
        over += 1;
    }
    over
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
