//! A port in two parts.

use core::error::Error;
use core::fmt;

/// A reader and a writer as one port, for all loops: a UART that was split, two queues, a receiver that an interrupt fills.
///
/// It implements those of the loops' traits that its halves implement. A half may be borrowed: `&mut T` reads and writes as
/// `T` does.
///
/// ```
/// use guestwire::{Agent, io::{Fault, Halves}};
///
/// let (received, mut sent) = (&b"{\"execute\": \"guest-ping\"}\n"[..], [0; 64]);
/// let mut port = Halves { reader: received, writer: &mut sent[..] };
/// let mut agent: Agent<(), 256, 512> = Agent::new(());
/// let ended = agent.run_blocking(&mut port, |_| Fault::Fatal);
/// assert_eq!(ended, Err(guestwire::io::IoError::Closed));
/// assert!(sent.starts_with(b"{\"return\": {}}\n"));
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Halves<R, W> {
    /// Where bytes come from.
    pub reader: R,
    /// Where bytes go.
    pub writer: W,
}

/// The error of one of the [`Halves`].
///
/// ```
/// use guestwire::io::{Fault, HalvesError};
///
/// /// A receiver that loses bytes, and a transmitter that has no errors.
/// fn fault<W>(error: &HalvesError<&str, W>) -> Fault {
///     match error {
///         HalvesError::Reader("overrun") => Fault::Lost,
///         HalvesError::Reader(_) => Fault::Corrupted,
///         HalvesError::Writer(_) => Fault::Fatal,
///     }
/// }
/// # assert_eq!(fault::<()>(&HalvesError::Reader("overrun")), Fault::Lost);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum HalvesError<R, W> {
    /// The reader's error.
    Reader(R),
    /// The writer's error.
    Writer(W),
}

impl<R: fmt::Display, W: fmt::Display> fmt::Display for HalvesError<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reader(error) => error.fmt(f),
            Self::Writer(error) => error.fmt(f),
        }
    }
}

impl<R: Error, W: Error> Error for HalvesError<R, W> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Reader(error) => error.source(),
            Self::Writer(error) => error.source(),
        }
    }
}

#[cfg(feature = "embedded-hal-nb")]
mod uart {
    use embedded_hal_nb::serial::{Error, ErrorKind, ErrorType, Read, Write};

    use super::{Halves, HalvesError};

    impl<R: Error, W: Error> Error for HalvesError<R, W> {
        fn kind(&self) -> ErrorKind {
            match self {
                Self::Reader(error) => error.kind(),
                Self::Writer(error) => error.kind(),
            }
        }
    }

    impl<R: ErrorType, W: ErrorType> ErrorType for Halves<R, W> {
        type Error = HalvesError<R::Error, W::Error>;
    }

    impl<R: Read, W: ErrorType> Read for Halves<R, W> {
        fn read(&mut self) -> nb::Result<u8, Self::Error> {
            self.reader.read().map_err(|error| error.map(HalvesError::Reader))
        }
    }

    impl<R: ErrorType, W: Write> Write for Halves<R, W> {
        fn write(&mut self, byte: u8) -> nb::Result<(), Self::Error> {
            self.writer.write(byte).map_err(|error| error.map(HalvesError::Writer))
        }

        fn flush(&mut self) -> nb::Result<(), Self::Error> {
            self.writer.flush().map_err(|error| error.map(HalvesError::Writer))
        }
    }
}

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
mod stream {
    use embedded_io::{Error, ErrorKind, ErrorType, ReadReady, WriteReady};

    use super::{Halves, HalvesError};

    impl<R: Error, W: Error> Error for HalvesError<R, W> {
        fn kind(&self) -> ErrorKind {
            match self {
                Self::Reader(error) => error.kind(),
                Self::Writer(error) => error.kind(),
            }
        }
    }

    impl<R: ErrorType, W: ErrorType> ErrorType for Halves<R, W> {
        type Error = HalvesError<R::Error, W::Error>;
    }

    impl<R: ReadReady, W: ErrorType> ReadReady for Halves<R, W> {
        fn read_ready(&mut self) -> Result<bool, Self::Error> {
            self.reader.read_ready().map_err(HalvesError::Reader)
        }
    }

    impl<R: ErrorType, W: WriteReady> WriteReady for Halves<R, W> {
        fn write_ready(&mut self) -> Result<bool, Self::Error> {
            self.writer.write_ready().map_err(HalvesError::Writer)
        }
    }
}

#[cfg(feature = "embedded-io")]
mod blocking {
    use embedded_io::{BufRead, ErrorType, Read, Write};

    use super::{Halves, HalvesError};

    impl<R: Read, W: ErrorType> Read for Halves<R, W> {
        fn read(&mut self, to: &mut [u8]) -> Result<usize, Self::Error> {
            self.reader.read(to).map_err(HalvesError::Reader)
        }
    }

    impl<R: BufRead, W: ErrorType> BufRead for Halves<R, W> {
        fn fill_buf(&mut self) -> Result<&[u8], Self::Error> {
            self.reader.fill_buf().map_err(HalvesError::Reader)
        }

        fn consume(&mut self, count: usize) {
            self.reader.consume(count);
        }
    }

    impl<R: ErrorType, W: Write> Write for Halves<R, W> {
        fn write(&mut self, from: &[u8]) -> Result<usize, Self::Error> {
            self.writer.write(from).map_err(HalvesError::Writer)
        }

        fn flush(&mut self) -> Result<(), Self::Error> {
            self.writer.flush().map_err(HalvesError::Writer)
        }
    }
}

#[cfg(feature = "embedded-io-async")]
mod asynchronous {
    use embedded_io_async::{BufRead, ErrorType, Read, Write};

    use super::{Halves, HalvesError};

    impl<R: Read, W: ErrorType> Read for Halves<R, W> {
        async fn read(&mut self, to: &mut [u8]) -> Result<usize, Self::Error> {
            self.reader.read(to).await.map_err(HalvesError::Reader)
        }
    }

    impl<R: BufRead, W: ErrorType> BufRead for Halves<R, W> {
        async fn fill_buf(&mut self) -> Result<&[u8], Self::Error> {
            self.reader.fill_buf().await.map_err(HalvesError::Reader)
        }

        fn consume(&mut self, count: usize) {
            self.reader.consume(count);
        }
    }

    impl<R: ErrorType, W: Write> Write for Halves<R, W> {
        async fn write(&mut self, from: &[u8]) -> Result<usize, Self::Error> {
            self.writer.write(from).await.map_err(HalvesError::Writer)
        }

        async fn flush(&mut self) -> Result<(), Self::Error> {
            self.writer.flush().await.map_err(HalvesError::Writer)
        }
    }
}
