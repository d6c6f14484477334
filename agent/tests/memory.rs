//! Blocks of memory, of a kernel that is imitated by a folder.

mod peer;

use std::fs;
use std::os::unix::fs::symlink;

use peer::root::Root;
use peer::worst_moment;
use serde_json::{Value, json};

/// Blocks: 0 and 2 online, 3 offline, 5 without a state, and 7, which cannot be set.
fn memory(root: &mut Root) {
    let memory = root.make_folder("/memory");
    fs::write(memory.join("block_size_bytes"), "8000000\n").unwrap();
    for (number, state, removable) in [(0, "online", "0"), (2, "online", "1"), (3, "offline", "1")] {
        let block = root.make_folder(format!("/memory/memory{number}"));
        fs::write(block.join("state"), format!("{state}\n")).unwrap();
        fs::write(block.join("removable"), format!("{removable}\n")).unwrap();
    }
    root.make_folder("/memory/memory5");
    let block = root.make_folder("/memory/memory7");
    symlink("/proc/version", block.join("state")).unwrap();
    root.bind(&memory, "/sys/devices/system/memory");
}

#[test]
#[ignore = "needs root, and qemu-ga: apt-get install qemu-guest-agent mount util-linux"]
fn blocks_of_memory_are_listed_and_set_as_by_qemu_ga() {
    let mut root = Root::new();
    memory(&mut root);
    let state = |number| root.inside(format!("/memory/memory{number}/state"));
    let said = [root.ours(&[]), root.theirs()].map(|mut agent| {
        let mut listed = agent.returned("guest-get-memory-blocks", json!({}));
        listed.as_array_mut().unwrap().sort_by_key(|block| block["phys-index"].as_u64());
        let mut said = vec![listed, agent.returned("guest-get-memory-block-info", json!({}))];
        let blocks = |online: bool| -> Value {
            [0, 2, 3, 5, 6, 7].map(|number| json!({"phys-index": number, "online": online})).into_iter().collect()
        };
        worst_moment();
        for online in [true, false] {
            // Twice: what is so already is a success.
            for _ in 0..2 {
                said.push(agent.returned("guest-set-memory-blocks", json!({"mem-blks": blocks(online)})));
                let is_online = |number| fs::read_to_string(state(number)).unwrap().starts_with("online");
                said.push([0, 2, 3].map(is_online).into_iter().collect());
            }
        }
        for (number, online) in [(0, "online"), (2, "online"), (3, "offline")] {
            fs::write(state(number), online).unwrap();
        }
        said
    });
    let [ours, mut theirs] = said;
    // A success has an error code there, if the block has no file `state`.
    for outcome in theirs.iter_mut().filter_map(Value::as_array_mut).flatten() {
        if outcome.get("response").is_some_and(|response| response == "success") {
            outcome.as_object_mut().unwrap().remove("error-code");
        }
    }
    assert_eq!(ours, theirs);
}
