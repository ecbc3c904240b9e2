//! What a type promises to other threads, asked at run time so that a wrong answer is a failed test
//! and not a failed build.

use std::marker::PhantomData;

/// Ask `Is::<T>::sync()` and `Is::<T>::send()`; of a concrete `T` only.
pub(crate) struct Is<T>(PhantomData<T>);

/// The answer when the inherent function below does not apply.
pub(crate) trait NotSync {
    fn sync() -> bool {
        false
    }
}
impl<T> NotSync for Is<T> {}
impl<T: Sync> Is<T> {
    pub(crate) fn sync() -> bool {
        true
    }
}

/// As [`NotSync`].
pub(crate) trait NotSend {
    fn send() -> bool {
        false
    }
}
impl<T> NotSend for Is<T> {}
impl<T: Send> Is<T> {
    pub(crate) fn send() -> bool {
        true
    }
}
