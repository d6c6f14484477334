//! The only user, `root`: its password and the keys it may log in with. No one can log in here, but a host can manage
//! both.

use guestwire::commands::{
    AuthorizedKeys, List, SetUserPassword, SshAddAuthorizedKeys, SshGetAuthorizedKeys, SshRemoveAuthorizedKeys, Str,
};
use guestwire::{Call, CommandError, CommandResult};

use crate::Firmware;

const NAME: &str = "root";
const NO_SUCH_USER: CommandError = CommandError::Failed("There is only the user root");
const FULL: CommandError = CommandError::Failed("There is no room for more keys");

/// The credentials of `root`.
#[derive(Clone, Copy)]
pub(crate) struct Root {
    password: [u8; 32],
    keys: Keys,
}

impl Root {
    pub(crate) const fn new() -> Self {
        Self { password: [0; 32], keys: Keys { lines: [0; 512], length: 0 } }
    }
}

/// Lines, each with its end.
#[derive(Clone, Copy)]
struct Keys {
    lines: [u8; 512],
    length: usize,
}

impl Keys {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let lines = self.lines.get(..self.length).unwrap_or_default();
        let keys = lines.split(|byte| *byte == b'\n').filter(|key| !key.is_empty());
        keys.map(|key| core::str::from_utf8(key).unwrap_or_default())
    }

    fn add(&mut self, key: Str<'_>) -> Option<()> {
        if self.iter().any(|known| key == *known) {
            return Some(());
        }
        let Str::Received(key) = key else { return None };
        let length = key.copy_to(self.lines.get_mut(self.length..)?).ok()?.len();
        let end = self.length.saturating_add(length);
        *self.lines.get_mut(end)? = b'\n';
        self.length = end.saturating_add(1);
        Some(())
    }

    fn remove(&mut self, unwanted: List<'_, Str<'_>>) {
        let before = *self;
        let (mut length, mut room) = (0, self.lines.as_mut_slice());
        for key in before.iter().filter(|known| !unwanted.iter().any(|key| key == **known)) {
            let Some((line, rest)) = room.split_at_mut_checked(key.len() + 1) else { break };
            line.iter_mut().zip(key.bytes().chain([b'\n'])).for_each(|(place, byte)| *place = byte);
            (length, room) = (length + key.len() + 1, rest);
        }
        self.length = length;
    }
}

pub(crate) fn set_password<B>(guest: &mut Firmware<B>, call: Call<'_>) -> CommandResult {
    let (SetUserPassword { username, password, .. }, response) = call.parse()?;
    if username != NAME {
        return Err(NO_SUCH_USER);
    }
    let mut bytes = password.decoded()?;
    let mut kept = [0; 32];
    kept.iter_mut().zip(&mut bytes).for_each(|(place, byte)| *place = byte);
    if bytes.next().is_some() {
        return Err(CommandError::Failed("A password has at most 32 bytes here"));
    }
    guest.root.password = kept;
    response.done()
}

pub(crate) fn get_keys<B>(guest: &mut Firmware<B>, call: Call<'_>) -> CommandResult {
    let (SshGetAuthorizedKeys { username, .. }, response) = call.parse()?;
    if username != NAME {
        return Err(NO_SUCH_USER);
    }
    let keys = &guest.root.keys;
    response.encode(AuthorizedKeys {
        keys: List::of(&|list| keys.iter().try_for_each(|key| list.element().string(key))),
        ..Default::default()
    })
}

/// All of them, or an error and none.
pub(crate) fn add_keys<B>(guest: &mut Firmware<B>, call: Call<'_>) -> CommandResult {
    let (SshAddAuthorizedKeys { username, keys, reset, .. }, response) = call.parse()?;
    if username != NAME {
        return Err(NO_SUCH_USER);
    }
    let mut all = if reset == Some(true) { Root::new().keys } else { guest.root.keys };
    keys.iter().try_for_each(|key| all.add(key)).ok_or(FULL)?;
    guest.root.keys = all;
    response.done()
}

pub(crate) fn remove_keys<B>(guest: &mut Firmware<B>, call: Call<'_>) -> CommandResult {
    let (SshRemoveAuthorizedKeys { username, keys, .. }, response) = call.parse()?;
    if username != NAME {
        return Err(NO_SUCH_USER);
    }
    guest.root.keys.remove(keys);
    response.done()
}
