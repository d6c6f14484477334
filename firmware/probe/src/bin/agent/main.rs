//! The agent with the built-in commands and three more, without serde.
#![no_std]
#![no_main]

mod board;

use board::Board;

probe::agent!(Board { nanoseconds: 0 });
