//! What an agent answers to what it is sent.
#![allow(dead_code, reason = "each test uses what it needs")]

use guestwire::agent::{AgentOver, Service};
use guestwire::frame::Buffer;

/// Everything that `agent` transmits for `bytes`, to a host that reads at once.
pub fn exchange<S: Service, R: Buffer, T: Buffer>(agent: &mut AgentOver<S, R, T>, mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let before = bytes.len();
        bytes = &bytes[agent.push_slice(bytes)..];
        assert!(bytes.len() < before || !agent.transmit().is_empty(), "nothing is taken and nothing is answered");
        while !agent.transmit().is_empty() {
            out.extend_from_slice(agent.transmit());
            agent.transmitted(agent.transmit().len());
        }
    }
    out
}

/// An error response as it goes over the wire.
pub fn error(class: &str, desc: &str) -> String {
    format!("{{\"error\": {{\"class\": \"{class}\", \"desc\": \"{desc}\"}}}}\n")
}

/// An error response with an `id`.
pub fn error_with_id(id: &str, class: &str, desc: &str) -> String {
    format!("{{\"id\": {id}, \"error\": {{\"class\": \"{class}\", \"desc\": \"{desc}\"}}}}\n")
}
