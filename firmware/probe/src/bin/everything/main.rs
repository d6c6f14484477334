//! Every public function, with the smallest buffers and with larger ones: links only if none of them can panic.
//!
//! Not included: `Debug` and `Display`, whose code is that of `core::fmt`. `everything-async` has the async functions.
//! `firmware/measure` fails if a public function is in neither.
#![no_std]
#![no_main]

mod commands;
mod doors;
mod shapes;

use core::error::Error;
use core::hint::black_box;

use commands::Typed;
use heapless::{String, Vec, spsc::Queue};
use probe::port::{ErrorKind, Port};
use shapes::Shapes;

use guestwire::{
    Agent, Client, Command, CommandError, CommandResult, Decoder, Event, Guest, Reply,
    agent::{Responder, guest_info_size},
    client::Execute,
    frame::{Frame, FrameError},
    io::{Fault, Halves, RxConsumer, RxEntry, RxProducer},
    json::{DoesNotFit, Encoder, Kind, Text, Value},
    message::{Argument, ArgumentError, Arguments, ErrorResponse, Request, RequestError, RequestFault, Response},
    nb,
};

#[derive(Clone)]
struct Board;

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("done", |_, call| call.respond()?.done()),
        Command::new("boolean", |_, call| {
            let value = call.arguments.optional_boolean("value")?.unwrap_or(call.arguments.boolean("other")?);
            call.respond()?.boolean(value)
        }),
        Command::new("integer", |_, call| {
            let value = call.arguments.optional_integer("value")?.unwrap_or(call.arguments.integer("other")?);
            call.respond()?.integer(value)
        }),
        Command::new("unsigned", |_, call| {
            let value = call.arguments.optional_unsigned("value")?.unwrap_or(call.arguments.unsigned("other")?);
            call.respond()?.unsigned(value)
        }),
        Command::new("string", |_, call| {
            let value = call.arguments.optional_string("value")?.unwrap_or(call.arguments.string("other")?);
            let mut buffer = [0; 16];
            let value = value.copy_to(&mut buffer)?;
            call.respond()?.string(value)
        })
        .no_success_response(),
        Command::new("one-of", |_, call| {
            let value = call.arguments.optional_one_of("value", [("a", 1), ("b", 2)])?;
            let value = value.unwrap_or(call.arguments.one_of("other", [("a", 1), ("b", 2)])?);
            call.respond()?.value(|place| place.thousandths(value))
        }),
        Command::new("object", |_, call| {
            let read = |object: &mut Arguments<'_>| black_box(object.integer("value").unwrap_or(0));
            let object = call.arguments.optional_object("value", |object| Ok(read(object)))?;
            let value = object.unwrap_or(call.arguments.object("other", |object| Ok(read(object)))?);
            call.respond()?.object(|members| members.member("value").integer(value))
        })
        .allowed_when_frozen(),
        Command::new("array", |_, call| {
            if let Some(mut array) = call.arguments.optional_array("value")? {
                array.try_for_each(argument)?;
            }
            call.arguments.array("other")?.try_for_each(argument)?;
            call.arguments.get("any")?.map(argument).transpose()?;
            call.respond()?.array(|elements| elements.element().integer(black_box(1)))
        }),
        Command::new("error", |_, call| error(call.respond()?)),
        Command::new("shapes", |_, call| {
            let (shapes, response): (Shapes<'_>, _) = call.deserialize()?;
            if response.room() > 100 { response.serialize(&shapes) } else { response.done() }
        }),
        Command::new("owned", |_, call| {
            let strings: Vec<String<8>, 2> = call.arguments.parse("strings")?;
            let bytes: Vec<u8, 8> = call.arguments.parse("bytes")?;
            black_box((strings, bytes));
            call.respond()?.done()
        }),
        Command::new("end", |_, call| {
            black_box(call.arguments.deserialize::<Shapes<'_>>()?);
            call.arguments.end()?;
            call.respond()?.value(|place| Ok(place.serialize(black_box(&[1_u8, 2][..]))?))
        }),
        Command::new("json", |_, call| {
            let arguments = call.arguments.value();
            call.respond()?.json(arguments.as_bytes())
        }),
    ];

    fn is_frozen(&self) -> bool {
        black_box(false)
    }

    fn is_disabled(&self, command: &str) -> bool {
        command == black_box(Self::COMMANDS[0].name())
    }
}

fn argument(element: Argument<'_>) -> Result<(), ArgumentError<'_>> {
    black_box((element.integer()?, element.boolean()?, element.unsigned()?, element.string()?));
    black_box((element.array()?.count(), element.one_of([("a", 1)])?, element.value().kind()));
    element.object(|_| Ok(()))?;
    match black_box(0) {
        0 => Ok(()),
        1 => Err(element.type_error("number")),
        2 => Err(element.range_error("int8")),
        _ => Err(element.invalid()),
    }
}

fn error(response: Responder<'_>) -> CommandResult {
    if black_box(true) {
        response.error("something that had to be put together")
    } else {
        Err(CommandError::Failed("it"))
    }
}

fn fault(error: &ErrorKind) -> Fault {
    Fault::by_kind(error)
}

fn agent<G: Guest + Clone, const RX: usize, const TX: usize>(guest: G, bytes: &[u8]) {
    let mut agent = Agent::<_, RX, TX>::new(guest);
    black_box(agent.guest());
    black_box(agent.guest_mut());
    let mut queue: Queue<RxEntry, 64> = Queue::new();
    let (producer, consumer) = queue.split();
    let (mut handler, mut queue) = (RxProducer::new(producer), RxConsumer::new(consumer));
    loop {
        match probe::read() {
            Ok(0) => handler.lost(),
            Ok(1) => handler.corrupted(),
            Ok(byte) => handler.push(byte),
            Err(_) => {}
        }
        if let Ok(byte) = probe::read() {
            black_box(agent.push(byte));
        }
        black_box(agent.push_slice(bytes));
        let _ = agent.read_from(probe::read);
        let _ = agent.write_to(probe::write);
        let _ = agent.poll(&mut (), |()| probe::read(), |(), byte| probe::write(byte));
        let _ = agent.poll_nb(&mut Port);
        black_box(queue.is_empty());
        let _ = agent.poll_nb(&mut Halves { reader: &mut queue, writer: &mut Port });
        let _ = agent.poll_io(&mut Port, fault);
        if let Err(error) = agent.poll_io(&mut Halves { reader: Port, writer: Port }, Fault::by_kind) {
            black_box(error.source().is_some());
        }
        let _ = agent.run_blocking(&mut Port, Fault::by_kind);
        agent.transmitted(black_box(agent.transmit()).len());
        match black_box(0) {
            0 => agent.reset(),
            1 => agent.lost(),
            3 => agent.corrupted(),
            4 => drop(black_box(agent.is_receiving())),
            2 => {
                black_box(agent.clone());
            }
            _ => return,
        }
    }
}

fn client<const RX: usize, const TX: usize>(bytes: &[u8]) {
    let mut client = Client::<RX, TX>::new();
    loop {
        client.synchronize(black_box(1));
        if let Ok(byte) = probe::read() {
            let _ = client.push(byte).map(reply);
        }
        client.synchronize_plain(black_box(2));
        let _ = client.push_slice(bytes).1.map(reply);
        let _ = client.execute_with(black_box("name"), |arguments| arguments.member("value").null());
        let _ = client.execute_json("name", bytes);
        let _ = client.execute_serialized("name", &black_box(7_u8));
        let _ = client.execute(Execute::from("name").no_success_response());
        let _ = client.read_reply(probe::read).map(Some).map(reply);
        let _ = client.write_to(probe::write);
        let _ = client.exchange_nb(&mut Port).map(Some).map(reply);
        if let Err(nb::Error::Other(error)) = client.exchange_io(&mut Port, fault).map(Some).map(reply) {
            black_box(error.source().is_some());
        }
        let _ = client.exchange_blocking(&mut Port, fault).map(Some).map(reply);
        commands::request(&mut client, &mut Arguments::none());
        client.transmitted(black_box(client.transmit()).len());
        match black_box(0) {
            0 if client.is_ready() => drop(black_box(client.reset())),
            1 => drop(black_box(client.lost())),
            4 => drop(black_box(client.corrupted())),
            5 => client.omit_ids(),
            _ => return,
        }
    }
}

fn reply(reply: Option<Reply<'_>>) {
    match reply {
        Some(Reply::Return(returned)) => value(returned),
        Some(Reply::Error(error @ ErrorResponse { class, desc, .. })) => {
            text(class);
            text(desc);
            let owned = error.into_owned::<32>();
            black_box((owned.class(), owned.desc()));
        }
        _ => {}
    }
}

fn decoder<const N: usize>(bytes: &[u8]) {
    let mut decoder = Decoder::<N>::new();
    loop {
        if let Ok(byte) = probe::read() {
            event(decoder.push(byte));
        }
        let (taken, outcome) = decoder.push_slice(bytes);
        event(outcome);
        black_box(taken);
        let _ = decoder.read_from(probe::read).map(|polled| event(Ok(Some(polled))));
        match black_box(0) {
            0 => decoder.reset(),
            1 => drop(black_box(decoder.lost())),
            3 => drop(black_box(decoder.corrupted())),
            4 => drop(black_box(decoder.is_receiving())),
            2 => drop(black_box(decoder.clone())),
            _ => return,
        }
    }
}

fn event(event: Result<Option<Event<'_>>, FrameError>) {
    match event {
        Ok(Some(Event::Frame(received))) => frame(&received),
        Err(error) => drop(black_box(error.desc())),
        _ => {}
    }
}

fn frame(frame: &Frame<'_>) {
    black_box(frame.as_bytes());
    value(frame.value());
    match Request::parse(frame) {
        Ok(Request { command, mut arguments, id, .. }) => {
            text(command);
            black_box(arguments.integer("value").is_ok());
            let _ = Encoder::new(&mut [0; 64]).value().object(|members| {
                commands::values(&mut arguments, members);
                Ok(())
            });
            id.into_iter().for_each(value);
        }
        Err(RequestError { fault: RequestFault::Response, id, .. }) => id.into_iter().for_each(value),
        Err(_) => {}
    }
    match Response::parse(frame) {
        Some(Response { outcome: Ok(returned), .. }) => value(returned),
        Some(Response { outcome: Err(ErrorResponse { desc, .. }), .. }) => text(desc),
        _ => {}
    }
}

fn value(value: Value<'_>) {
    black_box((
        value.as_bytes(),
        value.as_str(),
        value.boolean(),
        value.integer(),
        value.unsigned(),
        value.whole(),
        value.whole_unsigned(),
        value.kind() == Kind::Null,
    ));
    value.string().into_iter().for_each(text);
    value.elements().into_iter().flatten().for_each(|element| _ = black_box(element.kind()));
    value.members().into_iter().flatten().for_each(|(name, member)| _ = black_box((name.as_str(), member.kind())));
    black_box(value.member("name").is_some_and(|member| member == value));
    black_box(value.pointer(black_box("/0/name")).is_some());
    black_box(value.deserialize::<Shapes<'_>>().is_ok());
    let mut buffer = [0; 64];
    let _ = encode(&mut Encoder::new(&mut buffer), value);
    commands::returned(value, &mut Encoder::new(&mut buffer));
}

fn text(text: Text<'_>) {
    black_box((text.as_escaped_bytes(), text.as_str(), text.chars().count(), text == "name"));
    commands::texts(text);
    let mut buffer = [0; 16];
    black_box(text.copy_to(&mut buffer).is_ok());
}

fn encode(encoder: &mut Encoder<'_>, received: Value<'_>) -> Result<(), DoesNotFit> {
    encoder.sentinel()?;
    encoder.value().object(|object| {
        object.member("null").null()?;
        object.member("boolean").boolean(black_box(true))?;
        object.member("integer").integer(black_box(i64::MIN))?;
        object.member("unsigned").unsigned(black_box(u64::MAX))?;
        object.member("string").string(black_box("\u{10FFFF}"))?;
        object.member("display").display(black_box("text"))?;
        object.member("text").text(|text| text.write_str(black_box("text")))?;
        object.member("thousandths").thousandths(black_box(i64::MIN))?;
        object.member("received").received(received)?;
        object.received(received)?;
        object.member("json").json(black_box("[]"))?;
        object.member("array").array(|array| array.element().null())
    })?;
    encoder.line_feed()?;
    black_box(encoder.as_bytes());
    black_box(Encoder::new(&mut [0; 4]).into_bytes());
    Ok(())
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let received: [u8; 64] = black_box([0; 64]);
    let mut memory = black_box([[0; 640]; 3]);
    loop {
        let bytes = &received;
        decoder::<1>(bytes);
        decoder::<4096>(bytes);
        agent::<_, 74, 1280>(Board, bytes);
        agent::<_, 4096, 4096>(Board, bytes);
        agent::<_, 256, 4096>(Typed, bytes);
        client::<34, 75>(bytes);
        client::<4096, 4096>(bytes);
        black_box((guest_info_size::<Board>(), guest_info_size::<Typed>()));
        commands::commands();
        doors::agents(&mut memory);
        doors::lent(&mut memory);
    }
}
