//! Columns of a table: slices of fixed length, borrowed or on the heap.

use core::ops::{Deref, DerefMut};

/// Slice of fixed length.
///
/// Code that uses it is compiled once for all lengths.
pub(crate) enum Column<'s, T> {
    Borrowed(&'s mut [T]),
    #[cfg(feature = "alloc")]
    Owned(alloc::boxed::Box<[T]>),
}

#[cfg(feature = "alloc")]
impl<T> Column<'_, T> {
    /// Allocates a column on the heap.
    pub(crate) fn heap(len: usize, empty: impl Fn() -> T) -> Self {
        Self::Owned((0..len).map(|_| empty()).collect())
    }
}

impl<T> Deref for Column<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Borrowed(column) => column,
            #[cfg(feature = "alloc")]
            Self::Owned(column) => column,
        }
    }
}

impl<T> DerefMut for Column<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::Borrowed(column) => column,
            #[cfg(feature = "alloc")]
            Self::Owned(column) => column,
        }
    }
}
