//! The two in C, zlib-ng and zlib, by their own functions: flate2's face hides their memory level,
//! and builds with one of them only.

use super::{Deflater, Implementation, Inflater, Settings, Step};
use crate::memory;
use std::ffi::{c_int, c_uint};
use std::mem::MaybeUninit;

#[cfg(feature = "zlib-ng")]
pub const ZLIB_NG: Implementation = Implementation {
    name: "zlib-ng",
    has_mem_level: true,
    deflater: |settings| Box::new(ng::Compressor::new(settings)),
    inflater: || Box::new(ng::Decompressor::new()),
};

pub const ZLIB: Implementation = Implementation {
    name: "zlib",
    has_mem_level: true,
    deflater: |settings| Box::new(stock::Compressor::new(settings)),
    inflater: || Box::new(stock::Decompressor::new()),
};

/// The same binding twice: the crates have the same names, but types of their own.
macro_rules! binding {
    ($module:ident, $library:ident) => {
        mod $module {
            use super::*;
            use $library as z;

            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "112")]
            const SIZE: c_int = size_of::<z::z_stream>() as c_int;

            #[allow(clippy::unnecessary_box_returns, reason = "C keeps the stream's address")]
            fn stream() -> Box<z::z_stream> {
                let mut stream = Box::new(MaybeUninit::<z::z_stream>::zeroed());
                // SAFETY: the two fields that must not be zero are written before anything is read.
                unsafe {
                    (&raw mut (*stream.as_mut_ptr()).zalloc).write(memory::allocate);
                    (&raw mut (*stream.as_mut_ptr()).zfree).write(memory::release);
                    stream.assume_init()
                }
            }

            fn call(
                stream: &mut z::z_stream,
                input: &[u8],
                output: &mut [u8],
                function: unsafe extern "C" fn(*mut z::z_stream, c_int) -> c_int,
            ) -> Step {
                stream.next_in = input.as_ptr().cast_mut();
                stream.avail_in = clamp(input.len());
                stream.next_out = output.as_mut_ptr();
                stream.avail_out = clamp(output.len());
                // SAFETY: the stream is initialised, and its pointers hold during the call.
                let code = unsafe { function(stream, z::Z_SYNC_FLUSH) };
                assert!(matches!(code, z::Z_OK | z::Z_BUF_ERROR), "zlib's answer is {code}");
                Step {
                    consumed: input.len() - stream.avail_in as usize,
                    written: output.len() - stream.avail_out as usize,
                }
            }

            pub struct Compressor(Box<z::z_stream>);

            impl Compressor {
                pub fn new(settings: Settings) -> Self {
                    let mut stream = stream();
                    // SAFETY: the stream is new; its size and version are the library's own.
                    let code = unsafe {
                        z::deflateInit2_(
                            &raw mut *stream,
                            c_int::from(settings.level),
                            z::Z_DEFLATED,
                            -c_int::from(settings.window_bits),
                            c_int::from(settings.mem_level),
                            z::Z_DEFAULT_STRATEGY,
                            z::zlibVersion(),
                            SIZE,
                        )
                    };
                    assert_eq!(code, z::Z_OK);
                    Self(stream)
                }
            }

            impl Deflater for Compressor {
                fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
                    call(&mut self.0, input, output, z::deflate)
                }

                fn reset(&mut self) {
                    // SAFETY: the stream is initialised.
                    assert_eq!(unsafe { z::deflateReset(&raw mut *self.0) }, z::Z_OK);
                }
            }

            impl Drop for Compressor {
                fn drop(&mut self) {
                    // SAFETY: the stream is initialised and is ended once.
                    unsafe { z::deflateEnd(&raw mut *self.0) };
                }
            }

            pub struct Decompressor(Box<z::z_stream>);

            impl Decompressor {
                pub fn new() -> Self {
                    let mut stream = stream();
                    let raw = &raw mut *stream;
                    // SAFETY: the stream is new; its size and version are the library's own.
                    let code = unsafe { z::inflateInit2_(raw, -15, z::zlibVersion(), SIZE) };
                    assert_eq!(code, z::Z_OK);
                    Self(stream)
                }
            }

            impl Inflater for Decompressor {
                fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
                    call(&mut self.0, input, output, z::inflate)
                }
            }

            impl Drop for Decompressor {
                fn drop(&mut self) {
                    // SAFETY: the stream is initialised and is ended once.
                    unsafe { z::inflateEnd(&raw mut *self.0) };
                }
            }
        }
    };
}

#[cfg(feature = "zlib-ng")]
binding!(ng, libz_ng_sys);
binding!(stock, libz_sys);

fn clamp(len: usize) -> c_uint {
    c_uint::try_from(len).unwrap_or(c_uint::MAX)
}
