//! Whether guestwire became slower.

use std::collections::BTreeMap;

use crate::budgets::BUDGETS;
use crate::measure;
use crate::results::{Count, Results};

/// A count may be this much over the recorded one.
const TOLERANCE: f64 = 1.02;

/// Prints what is wrong and how to put it right. True: nothing is.
pub fn check(recorded: &Results, counted: &BTreeMap<String, Count>) -> bool {
    let mut wrong = 0;
    let mut faster = 0;
    for (bench, before) in &recorded.instructions {
        let Some(now) = counted.get(bench) else {
            println!("GONE    {bench} is recorded, but was not counted");
            wrong += 1;
            continue;
        };
        let (before, now) = (before.per_byte(), now.per_byte());
        let percent = (now / before - 1.0) * 100.0;
        if now > before * TOLERANCE {
            println!("SLOWER  {bench}: {before:.3} -> {now:.3} instructions a byte ({percent:+.1} %)");
            wrong += 1;
        } else if before > now * TOLERANCE {
            println!("faster  {bench}: {before:.3} -> {now:.3} instructions a byte ({percent:+.1} %)");
            faster += 1;
        }
    }
    for bench in counted.keys().filter(|bench| !recorded.instructions.contains_key(*bench)) {
        println!("NEW     {bench} was counted, but is not recorded");
        wrong += 1;
    }
    println!("{} benches counted, {faster} more than 2 % faster", counted.len());
    let mut over = 0;
    for budget in BUDGETS {
        match budget.figure(counted) {
            Some(figure) if figure <= budget.limit => {}
            Some(figure) => {
                println!("OVER    {}: {figure:.3}, the budget is {}", budget.what, budget.limit);
                over += 1;
            }
            None => {
                println!("OVER    {}: was not counted", budget.what);
                over += 1;
            }
        }
    }
    println!("{} budgets, {over} exceeded", BUDGETS.len());
    let versions = measure::versions();
    let same_compiler = versions.rustc == recorded.made_with.rustc;
    if wrong > 0 && !same_compiler {
        println!(
            "\nThe recorded figures are from {}, these from {}.\n\
             Another compiler counts differently. Check with the recorded one first (rustup run VERSION cargo ..);\n\
             if that is content, record the new compiler's figures: cargo run --release -- measure",
            recorded.made_with.rustc, versions.rustc
        );
    } else if wrong + faster > 0 {
        println!("\nIf that is meant, record it: cargo run --release -- measure instructions");
    }
    wrong + over == 0
}
