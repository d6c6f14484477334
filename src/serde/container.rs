//! Arrays and objects that are written in steps.

use crate::error::DoesNotFit;
use crate::json::encoder::{Refusal, ValueEncoder};

/// An array or an object that is begun and ended by separate calls, as serde wants it. Dropped, it leaves no trace.
pub(super) struct ContainerEncoder<'e> {
    container: ValueEncoder<'e>,
    close: &'static [u8],
}

impl<'e> ContainerEncoder<'e> {
    pub(super) fn begin(mut container: ValueEncoder<'e>, open: &[u8], close: &'static [u8]) -> Self {
        container.encoder.put(open);
        Self { container, close }
    }

    pub(super) fn element(&mut self) -> ValueEncoder<'_> {
        self.container.encoder.element()
    }

    pub(super) fn member(&mut self, name: &str) -> ValueEncoder<'_> {
        self.container.encoder.member(name)
    }

    /// Writes the colon between a name and its value. What was written as the name must be a string.
    pub(super) fn colon(&mut self) -> Result<(), Refusal> {
        match self.container.encoder.as_bytes().last() {
            Some(b'"') | None => {
                self.container.encoder.put(b": ");
                Ok(())
            }
            Some(_) => Err(self.refuse(Refusal::Name)),
        }
    }

    /// Whether a name has been written, and its value has not: no value ends in a space.
    pub(super) fn has_name(&self) -> bool {
        self.container.encoder.as_bytes().last() == Some(&b' ')
    }

    /// The value that follows a name.
    pub(super) fn value(&mut self) -> ValueEncoder<'_> {
        self.container.encoder.value()
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) -> Refusal {
        self.container.encoder.refuse(refusal);
        refusal
    }

    /// The error is why something inside failed, if it is not that it did not fit.
    pub(super) fn end(self) -> Result<(), Option<Refusal>> {
        let refusal = self.container.encoder.refusal();
        self.container.finish(self.close).map_err(|DoesNotFit| refusal)
    }
}
