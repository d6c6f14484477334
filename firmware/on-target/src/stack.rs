//! Measures the depth of the stack.

use core::hint::black_box;

use cortex_m::register::msp;
use guestwire::{Agent, Guest};

const DEPTH: u32 = 8192;
const UNTOUCHED: u8 = 0xA5;

/// The deepest stack below a call of `Agent::push`, in bytes.
pub fn deepest_push<G: Guest>(guest: G, requests: &[&[u8]]) -> u32 {
    let mut agent: Agent<G, 256, 640> = Agent::new(guest);
    let mut deepest = 0;
    for byte in requests.iter().copied().flatten() {
        deepest = deepest.max(stack_of(|| {
            let _ = black_box(&mut agent).push(*byte);
        }));
        agent.transmitted(usize::MAX);
    }
    deepest
}

/// Paints the stack, calls, and checks how far down the paint is overwritten.
#[inline(never)]
fn stack_of(call: impl FnOnce()) -> u32 {
    let bottom = msp::read() - DEPTH;
    // Down to a little below this frame.
    for address in bottom..msp::read() - 16 {
        // SAFETY: free stack: the programs that ask need far less than there is between its statics and here.
        unsafe { (address as *mut u8).write_volatile(UNTOUCHED) }
    }
    call();
    // SAFETY: as above.
    let untouched = (bottom..).take_while(|address| unsafe { (*address as *const u8).read_volatile() } == UNTOUCHED);
    DEPTH - untouched.count() as u32
}
