//! A guest agent in the idle task of RTIC, on TI's lm3s6965evb: an interrupt fills a queue, and every other task comes
//! first.
#![no_std]
#![no_main]

mod uart;

#[rtic::app(device = lm3s6965, peripherals = false)]
mod app {
    use guestwire::io::{Halves, RxConsumer, RxEntry, RxProducer};
    use guestwire::{Agent, Command, Guest};
    use heapless::spsc::Queue;

    use crate::uart::{self, Tx};

    struct Board {
        nanoseconds: i64,
    }

    impl Guest for Board {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] =
            &[Command::new("guest-get-time", |board, call| call.respond()?.integer(board.nanoseconds))];
    }

    #[shared]
    struct Shared {}

    #[local]
    struct Local {
        received: RxProducer<'static>,
        port: Halves<RxConsumer<'static>, Tx>,
    }

    #[init(local = [queue: Queue<RxEntry, 257> = Queue::new()])]
    fn init(context: init::Context<'_>) -> (Shared, Local) {
        let (producer, consumer) = context.local.queue.split();
        uart::start();
        let port = Halves { reader: RxConsumer::new(consumer), writer: Tx };
        (Shared {}, Local { received: RxProducer::new(producer), port })
    }

    #[task(binds = UART0, local = [received])]
    fn receive(context: receive::Context<'_>) {
        uart::receive(context.local.received);
    }

    #[idle(local = [port])]
    fn idle(context: idle::Context<'_>) -> ! {
        let mut agent: Agent<Board, 256, 640> = Agent::new(Board { nanoseconds: 0 });
        loop {
            let _ = agent.poll_nb(context.local.port); // it fails after 256 wrong bytes in a row: go on
            cortex_m::asm::wfe(); // a plain wfi would sleep through an interrupt that has just come
        }
    }
}
