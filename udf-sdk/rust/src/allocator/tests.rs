//! The allocator: sizes, alignment, no block twice, reuse, growth, the end of memory.

use alloc::vec::Vec;
use core::cell::Cell;

use super::*;

/// Memory of a fixed size, given out by 64 KiB from an address that only its end depends on.
struct Arena {
    memory: *mut u8,
    layout: Layout,
    used: Cell<usize>,
}

impl Arena {
    fn new(bytes: usize) -> Arena {
        let layout = Layout::from_size_align(bytes, 65_536).expect("a layout");
        // SAFETY: the layout has a size.
        Arena {
            memory: unsafe { std::alloc::alloc(layout) },
            layout,
            used: Cell::new(0),
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { std::alloc::dealloc(self.memory, self.layout) }
    }
}

impl Pages for Arena {
    fn more(&self, bytes: usize) -> Option<(usize, usize)> {
        let (used, bytes) = (self.used.get(), bytes.next_multiple_of(65_536));
        if used + bytes > self.layout.size() {
            return None;
        }
        self.used.set(used + bytes);
        Some((self.memory.expose_provenance() + used, bytes))
    }
}

#[test]
fn sizes_rise_by_a_quarter_at_most() {
    let mut before = (0, 16);
    for bytes in 1..100_000 {
        let (class, size) = class_of(bytes).expect("a size");
        assert!(size >= bytes && size.is_multiple_of(GRAIN), "{bytes}: {size}");
        assert!(size <= 128 || size - bytes < size / 4, "{bytes}: {size}");
        assert!(
            (class, size) == before || (class == before.0 + 1 && size > before.1),
            "{bytes}: {class}"
        );
        before = (class, size);
    }
    assert_eq!(class_of(0), Some((0, 16)));
    assert!(class_of(usize::MAX).is_none());
}

/// A block with the byte that fills it.
struct Block {
    address: *mut u8,
    layout: Layout,
    fill: u8,
}

impl Block {
    fn check(&self) {
        assert!(self.address.addr().is_multiple_of(self.layout.align()));
        // SAFETY: a block in use, filled when it was made.
        let bytes = unsafe { core::slice::from_raw_parts(self.address, self.layout.size()) };
        assert!(
            bytes.iter().all(|byte| *byte == self.fill),
            "a block was written by another"
        );
    }
}

#[test]
fn blocks_do_not_overlap_whatever_comes() {
    let allocator = Allocator::new(Arena::new(64 << 20));
    let mut random = 12_345_u64;
    let mut next = |below: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    let mut blocks: Vec<Block> = Vec::new();
    for round in 0..20_000 {
        let most = if next(20) == 0 { 100_000 } else { 300 };
        let bytes = 1 + next(most);
        let fill = round as u8;
        // SAFETY: blocks are used as the contract of GlobalAlloc says.
        unsafe {
            match next(3) {
                0 if blocks.len() < 500 => {
                    let layout = Layout::from_size_align(bytes, 1 << next(8)).expect("a layout");
                    let address = allocator.alloc(layout);
                    assert!(!address.is_null());
                    address.write_bytes(fill, bytes);
                    blocks.push(Block { address, layout, fill });
                }
                1 if !blocks.is_empty() => {
                    let block = blocks.swap_remove(next(blocks.len()));
                    block.check();
                    allocator.dealloc(block.address, block.layout);
                }
                2 if !blocks.is_empty() => {
                    let at = next(blocks.len());
                    let block = &mut blocks[at];
                    block.check();
                    if block.layout.align() <= GRAIN {
                        let kept = block.layout.size().min(bytes);
                        block.address = allocator.realloc(block.address, block.layout, bytes);
                        assert!(!block.address.is_null());
                        let moved = core::slice::from_raw_parts(block.address, kept);
                        assert!(moved.iter().all(|byte| *byte == block.fill), "realloc lost bytes");
                        block.layout = Layout::from_size_align(bytes, block.layout.align()).expect("a layout");
                        block.address.write_bytes(fill, bytes);
                        block.fill = fill;
                    }
                }
                _ => {}
            }
        }
    }
    blocks.iter().for_each(Block::check);
}

#[test]
fn what_is_freed_is_used_again() {
    let allocator = Allocator::new(Arena::new(1 << 20));
    let layout = Layout::from_size_align(100, 8).expect("a layout");
    // SAFETY: blocks are used as the contract of GlobalAlloc says.
    unsafe {
        for _ in 0..100_000 {
            let (a, b) = (allocator.alloc(layout), allocator.alloc(layout));
            assert!(!a.is_null() && !b.is_null() && a != b);
            allocator.dealloc(a, layout);
            allocator.dealloc(b, layout);
        }
    }
    assert_eq!(allocator.pages.used.get(), 65_536);
}

#[test]
fn a_growing_buffer_grows_where_it_is() {
    let allocator = Allocator::new(Arena::new(1 << 20));
    let mut bytes = 64;
    // SAFETY: blocks are used as the contract of GlobalAlloc says.
    unsafe {
        let start = allocator.alloc(Layout::from_size_align(bytes, 1).expect("a layout"));
        let mut address = start;
        while bytes < 1 << 19 {
            address = allocator.realloc(address, Layout::from_size_align(bytes, 1).expect("a layout"), bytes * 2);
            bytes *= 2;
        }
        assert_eq!(address, start);
    }
}

#[test]
fn at_the_end_of_memory_larger_blocks_serve_and_then_null() {
    let allocator = Allocator::new(Arena::new(1 << 18));
    let large = Layout::from_size_align(100_000, 8).expect("a layout");
    let small = Layout::from_size_align(1_000, 8).expect("a layout");
    // SAFETY: blocks are used as the contract of GlobalAlloc says.
    unsafe {
        let (a, b) = (allocator.alloc(large), allocator.alloc(large));
        assert!(!a.is_null() && !b.is_null() && allocator.alloc(large).is_null());
        let mut count = 0;
        while !allocator.alloc(small).is_null() {
            count += 1;
        }
        assert!(count > 0);
        allocator.dealloc(a, large);
        assert_eq!(allocator.alloc(small), a);
        assert!(allocator.alloc(small).is_null());
        assert!(
            allocator
                .alloc(Layout::from_size_align(usize::MAX / 2 - 16, 8).expect("a layout"))
                .is_null()
        );
    }
}
