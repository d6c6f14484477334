//! How users log in.

use super::values::{Bytes, Done, List, Str};

command! {
    /// sets a user's password.
    pub struct SetUserPassword<'a> = "guest-set-user-password" {
        username: Str<'a> = "username",
        password: Bytes<'a> = "password",
        /// Whether it is as crypt(3) returns it.
        crypted: bool = "crypted",
        ..
    } -> Done
}

command! {
    /// the keys that a user may log in with.
    pub struct SshGetAuthorizedKeys<'a> = "guest-ssh-get-authorized-keys" {
        username: Str<'a> = "username",
        ..
    } -> AuthorizedKeys<'a>
}

object! {
    /// The keys that a user may log in with.
    pub struct AuthorizedKeys<'a> {
        /// Lines as in sshd(8)'s `authorized_keys`.
        keys: List<'a, Str<'a>> = "keys",
        ..
    }
}

command! {
    /// adds keys that a user may log in with.
    pub struct SshAddAuthorizedKeys<'a> = "guest-ssh-add-authorized-keys" {
        username: Str<'a> = "username",
        keys: List<'a, Str<'a>> = "keys",
        /// Whether all others are removed.
        reset: Option<bool> = "reset",
        ..
    } -> Done
}

command! {
    /// removes keys that a user may log in with.
    pub struct SshRemoveAuthorizedKeys<'a> = "guest-ssh-remove-authorized-keys" {
        username: Str<'a> = "username",
        keys: List<'a, Str<'a>> = "keys",
        ..
    } -> Done
}
