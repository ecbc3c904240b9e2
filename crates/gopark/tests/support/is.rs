//! What a type promises to other threads, asked at run time so that a wrong answer is a failed test
//! and not a failed build.

use std::marker::PhantomData;

/// Ask `Is::<T>::SYNC` and `Is::<T>::SEND`; a concrete `T` only.
pub(crate) struct Is<T>(PhantomData<T>);

/// The answer when the inherent constant below does not apply.
pub(crate) trait NotSync {
    const SYNC: bool = false;
}
impl<T> NotSync for Is<T> {}
impl<T: Sync> Is<T> {
    pub(crate) const SYNC: bool = true;
}

/// As [`NotSync`].
pub(crate) trait NotSend {
    const SEND: bool = false;
}
impl<T> NotSend for Is<T> {}
impl<T: Send> Is<T> {
    pub(crate) const SEND: bool = true;
}
