//! A thousand client links in one thread of tokio: `exchange_buffered` against a loop over `push_slice` written by hand.
//!
//! The ways are run in turn, several times, on sockets to agents in another thread. It prints the processor time that a
//! request takes of the clients' thread with the loop written by hand, and how many times as long the others take: the
//! medians.

use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::net::UnixStream as Socket;

use embedded_io_adapters::tokio_1::FromTokio;
use guestwire::client::Execute;
use guestwire::io::Fault;
use guestwire::{Agent, Client, Command, Guest, Reply};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

const LINKS: usize = 1000;
const ROUNDS: usize = 30;
const RUNS: usize = 11;

/// Of a page that is written, and of one that is read.
const PAGE: usize = 3000;
/// What tokio's readers take at once.
const BUFFER: usize = 8 << 10;

type Link = Client<4096, 4096>;

/// A name, what the request holds, and what the reply does.
const WORKLOADS: &[(&str, Workload)] = &[
    ("small requests, small replies", Workload { request: 0, reply: 0 }),
    ("small requests, 3000 bytes back", Workload { request: 0, reply: PAGE }),
    ("3000 bytes, small replies", Workload { request: PAGE, reply: 0 }),
];

#[derive(Clone, Copy)]
struct Workload {
    request: usize,
    reply: usize,
}

impl Workload {
    fn ask(self, client: &mut Link) -> Result<()> {
        let page = "x".repeat(self.request);
        let execute = Execute::from(if self.reply > 0 { "read" } else { "write" });
        client
            .execute_with(execute, |arguments| match page.as_str() {
                "" => Ok(()),
                page => arguments.member("page").string(page),
            })
            .map_err(Error::other)
    }

    fn check(self, reply: Reply<'_>) -> Result<()> {
        match reply {
            Reply::Return(value) if value.string().map_or(0, |text| text.as_escaped_bytes().len()) == self.reply => {
                Ok(())
            }
            _ => Err(ErrorKind::InvalidData.into()),
        }
    }
}

struct Peer;

impl Guest for Peer {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("write", |_, call| {
            call.arguments.optional_string("page")?;
            call.respond()?.done()
        }),
        Command::new("read", |_, call| call.respond()?.string(&"x".repeat(PAGE))),
    ];
}

/// An agent, until its client has gone.
async fn serve(mut stream: UnixStream) -> Result<()> {
    let mut agent: Agent<Peer, 4096, 4096> = Agent::new(Peer);
    let mut buffer = [0; BUFFER];
    loop {
        let count = stream.read(&mut buffer).await?;
        let Some(mut bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
        while !bytes.is_empty() {
            bytes = bytes.get(agent.push_slice(bytes)..).unwrap_or_default();
            stream.write_all(agent.transmit()).await?;
            agent.transmitted(agent.transmit().len());
        }
    }
}

/// A loop of one's own.
async fn by_hand(mut stream: UnixStream, workload: Workload) -> Result<()> {
    let mut client = Link::new();
    let (mut buffer, mut unread) = ([0; BUFFER], 0..0);
    client.synchronize(1);
    let mut left = ROUNDS;
    loop {
        stream.write_all(client.transmit()).await?;
        client.transmitted(client.transmit().len());
        loop {
            if unread.is_empty() {
                unread = 0..stream.read(&mut buffer).await?;
                if unread.is_empty() {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
            }
            let (taken, reply) = client.push_slice(buffer.get(unread.clone()).unwrap_or_default());
            unread.start += taken;
            match reply.map_err(Error::other)? {
                None => continue,
                Some(Reply::Synchronized) => {}
                Some(reply) => workload.check(reply)?,
            }
            break;
        }
        if left == 0 {
            return Ok(());
        }
        left -= 1;
        workload.ask(&mut client)?;
    }
}

async fn exchange<W: tokio::io::AsyncWrite + Unpin>(rx: OwnedReadHalf, tx: W, workload: Workload) -> Result<()> {
    let mut client = Link::new();
    let (mut rx, mut tx) = (FromTokio::new(BufReader::with_capacity(BUFFER, rx)), FromTokio::new(tx));
    client.synchronize(1);
    client.exchange_buffered(&mut rx, &mut tx, Fault::by_kind).await.map_err(Error::other)?;
    for _ in 0..ROUNDS {
        workload.ask(&mut client)?;
        workload.check(client.exchange_buffered(&mut rx, &mut tx, Fault::by_kind).await.map_err(Error::other)?)?;
    }
    Ok(())
}

async fn buffered(stream: UnixStream, workload: Workload) -> Result<()> {
    let (rx, tx) = stream.into_split();
    exchange(rx, BufWriter::with_capacity(4096, tx), workload).await
}

/// Each piece that the client writes is a system call.
async fn unbuffered(stream: UnixStream, workload: Workload) -> Result<()> {
    let (rx, tx): (_, OwnedWriteHalf) = stream.into_split();
    exchange(rx, tx, workload).await
}

fn runtime() -> Result<Runtime> {
    Builder::new_current_thread().enable_io().build()
}

/// Nanoseconds of processor time for one request.
fn measure<F: Future<Output = Result<()>> + 'static>(
    client: impl Fn(UnixStream, Workload) -> F,
    workload: Workload,
) -> Result<f64> {
    let pairs = (0..LINKS).map(|_| Socket::pair()).collect::<Result<Vec<_>>>()?;
    let (ours, theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let connect = |socket: Socket| {
        socket.set_nonblocking(true)?;
        UnixStream::from_std(socket)
    };
    let peers = std::thread::spawn(move || {
        runtime()?.block_on(async {
            let mut links = JoinSet::new();
            for socket in theirs {
                links.spawn(serve(connect(socket)?));
            }
            links.join_all().await.into_iter().collect::<Result<()>>()
        })
    });
    let runtime = runtime()?;
    let local = tokio::task::LocalSet::new();
    let taken = local.block_on(&runtime, async {
        let mut links = JoinSet::new();
        for socket in ours {
            links.spawn_local(client(connect(socket)?, workload));
        }
        let before = clock_gettime(ClockId::ThreadCPUTime);
        while let Some(ended) = links.join_next().await {
            ended.map_err(Error::other)??;
        }
        let after = clock_gettime(ClockId::ThreadCPUTime);
        let seconds = (after.tv_sec - before.tv_sec) as f64;
        Ok::<_, Error>(seconds * 1e9 + (after.tv_nsec - before.tv_nsec) as f64)
    })?;
    peers.join().expect("an agent does not panic")?;
    Ok(taken / (LINKS * (ROUNDS + 1)) as f64)
}

fn main() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    println!("| processor time of a request | by hand, microseconds | exchange_buffered | without BufWriter |");
    println!("|---|--:|--:|--:|");
    for (name, workload) in WORKLOADS {
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            let hand = measure(by_hand, *workload)?;
            runs.push([hand / 1000.0, measure(buffered, *workload)? / hand, measure(unbuffered, *workload)? / hand]);
        }
        let [hand, buffered, unbuffered] = [0, 1, 2].map(|column| {
            runs.sort_by(|one, other| one[column].total_cmp(&other[column]));
            runs[RUNS / 2][column]
        });
        println!("| {name} | {hand:.2} | {buffered:.2} times | {unbuffered:.2} times |");
    }
    Ok(())
}
