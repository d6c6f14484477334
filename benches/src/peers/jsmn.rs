//! jsmn, of Debian's libjsmn-dev.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_uint};

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Token {
    kind: c_int,
    start: c_int,
    end: c_int,
    size: c_int,
    parent: c_int,
}

#[repr(C)]
#[derive(Default)]
struct Parser {
    position: c_uint,
    next: c_uint,
    parent: c_int,
}

unsafe extern "C" {
    fn jsmn_init(parser: *mut Parser);
    fn jsmn_parse(parser: *mut Parser, json: *const c_char, length: usize, tokens: *mut Token, count: c_uint) -> c_int;
}

/// Whether the frame is JSON, as far as jsmn looks.
pub fn reads(frame: &[u8], tokens: &mut [Token; 1024]) -> bool {
    let mut parser = Parser::default();
    // SAFETY: the types are those of jsmn.h with parent links, and jsmn stays within both lengths.
    let found = unsafe {
        jsmn_init(&raw mut parser);
        jsmn_parse(&raw mut parser, frame.as_ptr().cast(), frame.len(), tokens.as_mut_ptr(), 1024)
    };
    found > 0
}
