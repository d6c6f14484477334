//! Ports with the traits of the embedded ecosystem.

use core::cell::RefCell;
use core::marker::PhantomData;

use crate::{Device, Error, Transport};

/// What several streams share a device by.
///
/// A `RefCell` does for one thread. With the feature `critical-section`, there is also a `Mutex<RefCell<Option<Device>>>`
/// of that crate, which fits into a static: streams on it are [`Send`], and an interrupt handler can use the device, too.
pub trait Lock<D> {
    /// Runs this with the device, unless there is none, or it is in use.
    fn with<R>(&self, act: impl FnOnce(&mut D) -> R) -> Option<R>;
}

impl<D> Lock<D> for RefCell<D> {
    fn with<R>(&self, act: impl FnOnce(&mut D) -> R) -> Option<R> {
        self.try_borrow_mut().ok().map(|mut device| act(&mut device))
    }
}

#[cfg(feature = "critical-section")]
impl<D> Lock<D> for critical_section::Mutex<RefCell<Option<D>>> {
    fn with<R>(&self, act: impl FnOnce(&mut D) -> R) -> Option<R> {
        critical_section::with(|section| self.borrow(section).try_borrow_mut().ok()?.as_mut().map(act))
    }
}

/// A port as a stream of bytes, with the traits of `embedded-io`, `embedded-io-async` and `embedded-hal-nb`.
///
/// A stream polls the device, so nothing else must: whoever polls takes the events from all others. When the client at the
/// host's end goes, or another comes, after something was read or written, the stream ends: a read returns 0 bytes once (a
/// serial port's the error [`Error::Ended`]), or a write that error. What comes then is the next client's.
///
/// Async functions are woken by [`Device::acknowledge_interrupt`]; one task may wait for bytes to read, and one for room to
/// write.
///
/// ```
/// # #[cfg(feature = "embedded-io")] {
/// use core::cell::RefCell;
/// use embedded_io::Write;
/// use virtio_serial::{Device, Error, Stream, Transport};
///
/// fn greet<T: Transport>(device: Device<T, 2>) -> Result<(), Error> {
///     let device = RefCell::new(device);
///     let (mut agent, mut log) = (Stream::new(&device, 0), Stream::new(&device, 1));
///     log.write(b"hello\n")?;
///     agent.write(b"{\"return\": {}}\n")?;
///     Ok(())
/// }
/// # }
/// ```
pub struct Stream<'d, L, T, const PORTS: usize> {
    lock: &'d L,
    port: usize,
    device: PhantomData<fn(&mut Device<T, PORTS>)>,
}

impl<'d, L: Lock<Device<T, PORTS>>, T: Transport, const PORTS: usize> Stream<'d, L, T, PORTS> {
    /// The port with this index among the device's names. It need not be found yet.
    pub fn new(lock: &'d L, port: usize) -> Self {
        Self { lock, port, device: PhantomData }
    }

    /// Runs this unless the stream ends here. `None`: to be tried again.
    fn with<R>(&self, act: impl FnOnce(&mut Device<T, PORTS>) -> Result<Option<R>, Error>) -> Result<Option<R>, Error> {
        let tried = self.lock.with(|device| {
            while device.poll()?.is_some() {}
            if device.take_end(self.port) { Err(Error::Ended) } else { act(device) }
        });
        tried.unwrap_or(Ok(None))
    }

    fn try_read(&self, buffer: &mut [u8]) -> Result<Option<usize>, Error> {
        let port = self.port;
        self.with(|device| {
            let received = device.received(port)?;
            let count = received.len().min(buffer.len());
            buffer.iter_mut().zip(received).for_each(|(to, from)| *to = *from);
            device.consume(port, count);
            Ok((count > 0 || buffer.is_empty()).then_some(count))
        })
    }

    fn try_write(&self, bytes: &[u8]) -> Result<Option<usize>, Error> {
        self.with(|device| {
            let count = device.send(self.port, bytes)?;
            Ok((count > 0 || bytes.is_empty()).then_some(count))
        })
    }

    fn try_flush(&self) -> Result<Option<()>, Error> {
        self.with(|device| Ok(device.is_sent(self.port)?.then_some(())))
    }
}

/// The end of a stream is no error to a read.
#[cfg(feature = "embedded-io")]
fn end_is_0(read: Result<Option<usize>, Error>) -> Result<Option<usize>, Error> {
    match read {
        Err(Error::Ended) => Ok(Some(0)),
        read => read,
    }
}

#[cfg(feature = "embedded-io")]
mod blocking {
    use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};

    use super::{Device, Error, Lock, Stream, Transport, end_is_0};

    impl embedded_io::Error for Error {
        fn kind(&self) -> ErrorKind {
            match self {
                Self::Ended => ErrorKind::ConnectionReset,
                Self::NoDevice => ErrorKind::NotFound,
                Self::Features => ErrorKind::Unsupported,
                Self::NameTooLong => ErrorKind::InvalidInput,
                _ => ErrorKind::Other,
            }
        }
    }

    fn wait<R>(mut act: impl FnMut() -> Result<Option<R>, Error>) -> Result<R, Error> {
        loop {
            if let Some(value) = act()? {
                return Ok(value);
            }
            core::hint::spin_loop();
        }
    }

    impl<L, T, const PORTS: usize> ErrorType for Stream<'_, L, T, PORTS> {
        type Error = Error;
    }

    /// Waits by looking again and again.
    impl<L: Lock<Device<T, PORTS>>, T: Transport, const PORTS: usize> Read for Stream<'_, L, T, PORTS> {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
            wait(|| end_is_0(self.try_read(buffer)))
        }
    }

    impl<L: Lock<Device<T, PORTS>>, T: Transport, const PORTS: usize> ReadReady for Stream<'_, L, T, PORTS> {
        fn read_ready(&mut self) -> Result<bool, Error> {
            let port = self.port;
            let ready = self.lock.with(|device| {
                while device.poll()?.is_some() {}
                Ok(device.has_ended(port) || !device.received(port)?.is_empty())
            });
            ready.unwrap_or(Ok(false))
        }
    }

    /// Waits by looking again and again. A flush waits until the host has read everything.
    impl<L: Lock<Device<T, PORTS>>, T: Transport, const PORTS: usize> Write for Stream<'_, L, T, PORTS> {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
            wait(|| self.try_write(bytes))
        }

        fn flush(&mut self) -> Result<(), Error> {
            wait(|| self.try_flush())
        }
    }

    impl<L: Lock<Device<T, PORTS>>, T: Transport, const PORTS: usize> WriteReady for Stream<'_, L, T, PORTS> {
        fn write_ready(&mut self) -> Result<bool, Error> {
            let ready = self.lock.with(|device| {
                while device.poll()?.is_some() {}
                Ok(device.has_ended(self.port) || device.can_send(self.port)?)
            });
            ready.unwrap_or(Ok(false))
        }
    }
}

#[cfg(feature = "embedded-io-async")]
mod asynchronous {
    use core::future::poll_fn;
    use core::task::Poll;

    use embedded_io_async::{Read, Write};

    use super::{Device, Error, Lock, Stream, Transport, end_is_0};
    use crate::port::Wait;

    impl<L: Lock<Device<T, PORTS>>, T: Transport, const PORTS: usize> Stream<'_, L, T, PORTS> {
        async fn wait<R>(&self, wait: Wait, mut act: impl FnMut() -> Result<Option<R>, Error>) -> Result<R, Error> {
            poll_fn(|context| {
                // First the waker: an interrupt can come at any time.
                self.lock.with(|device| device.wake_later(self.port, wait, context.waker()));
                act().transpose().map_or(Poll::Pending, Poll::Ready)
            })
            .await
        }
    }

    impl<L: Lock<Device<T, PORTS>>, T: Transport, const PORTS: usize> Read for Stream<'_, L, T, PORTS> {
        async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
            self.wait(Wait::Read, || end_is_0(self.try_read(buffer))).await
        }
    }

    /// A flush waits until the host has read everything.
    impl<L: Lock<Device<T, PORTS>>, T: Transport, const PORTS: usize> Write for Stream<'_, L, T, PORTS> {
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
            self.wait(Wait::Write, || self.try_write(bytes)).await
        }

        async fn flush(&mut self) -> Result<(), Error> {
            self.wait(Wait::Write, || self.try_flush()).await
        }
    }
}

#[cfg(feature = "embedded-hal-nb")]
mod serial {
    use embedded_hal_nb::nb;
    use embedded_hal_nb::serial::{ErrorKind, ErrorType, Read, Write};

    use super::{Device, Error, Lock, Stream, Transport};

    impl embedded_hal_nb::serial::Error for Error {
        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn ready<R>(tried: Result<Option<R>, Error>) -> nb::Result<R, Error> {
        tried?.ok_or(nb::Error::WouldBlock)
    }

    impl<L, T, const PORTS: usize> ErrorType for Stream<'_, L, T, PORTS> {
        type Error = Error;
    }

    impl<L: Lock<Device<T, PORTS>>, T: Transport, const PORTS: usize> Read for Stream<'_, L, T, PORTS> {
        fn read(&mut self) -> nb::Result<u8, Error> {
            let mut byte = [0];
            ready(self.try_read(&mut byte))?;
            let [byte] = byte;
            Ok(byte)
        }
    }

    impl<L: Lock<Device<T, PORTS>>, T: Transport, const PORTS: usize> Write for Stream<'_, L, T, PORTS> {
        fn write(&mut self, byte: u8) -> nb::Result<(), Error> {
            ready(self.try_write(&[byte])).map(drop)
        }

        fn flush(&mut self) -> nb::Result<(), Error> {
            ready(self.try_flush())
        }
    }
}
