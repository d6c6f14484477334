//! docs/claims.md: its quotes are on their pages, what it names exists, and nothing that needs an entry lacks one.

mod page;

struct Claim {
    page: String,
    quote: String,
    held_by: String,
}

fn claims() -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut page = String::new();
    for line in page::read("docs/claims.md").lines() {
        if let Some(name) = line.strip_prefix("## ") {
            page = name.into();
        } else if let Some(row) = line.strip_prefix("| ").filter(|row| *row != "claim | held by |") {
            let cells = row.strip_suffix(" |").and_then(|row| row.split_once(" | "));
            let (quote, held_by) = cells.unwrap_or_else(|| panic!("not a claim: {line}"));
            claims.push(Claim { page: page.clone(), quote: quote.into(), held_by: held_by.into() });
        }
    }
    claims
}

/// Without line breaks.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn quotes_are_on_their_pages() {
    for Claim { page, quote, .. } in claims() {
        assert!(flat(&page::read(&page)).contains(&quote), "{page} no longer says: {quote}");
    }
}

/// Files and steps. `references.rs` checks the tests.
#[test]
fn what_holds_a_claim_exists() {
    let run = page::read(".ci/run");
    let is_step = |name: &str| run.lines().any(|line| line.split_whitespace().nth(1) == Some(name));
    for Claim { quote, held_by, .. } in claims() {
        if let Some(why) = held_by.strip_prefix("open: ") {
            println!("open: {quote} ({why})");
            continue;
        }
        for reference in held_by.split(", ") {
            let name = reference.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
            let name = name.unwrap_or_else(|| panic!("{quote}: {reference} is not in backquotes"));
            let is_there = match name.strip_prefix(".ci/run ") {
                Some(step) => is_step(step),
                None => page::root().join(name.split("::").next().unwrap_or_default()).is_file(),
            };
            assert!(is_there, "{quote}: there is no {name}");
        }
    }
}

/// Sections, or whole pages, in which each item of a list and each row of a table has an entry.
const COMPLETE: &[(&str, &str)] = &[
    ("README.md", "What it costs"),
    ("README.md", "Who it talks to"),
    ("README.md", "Features"),
    ("docs/buffers.md", ""),
    ("docs/clients.md", ""),
    ("docs/dependencies.md", ""),
    ("docs/doors.md", ""),
    ("docs/line-faults.md", ""),
    ("docs/loops.md", ""),
    ("docs/security.md", ""),
    ("docs/testing.md", ""),
    ("docs/wire-format.md", ""),
    ("agent/README.md", ""),
    ("firmware/README.md", "Test and measure"),
    ("virtio-serial/README.md", ""),
];

/// Items of lists, numbered paragraphs and rows of tables below a heading.
fn items(page: &str, heading: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    let (mut below, mut in_item, mut in_code) = (heading.is_empty(), false, false);
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        in_code ^= line.starts_with("```");
        if let Some(title) = line.strip_prefix("## ") {
            below = heading.is_empty() || title == heading;
        }
        let number = line.split(' ').next().and_then(|word| word.strip_suffix('.'));
        let is_numbered = number.is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
        // The line after a table's head is dashes.
        let is_row = line.starts_with("| ") && !lines.peek().is_some_and(|next| next.starts_with("|--"));
        if !below || in_code || line.is_empty() {
            in_item = false;
        } else if is_row || is_numbered || line.starts_with("* ") {
            items.push(line.into());
            in_item = !is_row;
        } else if in_item {
            *items.last_mut().expect("it has begun") += &format!(" {}", line.trim());
        }
    }
    items
}

#[test]
fn everything_that_needs_an_entry_has_one() {
    let claims = claims();
    let mut count = 0;
    for (page, heading) in COMPLETE {
        for item in items(&page::read(page), heading) {
            let item = flat(&item);
            let has_entry = claims.iter().any(|claim| claim.page == *page && item.contains(&claim.quote));
            assert!(has_entry, "docs/claims.md has no entry for this item of {page}: {item}");
            count += 1;
        }
    }
    assert!(count >= 100, "{count} items");
}
