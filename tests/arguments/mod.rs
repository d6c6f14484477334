//! Arguments of a request, read through serde.

use guestwire::{Decoder, Event, message::Request};
use serde::de::DeserializeOwned;

/// Reads `json` as a command's arguments.
pub fn arguments<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    let mut decoder: Box<Decoder<65535>> = Box::default();
    let request = format!("{{\"execute\": \"x\", \"arguments\": {json}}}");
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(request.as_bytes()) else { panic!("no frame: {json}") };
    let mut request = Request::parse(&frame).unwrap();
    let read = request.arguments.deserialize().map_err(|error| error.to_string())?;
    request.arguments.end().map_err(|error| error.to_string())?;
    Ok(read)
}
