//! picojson by slice.
#![no_std]
#![no_main]

use core::hint::black_box;

use on_target::{entry, read_frames};
use picojson::{DefaultConfig, Event, ParseError, PushParser, PushParserHandler};

struct Events;

impl PushParserHandler<'_, '_, ParseError> for Events {
    fn handle_event(&mut self, event: Event<'_, '_>) -> Result<(), ParseError> {
        black_box(event);
        Ok(())
    }
}

#[entry]
fn main() -> ! {
    let mut scratch = [0; 4096];
    read_frames("picojson, by slice", |frame| {
        let mut parser = PushParser::<_, DefaultConfig>::new(Events, &mut scratch);
        parser.write(frame).is_ok() && parser.finish::<ParseError>().is_ok()
    })
}
