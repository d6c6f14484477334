//! Tests, files and code that the documentation refers to exist.

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
fn links_lead_to_files() {
    let mut count = 0;
    for name in page::all() {
        let page = page::root().join(&name);
        for link in page::read(&name).split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
            let target = link.0.split('#').next().unwrap_or_default();
            assert!(!target.contains("docs.rs/guestwire"), "{name}: {target} is not published");
            assert!(target.contains("://") || page.with_file_name(target).exists(), "{name}: there is no {target}");
            count += 1;
        }
    }
    assert!(count >= 10, "{count} links were found");
}

/// A folder with a script that starts QEMU is a board.
#[test]
fn every_board_is_in_the_tables() {
    let firmware = page::root().join("firmware");
    let folders = std::fs::read_dir(firmware).unwrap().map(|entry| entry.unwrap().path());
    let boards: Vec<_> = folders.filter(|folder| folder.join("run").is_file()).collect();
    assert!(boards.len() >= 6, "{boards:?}");
    for board in boards {
        let name = format!("`{}`", board.file_name().unwrap().display());
        for table in ["docs/structure.md", "firmware/README.md"] {
            assert!(page::read(table).contains(&name), "{table} lacks {name}");
        }
    }
}

/// rustdoc hides lines that start with `# `, a repository's page shows them.
#[test]
fn no_code_has_hidden_lines() {
    for name in page::all() {
        for block in page::blocks(&page::read(&name)).into_iter().filter(|block| block.language == "rust") {
            assert!(!block.text.lines().any(|line| line.starts_with("# ")), "{name}, line {}", block.line);
        }
    }
}

/// The page shows a file of tests that `cargo test` runs.
#[test]
fn the_page_about_testing_quotes_a_test() {
    assert!(page::read("docs/testing.md").contains(&page::read("tests/own_commands.rs")));
}

/// Programs that run under QEMU. Without the comment at the top.
#[test]
fn the_page_about_loops_quotes_programs() {
    let loops = page::read("docs/loops.md");
    for program in ["firmware/rtic/src/main.rs", "firmware/embassy/src/bin/small.rs"] {
        let program = page::read(program);
        let quoted = &program[program.find("#![no_std]").unwrap()..];
        assert!(loops.contains(&format!("```rs\n{quoted}```\n")), "{program}");
    }
}

#[test]
fn the_whole_programs_about_loops_have_the_same_guest() {
    let loops = page::read("docs/loops.md");
    fn lines(text: &str) -> Vec<&str> {
        text.lines().map(str::trim).collect()
    }
    let first = &page::blocks(&loops)[0].text;
    let guest = lines(&first[first.find("struct").unwrap()..first.find("\n\nfn").unwrap()]);
    assert!(guest.len() <= 10, "{guest:?}");
    let whole = page::blocks(&loops).into_iter().filter(|block| block.text.contains("struct Board"));
    let same = whole
        .map(|block| assert!(lines(&block.text).windows(guest.len()).any(|part| part == guest), "line {}", block.line));
    assert_eq!(same.count(), 3);
}

#[test]
fn as_many_exchanges_were_recorded_as_the_front_page_says() {
    let recorded = page::read("tests/recordings/qemu-ga.jsonl").lines().count();
    assert!(page::read("README.md").contains(&format!("{recorded} recorded exchanges")), "{recorded}");
}

/// The two programs of the front page are short.
#[test]
fn the_front_page_has_a_guest_and_a_host_of_thirty_lines() {
    let readme = page::read("README.md");
    let programs: Vec<_> = page::blocks(&readme).into_iter().filter(|block| block.language == "rust").collect();
    assert_eq!(programs.len(), 2);
    for program in programs {
        let lines = program.text.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= 30, "line {}: {lines} lines", program.line);
    }
}
