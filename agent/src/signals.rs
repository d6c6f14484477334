//! What the agent does when it is told to end, and when a program has ended.

use std::io;
use std::process::exit;
use std::thread;

use log::info;
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::ports::Socket;
use crate::programs::Programs;

/// Sees to them from now on, in a thread of its own: the agent may wait for the host without end.
pub fn watch(programs: Programs, socket: Socket) -> io::Result<()> {
    let mut signals = Signals::new([SIGCHLD, SIGINT, SIGTERM])?;
    let watch = move || {
        for signal in signals.forever() {
            if signal == SIGCHLD {
                programs.reap();
            } else {
                info!("told to end");
                programs.end();
                socket.remove();
                exit(0);
            }
        }
    };
    thread::Builder::new().spawn(watch).map(drop)
}
