//! Passwords and SSH keys, of users of a separate root folder: nobody else's are touched.

mod peer;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use peer::root::Root;
use peer::{Peer, worst_moment};
use serde_json::{Value, json};

const UID: u32 = 4711;

/// With the user `guest`, and a `chpasswd` that records its arguments and its input, or fails for the user `nobody`.
fn with_user() -> Root {
    let root = Root::new();
    let etc = root.make_folder("/etc");
    fs::write(etc.join("passwd"), format!("root:x:0:0::/root:/bin/sh\nguest:x:{UID}:{UID}::/home/guest:/bin/sh\n"))
        .unwrap();
    let home = root.make_folder("/home/guest");
    chown(&home, Some(UID), Some(UID)).unwrap();
    root.make_folder("/bin");
    root.install(Path::new("/bin/sh"), "/bin/sh");
    let stub = root.make_folder("/usr/sbin").join("chpasswd");
    let script = "#!/bin/sh\nread -r line\n[ \"${line%%:*}\" != nobody ] || { echo no such user >&2; exit 3; }\n\
                  echo \"$# $* $line\" >/run/chpasswd\n";
    fs::write(&stub, script).unwrap();
    fs::set_permissions(&stub, Permissions::from_mode(0o755)).unwrap();
    root
}

fn agents(root: &Root) -> [Peer; 2] {
    [root.ours(&["--allow", "accounts"]), root.theirs()]
}

#[test]
#[ignore = "needs root, and qemu-ga: apt-get install qemu-guest-agent mount util-linux"]
fn passwords_are_set_as_by_qemu_ga() {
    let root = with_user();
    let said = agents(&root).map(|mut agent| {
        let mut said = Vec::new();
        worst_moment();
        for (username, password, crypted) in [
            ("guest", "czNjcmV0", false),
            // Proxmox's encoder ends it with a line feed.
            ("guest", "JDYkcyRo\n", true),
            ("guest", "", false),
            ("guest", "cDphOnM=", false),
            ("guest", "YQpi", false),
            ("guest", "?", false),
            ("gu:est", "YQ==", false),
            ("gu\nest", "YQ==", false),
            ("nobody", "YQ==", false),
        ] {
            let arguments = json!({"username": username, "password": password, "crypted": crypted});
            let _ = fs::remove_file(root.inside("/run/chpasswd"));
            let answer = agent.ask("guest-set-user-password", arguments);
            said.push((answer, fs::read_to_string(root.inside("/run/chpasswd")).ok()));
        }
        said
    });
    let [mut ours, theirs] = said;
    // Since QEMU 8.2 the program's words follow.
    let text = &mut ours.last_mut().unwrap().0["error"]["desc"];
    assert_eq!(*text, "child process has failed to set user password: no such user");
    *text = "child process has failed to set user password".into();
    assert_eq!(ours, theirs);
    assert_eq!(ours[0], (json!({"return": {}}), Some("0  guest:s3cret\n".into())));
    assert_eq!(ours[1], (json!({"return": {}}), Some("1 -e guest:$6$s$h\n".into())));
}

#[test]
#[ignore = "needs root: apt-get install mount util-linux"]
fn a_password_that_cannot_be_set_is_an_error() {
    let root = with_user();
    let mut agent = root.ours(&["--allow", "accounts"]);
    let mut error = |password: &str| {
        let arguments = json!({"username": "guest", "password": password, "crypted": false});
        agent.error("guest-set-user-password", arguments).1
    };
    // s3, NUL, cret
    assert_eq!(error("czMAY3JldA=="), "forbidden characters in raw password");
    fs::remove_file(root.inside("/usr/sbin/chpasswd")).unwrap();
    assert_eq!(error("YQ=="), "failed to run chpasswd: No such file or directory");
}

/// The lines of the file, and who may read it and its folder.
fn written(root: &Root) -> Value {
    let folder = root.inside("/home/guest/.ssh");
    let file = folder.join("authorized_keys");
    let Ok(text) = fs::read_to_string(&file) else { return Value::Null };
    let lines: Vec<_> = text.split('\n').filter(|line| !line.is_empty()).collect();
    let access = [folder, file].map(|path| {
        let access = fs::metadata(path).unwrap();
        json!([access.uid(), access.gid(), format!("{:o}", access.mode())])
    });
    json!({"lines": lines, "access": access})
}

#[test]
#[ignore = "needs root, and qemu-ga: apt-get install qemu-guest-agent mount util-linux"]
fn ssh_keys_are_added_and_removed_as_by_qemu_ga() {
    let root = with_user();
    let (one, two, three) = ("ssh-ed25519 AAAA one@host", "ssh-rsa BBBB \u{e9}\\\"", "from=\"*\" ssh-rsa CCCC");
    let said = agents(&root).map(|mut agent| {
        let _ = fs::remove_dir_all(root.inside("/home/guest/.ssh"));
        let mut said = Vec::new();
        let mut ask = |command: &str, arguments: Value| {
            let answer = agent.ask(&format!("guest-ssh-{command}-authorized-keys"), arguments);
            said.push((answer, written(&root)));
        };
        worst_moment();
        ask("remove", json!({"username": "guest", "keys": [one]}));
        ask("add", json!({"username": "guest", "keys": [one, two, one]}));
        ask("add", json!({"username": "guest", "keys": [two, three], "reset": false}));
        ask("get", json!({"username": "guest"}));
        ask("remove", json!({"username": "guest", "keys": [three, "ssh-rsa DDDD"]}));
        for key in ["# a comment", "two\nlines"] {
            ask("add", json!({"username": "guest", "keys": [one, key]}));
            ask("remove", json!({"username": "guest", "keys": [one, key]}));
        }
        ask("add", json!({"username": "guest", "keys": [three], "reset": true}));
        ask("add", json!({"username": "guest", "keys": [], "reset": true}));
        ask("get", json!({"username": "guest"}));

        let by_hand = format!("# by hand\n\n  {one}  \r\n{two}");
        fs::write(root.inside("/home/guest/.ssh/authorized_keys"), by_hand).unwrap();
        ask("get", json!({"username": "guest"}));
        ask("remove", json!({"username": "guest", "keys": [two]}));
        ask("add", json!({"username": "guest", "keys": [three]}));
        said
    });
    let [ours, mut theirs] = said;
    // It lists the last first.
    for keys in theirs.iter_mut().filter_map(|(answer, _)| answer.pointer_mut("/return/keys")?.as_array_mut()) {
        keys.reverse();
    }
    assert_eq!(ours, theirs);
    assert_eq!(ours[2].1["lines"], json!([one, two, three]));
    assert_eq!(ours[2].1["access"], json!([[UID, UID, "40700"], [UID, UID, "100600"]]));
}

#[test]
#[ignore = "needs root: apt-get install mount util-linux"]
fn keys_that_were_added_end_with_a_line_feed() {
    let root = with_user();
    let mut agent = root.ours(&["--allow", "accounts"]);
    let file = root.inside("/home/guest/.ssh/authorized_keys");
    let mut add =
        |key: &str| agent.returned("guest-ssh-add-authorized-keys", json!({"username": "guest", "keys": [key]}));
    add("one");
    assert_eq!(fs::read_to_string(&file).unwrap(), "one\n");
    fs::write(&file, "by hand").unwrap();
    add("two");
    assert_eq!(fs::read_to_string(&file).unwrap(), "by hand\ntwo\n");
}

#[test]
#[ignore = "needs root: apt-get install mount util-linux"]
fn afterwards_the_agent_acts_as_itself() {
    let root = with_user();
    let mut agent = root.ours(&["--allow", "accounts,files"]);
    let keys = json!({"username": "guest", "keys": ["one"]});
    let requests = [
        // There is no file yet.
        ("get", json!({"username": "guest"})),
        ("add", keys.clone()),
        ("get", json!({"username": "guest"})),
        ("remove", keys),
    ];
    for (number, (command, arguments)) in requests.into_iter().enumerate() {
        agent.ask(&format!("guest-ssh-{command}-authorized-keys"), arguments);
        let path = format!("/file-{number}");
        agent.returned("guest-file-open", json!({"path": path, "mode": "w"}));
        let file = fs::metadata(root.inside(&path)).unwrap();
        assert_eq!((file.uid(), file.gid()), (0, 0), "after {command}");
    }
}

/// What a key replaces, whom it belongs to, and what waits for ever: all of that is the user's to choose.
#[test]
#[ignore = "needs root: apt-get install mount util-linux"]
fn a_user_cannot_lead_the_agent_astray() {
    let root = with_user();
    let mut agent = root.ours(&["--allow", "accounts"]);
    let secret = root.make_folder("/private").join("secret");
    fs::write(&secret, "secret\n").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(root.inside("/private"), Permissions::from_mode(0o700)).unwrap();
    let folder = root.inside("/home/guest/.ssh");
    let mut all_fail = |why: &str| {
        let keys = json!({"username": "guest", "keys": ["one"]});
        for (command, arguments) in [("get", json!({"username": "guest"})), ("add", keys.clone()), ("remove", keys)] {
            let (_, text) = agent.error(&format!("guest-ssh-{command}-authorized-keys"), arguments);
            assert!(text.ends_with(why), "{text}");
        }
    };

    symlink("/private", &folder).unwrap();
    all_fail("'/home/guest/.ssh/authorized_keys': Permission denied");
    fs::remove_file(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    chown(&folder, Some(UID), Some(UID)).unwrap();
    let file = folder.join("authorized_keys");
    symlink("/private/secret", &file).unwrap();
    all_fail("Permission denied");
    for (target, why) in [("/dev/zero", "not a regular file"), ("/home", "not a regular file")] {
        fs::remove_file(&file).unwrap();
        symlink(target, &file).unwrap();
        all_fail(why);
    }
    fs::remove_file(&file).unwrap();
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    chown(&file, Some(UID), Some(UID)).unwrap();
    all_fail("not a regular file");
    fs::remove_file(&file).unwrap();
    fs::write(&file, vec![b'a'; (1 << 20) + 1]).unwrap();
    all_fail("File too large");
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret\n");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left there");
}

#[test]
fn an_unknown_user_is_an_error() {
    let mut agent = Peer::ours(&["--allow", "accounts"]);
    let nobody = "nobody.at.all";
    for (command, arguments) in [
        ("get", json!({"username": nobody})),
        ("add", json!({"username": nobody, "keys": ["one"]})),
        ("remove", json!({"username": nobody, "keys": ["one"]})),
    ] {
        let error = agent.error(&format!("guest-ssh-{command}-authorized-keys"), arguments);
        assert_eq!(error, ("GenericError".into(), format!("failed to lookup user '{nobody}': no such user")));
    }
}
