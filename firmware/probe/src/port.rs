//! A port with errors, for the probes of the loops.

use core::convert::Infallible;
use core::future::poll_fn;
use core::hint::black_box;
use core::task::Poll;

use embedded_hal_nb::serial;
pub use embedded_io_async::ErrorKind;

use crate::LineError;

pub struct Port;

impl From<LineError> for ErrorKind {
    fn from(error: LineError) -> Self {
        match error {
            LineError::Overrun => Self::Other,
            LineError::Framing => Self::InvalidData,
        }
    }
}

impl serial::ErrorType for Port {
    type Error = serial::ErrorKind;
}

impl serial::Read for Port {
    fn read(&mut self) -> nb::Result<u8, serial::ErrorKind> {
        crate::read_or_err().map_err(|error| {
            error.map(|error| match error {
                LineError::Overrun => serial::ErrorKind::Overrun,
                LineError::Framing => serial::ErrorKind::FrameFormat,
            })
        })
    }
}

impl serial::Write for Port {
    fn write(&mut self, byte: u8) -> nb::Result<(), serial::ErrorKind> {
        crate::write(byte).map_err(|error| error.map(|never: Infallible| match never {}))
    }

    fn flush(&mut self) -> nb::Result<(), serial::ErrorKind> {
        Ok(())
    }
}

impl embedded_io_async::ErrorType for Port {
    type Error = ErrorKind;
}

impl embedded_io::Read for Port {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        let Some(first) = to.first_mut() else { return Ok(0) };
        *first = nb::block!(crate::read_or_err()).map_err(ErrorKind::from)?;
        Ok(1)
    }
}

impl embedded_io::ReadReady for Port {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(black_box(true))
    }
}

impl embedded_io::BufRead for Port {
    fn fill_buf(&mut self) -> Result<&[u8], ErrorKind> {
        black_box(Ok(&[]))
    }

    fn consume(&mut self, count: usize) {
        black_box(count);
    }
}

impl embedded_io::Write for Port {
    fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        Ok(from.iter().take_while(|byte| crate::write(**byte).is_ok()).count())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl embedded_io::WriteReady for Port {
    fn write_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(black_box(true))
    }
}

impl embedded_io_async::Read for Port {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        let Some(first) = to.first_mut() else { return Ok(0) };
        *first = poll_fn(|_| match crate::read_or_err() {
            Ok(byte) => Poll::Ready(Ok(byte)),
            Err(nb::Error::Other(error)) => Poll::Ready(Err(error)),
            Err(nb::Error::WouldBlock) => Poll::Pending,
        })
        .await?;
        Ok(1)
    }
}

impl embedded_io_async::BufRead for Port {
    async fn fill_buf(&mut self) -> Result<&[u8], ErrorKind> {
        black_box(Ok(&[]))
    }

    fn consume(&mut self, count: usize) {
        black_box(count);
    }
}

impl embedded_io_async::Write for Port {
    async fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        let Some(first) = from.first() else { return Ok(0) };
        poll_fn(|_| if crate::write(*first).is_ok() { Poll::Ready(()) } else { Poll::Pending }).await;
        Ok(1)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
