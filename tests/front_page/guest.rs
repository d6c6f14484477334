use embedded_hal_nb::serial;
use guestwire::{Agent, Command, Guest};

struct Board { nanoseconds: i64 }

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("guest-get-time", |board, call| call.respond()?.integer(board.nanoseconds)),
        Command::new("guest-set-time", |board, call| {
            let time = call.arguments.optional_integer("time")?;
            let response = call.respond()?; // refuses unknown arguments
            board.nanoseconds = time.unwrap_or(0);
            response.done()
        }),
        Command::new("guest-get-host-name", |_, call| {
            call.respond()?.object(|host| host.member("host-name").string("toaster"))
        }),
    ];
}

fn serve<U: serial::Read + serial::Write>(uart: &mut U) -> ! {
    let mut agent: Agent<Board, 256, 640> = Agent::new(Board { nanoseconds: 0 });
    loop {
        if agent.poll_nb(uart).is_err() {
            agent.reset(); // the port has closed: the next host starts anew
        }
    }
}
