//! Signals: to end the agent, and when a program has ended.

use std::io;
use std::process::exit;
use std::thread;

use log::info;
use procfs::process::Process;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::ports::Socket;
use crate::programs::Programs;

/// Handles signals from now on, in a separate thread: the agent may wait for the host indefinitely.
pub fn watch(programs: Programs, socket: Socket) -> io::Result<()> {
    let mut signals = Signals::new([SIGCHLD, SIGINT, SIGTERM])?;
    if !is_hangup_ignored() {
        signals.add_signal(SIGHUP)?;
    }
    let watch = move || {
        for signal in signals.forever() {
            if signal == SIGCHLD {
                programs.reap();
            } else {
                info!("ending");
                programs.end();
                socket.remove();
                exit(0);
            }
        }
    };
    thread::Builder::new().spawn(watch).map(drop)
}

/// As with nohup(1).
fn is_hangup_ignored() -> bool {
    let status = Process::myself().and_then(|own| own.status());
    status.is_ok_and(|status| status.sigign & 1 << (SIGHUP - 1) != 0)
}
