//! jsmn, of Debian's libjsmn-dev.
#![no_std]
#![no_main]

use core::ffi::{c_char, c_int, c_uint};

use on_target::{entry, read_frames};

#[repr(C)]
#[derive(Clone, Copy)]
struct Token {
    kind: c_int,
    start: c_int,
    end: c_int,
    size: c_int,
    parent: c_int,
}

#[repr(C)]
struct Parser {
    position: c_uint,
    next: c_uint,
    parent: c_int,
}

unsafe extern "C" {
    fn jsmn_init(parser: *mut Parser);
    fn jsmn_parse(parser: *mut Parser, json: *const c_char, length: usize, tokens: *mut Token, count: c_uint) -> c_int;
}

#[entry]
fn main() -> ! {
    let mut tokens = [Token { kind: 0, start: 0, end: 0, size: 0, parent: 0 }; 64];
    read_frames("jsmn, tokens", |frame| {
        let mut parser = Parser { position: 0, next: 0, parent: 0 };
        // SAFETY: the types are those of jsmn.h with parent links, and jsmn stays within both lengths.
        unsafe {
            jsmn_init(&raw mut parser);
            jsmn_parse(&raw mut parser, frame.as_ptr().cast(), frame.len(), tokens.as_mut_ptr(), 64) > 0
        }
    })
}
