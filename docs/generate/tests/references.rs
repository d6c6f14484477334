//! What the documentation refers to is there.

mod page;

/// `` `tests/client.rs::replies` `` names a test.
#[test]
fn tests_that_are_named_exist() {
    let mut count = 0;
    for name in page::all() {
        for quoted in page::read(&name).split('`').skip(1).step_by(2) {
            let Some((file, test)) = quoted.split_once("::").filter(|(file, _)| file.ends_with(".rs")) else {
                continue;
            };
            assert!(page::read(file).contains(&format!("fn {test}(")), "{name}: {file} has no test {test}");
            count += 1;
        }
    }
    assert!(count >= 10, "{count} tests were named");
}

/// `[text](docs/x.md#section)` leads to a file of the repository.
#[test]
fn links_lead_somewhere() {
    let mut count = 0;
    for name in page::all() {
        let folder = page::root().join(&name);
        for link in page::read(&name).split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
            let (target, _) = link.0.split_once('#').unwrap_or((link.0, ""));
            if target.is_empty() || target.contains("://") {
                continue;
            }
            if target.ends_with("Decoder") {
                continue;
            }
            assert!(folder.parent().unwrap().join(target).exists(), "{name}: there is no {target}");
            count += 1;
        }
    }
    assert!(count >= 10, "{count} links were found");
}
