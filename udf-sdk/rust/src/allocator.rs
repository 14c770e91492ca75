//! The allocator of a plugin: lists of free blocks by size, and fresh memory at the top.
//!
//! A tenth of the code of the one in `std`, which was a third of a small plugin, and quicker: a function that returns a
//! `String` allocates for every row. Free blocks are not joined, so memory that held many small things stays for small
//! things. A plugin that needs better switches the feature `small-allocator` off and gets the one of `std`.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;

/// Blocks begin at, and are as long as, a multiple of this.
const GRAIN: usize = 16;
/// Sizes up to 128 by 16, then four sizes for each doubling up to 2^32.
const CLASSES: usize = 8 + 25 * 4;

/// Where more memory comes from.
pub trait Pages {
    /// At least `bytes` more: where it begins, and how many bytes it is.
    fn more(&self, bytes: usize) -> Option<(usize, usize)>;
}

/// The allocator.
pub struct Allocator<P> {
    blocks: UnsafeCell<Blocks>,
    pages: P,
}

struct Blocks {
    /// The first free block of each size; each holds the address of the next. 0: none.
    free: [usize; CLASSES],
    /// Memory that was never used: from here ...
    top: usize,
    /// ... to here.
    end: usize,
}

/// The number of the smallest size that holds `bytes`, and that size.
fn class_of(bytes: usize) -> Option<(usize, usize)> {
    if bytes <= 8 * GRAIN {
        let class = bytes.saturating_sub(1) / GRAIN;
        return Some((class, (class + 1) * GRAIN));
    }
    let last = bytes - 1;
    let doubling = last.ilog2() as usize;
    let step = 1 << (doubling - 2);
    let class = 8 + (doubling - 7) * 4 + (last / step) % 4;
    (class < CLASSES).then_some((class, last.checked_add(step)? / step * step))
}

impl<P: Pages> Allocator<P> {
    /// Without memory as yet.
    pub const fn new(pages: P) -> Allocator<P> {
        Allocator {
            blocks: UnsafeCell::new(Blocks {
                free: [0; CLASSES],
                top: 0,
                end: 0,
            }),
            pages,
        }
    }

    /// The lists, for the time of one operation.
    #[allow(clippy::mut_from_ref, reason = "see SAFETY")]
    fn blocks(&self) -> &mut Blocks {
        // SAFETY: one thread, and no operation calls another while it holds this.
        unsafe { &mut *self.blocks.get() }
    }
}

impl Blocks {
    fn take(&mut self, bytes: usize, align: usize, pages: &impl Pages) -> usize {
        let Some((class, size)) = class_of(bytes) else { return 0 };
        let first = self.free[class];
        if first != 0 && first.is_multiple_of(align) {
            return self.pop(class);
        }
        match self.fresh(size, align, pages) {
            // No memory left: a larger free block does too.
            0 => match (class..CLASSES).find(|class| self.free[*class] != 0 && self.free[*class].is_multiple_of(align))
            {
                Some(class) => self.pop(class),
                None => 0,
            },
            address => address,
        }
    }

    fn pop(&mut self, class: usize) -> usize {
        let first = self.free[class];
        // SAFETY: a free block is memory of ours that nobody uses, and holds the address of the next one.
        self.free[class] = unsafe { ptr::with_exposed_provenance::<usize>(first).read() };
        first
    }

    fn fresh(&mut self, size: usize, align: usize, pages: &impl Pages) -> usize {
        let align = align.max(GRAIN);
        loop {
            let start = self.top.next_multiple_of(align);
            if self.end.checked_sub(start).is_some_and(|room| room >= size) {
                self.top = start + size;
                return start;
            }
            // What is missing, when the new memory joins the old.
            let Some(missing) = start.checked_add(size).map(|wanted| wanted - self.end) else {
                return 0;
            };
            let Some((begin, bytes)) = pages.more(if self.end == 0 { size + align } else { missing }) else {
                return 0;
            };
            if begin != self.end {
                // Somebody else asked for memory meanwhile: what is left of ours is lost.
                self.top = begin;
            }
            self.end = begin + bytes;
        }
    }

    /// # Safety
    /// The block is one of ours and not in use any more.
    unsafe fn give_back(&mut self, address: usize, bytes: usize) {
        let Some((class, size)) = class_of(bytes) else { return };
        if address + size == self.top {
            self.top = address;
            return;
        }
        // SAFETY: as the caller promises; a block has room for an address.
        unsafe { ptr::with_exposed_provenance_mut::<usize>(address).write(self.free[class]) };
        self.free[class] = address;
    }

    /// Makes the topmost block larger where it is.
    fn stretch(&mut self, address: usize, size: usize, new_size: usize, pages: &impl Pages) -> bool {
        if address + size != self.top {
            return false;
        }
        let Some(new_top) = address.checked_add(new_size) else {
            return false;
        };
        if new_top > self.end {
            match pages.more(new_top - self.end) {
                Some((begin, bytes)) if begin == self.end => self.end += bytes,
                // New memory elsewhere: for the next block.
                Some((begin, bytes)) => {
                    (self.top, self.end) = (begin, begin + bytes);
                    return false;
                }
                None => return false,
            }
        }
        self.top = new_top;
        true
    }
}

// SAFETY: blocks are as long and aligned as asked for, and none is handed out twice; on failure null.
unsafe impl<P: Pages> GlobalAlloc for Allocator<P> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ptr::with_exposed_provenance_mut(self.blocks().take(layout.size(), layout.align(), &self.pages))
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { self.blocks().give_back(block.expose_provenance(), layout.size()) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_bytes: usize) -> *mut u8 {
        let (Some((class, size)), Some((new_class, new_size))) = (class_of(layout.size()), class_of(new_bytes)) else {
            return ptr::null_mut();
        };
        let blocks = self.blocks();
        if class == new_class
            || (new_size > size && blocks.stretch(block.expose_provenance(), size, new_size, &self.pages))
        {
            return block;
        }
        let new_block = ptr::with_exposed_provenance_mut::<u8>(blocks.take(new_bytes, layout.align(), &self.pages));
        if !new_block.is_null() {
            // SAFETY: both blocks are ours, apart, and as long as said.
            unsafe {
                ptr::copy_nonoverlapping(block, new_block, layout.size().min(new_bytes));
                blocks.give_back(block.expose_provenance(), layout.size());
            }
        }
        new_block
    }
}

// SAFETY: a plugin has one thread; a test uses an allocator from one.
unsafe impl<P: Sync> Sync for Allocator<P> {}

/// The memory of a plugin.
#[cfg(target_arch = "wasm32")]
mod linear {
    use core::cell::Cell;

    use super::{Allocator, Pages};

    const PAGE: usize = 65_536;

    /// Remembers whether what is left of the memory that the plugin begins with was given out.
    struct LinearMemory(Cell<bool>);

    // SAFETY: a plugin has one thread.
    unsafe impl Sync for LinearMemory {}

    unsafe extern "C" {
        /// The end of what the compiler laid out, by the linker.
        static __heap_base: u8;
    }

    impl Pages for LinearMemory {
        fn more(&self, bytes: usize) -> Option<(usize, usize)> {
            let end = core::arch::wasm32::memory_size::<0>() * PAGE;
            let begin = if self.0.get() {
                end
            } else {
                (&raw const __heap_base).expose_provenance()
            };
            let missing = bytes.saturating_sub(end - begin).div_ceil(PAGE);
            if missing > 0 && core::arch::wasm32::memory_grow::<0>(missing) == usize::MAX {
                return None;
            }
            self.0.set(true);
            Some((begin, end + missing * PAGE - begin))
        }
    }

    #[global_allocator]
    static ALLOCATOR: Allocator<LinearMemory> = Allocator::new(LinearMemory(Cell::new(false)));
}

#[cfg(test)]
mod tests;
