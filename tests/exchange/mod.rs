//! What an agent answers to what it is sent.
#![allow(dead_code, reason = "each test uses what it needs")]

use guestwire::Agent;

/// Everything that `agent` transmits for `bytes`, to a host that reads at once.
pub fn exchange<S, const RX: usize, const TX: usize>(agent: &mut Agent<S, RX, TX>, mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let taken = agent.push_slice(&mut bytes);
        out.extend_from_slice(agent.transmit());
        agent.transmitted(agent.transmit().len());
        if taken.is_ok() && agent.transmit().is_empty() {
            return out;
        }
    }
}

/// An error response as it goes over the wire.
pub fn error(class: &str, desc: &str) -> String {
    format!("{{\"error\": {{\"class\": \"{class}\", \"desc\": \"{desc}\"}}}}\n")
}

/// An error response with an `id`.
pub fn error_with_id(id: &str, class: &str, desc: &str) -> String {
    format!("{{\"id\": {id}, \"error\": {{\"class\": \"{class}\", \"desc\": \"{desc}\"}}}}\n")
}
