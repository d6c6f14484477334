//! An object of this library in memory of the caller's.

use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};

/// What an opaque type of the header holds. All zeros: nothing yet.
#[repr(C)]
pub(crate) struct Held<T> {
    state: u32,
    value: MaybeUninit<T>,
}

const GONE: u32 = 0;
/// Arbitrary, so that memory that was never set up is hardly taken for an object.
const IDLE: u32 = 0x6777_6931;
const BUSY: u32 = 0x6777_6232;

impl<T> Held<T> {
    /// Builds the object. It may be there already, but not be in use: then it is gone, even if the new one cannot be built.
    /// Returns whether it was built.
    ///
    /// # Safety
    /// By the contract: `place` is NULL, or zeros or a `T` are there, and no other thread uses it.
    pub(crate) unsafe fn set_up(place: *mut Self, build: impl FnOnce() -> Option<T>) -> bool {
        // SAFETY: the caller's.
        if !is_aligned(place) || unsafe { (&raw const (*place).state).read() } == BUSY {
            return false;
        }
        // SAFETY: the caller's. What was there needs no drop.
        unsafe { (&raw mut (*place).state).write(GONE) };
        let Some(value) = build() else { return false };
        // SAFETY: the caller's.
        unsafe { place.write(Self { state: IDLE, value: MaybeUninit::new(value) }) };
        true
    }

    /// The object, for as long as the guard lives. `None` if it was not built, or is in use: this is a call from a handler.
    ///
    /// # Safety
    /// As [`set_up`](Self::set_up).
    pub(crate) unsafe fn enter<'a>(place: *mut Self) -> Option<InUse<'a, T>> {
        // SAFETY: the caller's.
        if !is_aligned(place) || unsafe { (&raw const (*place).state).read() } != IDLE {
            return None;
        }
        // SAFETY: the object is there, and not in use. By raw pointers, so that a handler's attempt to enter it, which reads
        // `state`, does not touch what is borrowed here.
        unsafe {
            let state = &raw mut (*place).state;
            state.write(BUSY);
            Some(InUse { state, value: (*place).value.assume_init_mut() })
        }
    }
}

/// Neither NULL nor beside the alignment of the header's type.
fn is_aligned<T>(place: *const T) -> bool {
    !place.is_null() && place.is_aligned()
}

/// An object that is being used.
pub(crate) struct InUse<'a, T> {
    state: *mut u32,
    value: &'a mut T,
}

impl<T> Drop for InUse<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the object is where it was.
        unsafe { self.state.write(IDLE) }
    }
}

impl<T> Deref for InUse<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value
    }
}

impl<T> DerefMut for InUse<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value
    }
}
