//! Turns a fuzzer's bytes into bytes on a line, and calls between them.

/// One thing that happens to the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op<'a> {
    Bytes(&'a [u8]),
    /// A call, named by a capital letter.
    Call(u8),
}

/// 0xFE and a capital letter are a call. No frame contains 0xFE, which still occurs before other bytes.
pub fn ops(bytes: &[u8]) -> Vec<Op<'_>> {
    let mut ops = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let is_call = |pair: &[u8]| pair[0] == 0xFE && pair[1].is_ascii_uppercase();
        let at = rest.windows(2).position(is_call).unwrap_or(rest.len());
        if at > 0 {
            ops.push(Op::Bytes(&rest[..at]));
        }
        rest = &rest[at..];
        if let [_, call, after @ ..] = rest {
            ops.push(Op::Call(*call));
            rest = after;
        }
    }
    ops
}
