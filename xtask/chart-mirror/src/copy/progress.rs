//! `Progress`: receives events while images are copied or checked.

use super::copied::Copied;
use crate::plan::Transfer;
use registry::Error;

/// Every method does nothing by default. They are called often and from many tasks.
pub trait Progress: Send + Sync {
    /// Copying starts. The other methods name an image by its position among these.
    fn copying(&self, _transfers: &[Transfer]) {}
    /// This many more bytes of an image will be sent.
    fn bytes_expected(&self, _image: usize, _bytes: u64) {}
    /// This many bytes of an image were sent.
    fn bytes_sent(&self, _image: usize, _bytes: u64) {}
    /// The copy of one image starts.
    fn image_started(&self, _image: usize, _transfer: &Transfer) {}
    /// The copy of one image has ended.
    fn image_ended(&self, _image: usize, _transfer: &Transfer, _result: &Result<Copied, Error>) {}
    /// A check starts; `images` is 0 if it does not go through the images.
    fn checking(&self, _check: &str, _images: usize) {}
    /// One more image was checked.
    fn image_checked(&self) {}
}

/// Reports nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {}
