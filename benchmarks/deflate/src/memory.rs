//! How many bytes are allocated: by Rust through the global allocator, by C through the two
//! functions that zlib lets its caller choose.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{c_uint, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[global_allocator]
static COUNTING: Counting = Counting { live: AtomicUsize::new(0) };

struct Counting {
    live: AtomicUsize,
}

/// The bytes that are allocated now.
pub fn live() -> usize {
    COUNTING.live.load(Relaxed)
}

// SAFETY: the system's allocator does the work; nothing but a number is added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.live.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.live.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// As much as the block has to be aligned to: more than a number needs.
const HEAD: usize = 64;

/// zlib's `zalloc`. The size is kept in front of the block, for `release`.
#[allow(clippy::cast_ptr_alignment, reason = "the layout has it")]
pub unsafe extern "C" fn allocate(_: *mut c_void, items: c_uint, size: c_uint) -> *mut c_void {
    let len = items as usize * size as usize;
    let Some(layout) = layout(len) else { return null_mut() };
    // SAFETY: the layout is not empty, and its head has room for a number.
    unsafe {
        let block = COUNTING.alloc(layout);
        if block.is_null() {
            return null_mut();
        }
        block.cast::<usize>().write(len);
        block.add(HEAD).cast()
    }
}

/// zlib's `zfree`.
#[allow(clippy::cast_ptr_alignment, reason = "the layout has it")]
pub unsafe extern "C" fn release(_: *mut c_void, pointer: *mut c_void) {
    // SAFETY: zlib hands back what `allocate` made, whose size stands in its head.
    unsafe {
        let block = pointer.cast::<u8>().sub(HEAD);
        if let Some(layout) = layout(block.cast::<usize>().read()) {
            COUNTING.dealloc(block, layout);
        }
    }
}

fn layout(len: usize) -> Option<Layout> {
    Layout::from_size_align(HEAD + len, HEAD).ok()
}
