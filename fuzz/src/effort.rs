//! What a run costs, in the engine's count of bytes moved and read and in bytes allocated: time or
//! memory out of proportion to the input is a crash, on a slow machine and on a fast one alike.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::Add;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use aiowebsocket::protocol::fuzzing;

/// What a run may cost, beside what the shortest may.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// Bytes moved, read or made by the engine.
    pub steps: usize,
    /// Bytes allocated by anyone, the target itself included.
    pub memory: usize,
}

impl Allowance {
    /// For so many bytes of input, where this is for one.
    #[must_use]
    pub const fn times(self, bytes: usize) -> Self {
        Self { steps: self.steps * bytes, memory: self.memory * bytes }
    }
}

impl Add for Allowance {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { steps: self.steps + other.steps, memory: self.memory + other.memory }
    }
}

const HOWEVER_SHORT: usize = 1 << 20;

/// What has been spent since it was started.
#[derive(Debug)]
pub struct Effort {
    steps: usize,
    memory: usize,
}

impl Effort {
    #[must_use]
    pub fn start() -> Self {
        Self { steps: fuzzing::work_done(), memory: ALLOCATED.load(Relaxed) }
    }

    /// Panics where more was spent than is allowed.
    pub fn end(self, allowance: Allowance) {
        let steps = fuzzing::work_done() - self.steps;
        let memory = ALLOCATED.load(Relaxed) - self.memory;
        let Allowance { steps: most_steps, memory: most_memory } = allowance;
        assert!(steps <= HOWEVER_SHORT + most_steps, "{steps} steps, and {most_steps} allowed");
        assert!(memory <= HOWEVER_SHORT + most_memory, "{memory} bytes, and {most_memory} allowed");
    }
}

/// The bytes ever allocated. A buffer that grows by doubling allocates at most twice its size.
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}
