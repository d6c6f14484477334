//! The agent with its own four commands and three more, without serde.
#![no_std]
#![no_main]

mod board;

use board::Board;

probe::agent!(Board { nanoseconds: 0 });
