//! A port with the traits of embedded-hal-nb and embedded-io.

use core::convert::Infallible;

use embedded_hal_nb::serial;
use guestwire::nb;

pub struct Port;

impl serial::ErrorType for Port {
    type Error = serial::ErrorKind;
}

impl serial::Read for Port {
    fn read(&mut self) -> nb::Result<u8, serial::ErrorKind> {
        match probe::read() {
            Ok(0) => Err(nb::Error::Other(serial::ErrorKind::Overrun)),
            Ok(byte) => Ok(byte),
            Err(_) => Err(nb::Error::WouldBlock),
        }
    }
}

impl serial::Write for Port {
    fn write(&mut self, byte: u8) -> nb::Result<(), serial::ErrorKind> {
        probe::write(byte).map_err(|_| nb::Error::WouldBlock)
    }

    fn flush(&mut self) -> nb::Result<(), serial::ErrorKind> {
        Ok(())
    }
}

impl embedded_io::ErrorType for Port {
    type Error = Infallible;
}

impl embedded_io::Read for Port {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let Some(place) = buffer.first_mut() else { return Ok(0) };
        loop {
            if let Ok(byte) = probe::read() {
                *place = byte;
                return Ok(1);
            }
        }
    }
}

impl embedded_io::ReadReady for Port {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(probe::read().is_ok())
    }
}

impl embedded_io::Write for Port {
    fn write(&mut self, buffer: &[u8]) -> Result<usize, Infallible> {
        Ok(buffer.iter().take_while(|byte| probe::write(**byte).is_ok()).count())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io::WriteReady for Port {
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        Ok(probe::write(0).is_ok())
    }
}
