//! Memory that the host asks for, to lay arguments and results in.

use std::alloc::{Layout, alloc, dealloc};

fn layout(bytes: usize, align: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.max(1), align).ok()
}

/// `ww_alloc`: the address of new memory, 0 when there is none.
pub fn host_alloc(bytes: usize, align: usize) -> usize {
    match layout(bytes, align) {
        // SAFETY: the layout has a size.
        Some(layout) => unsafe { alloc(layout) }.expose_provenance(),
        None => 0,
    }
}

/// `ww_free`: gives memory back.
///
/// # Safety
/// It comes from [`host_alloc`] with the same numbers.
pub unsafe fn host_free(address: usize, bytes: usize, align: usize) {
    if let Some(layout) = layout(bytes, align)
        && address != 0
    {
        // SAFETY: as the caller promises.
        unsafe { dealloc(core::ptr::with_exposed_provenance_mut(address), layout) }
    }
}
