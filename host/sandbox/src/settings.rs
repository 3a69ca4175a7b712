//! The configuration of wasmtime, and the sizes of its pool.

use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

/// The largest memory that a slot of the pool can hold.
pub(crate) const MAX_MEMORY: u64 = 128 << 20;
/// The most elements that a table slot of the pool can hold.
pub(crate) const MAX_TABLE: usize = 120_000;
/// Memories of one component: a guest and an adapter or two.
pub(crate) const MAX_MEMORIES: u32 = 4;
/// Tables of one component.
pub(crate) const MAX_TABLES: u32 = 16;
/// Core instances of one component: a guest, adapters and the shims that `wit-component` makes for them.
pub(crate) const MAX_CORE_INSTANCES: u32 = 32;
/// Host memory for the bookkeeping of one instance.
const MAX_INSTANCE_SIZE: usize = 4 << 20;
/// Bytes of a call's stack that are zeroed in place for the next call, not given back to the system. A small call stays
/// within them. For 128 calls that is 4 MiB.
const STACK_KEPT: usize = 32 << 10;
/// The lowest bytes of a memory that are written over for the next call, with the guest's initial data or zeros, and not given
/// back to the system. A guest whose memory lies within them causes neither page faults nor `madvise`; each call of a larger
/// one pays for the copy. For 128 calls with one memory each that is 32 MiB.
const MEMORY_KEPT: usize = 384 << 10;
/// Bytes of a table that are zeroed in place: 2,048 elements. For 128 calls with [`MAX_TABLES`] each that is 32 MiB at
/// most; a table keeps no more than its own size.
const TABLE_KEPT: usize = 16 << 10;

/// The settings that decide what compiled code looks like: the same wherever code is compiled or run.
fn settings() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // Not needed by pieces, and each is attack surface. (Threads are not even compiled in.)
        .wasm_memory64(false)
        .concurrency_support(false)
        // Small slots instead of 4 GiB each: bounds checks become explicit, with the Spectre mask.
        .memory_reservation(MAX_MEMORY)
        .memory_guard_size(64 << 10)
        .async_stack_zeroing(true);
    config
}

/// The engine of the process that only compiles: no pool.
pub(crate) fn compiling() -> wasmtime::Result<wasmtime::Engine> {
    wasmtime::Engine::new(&settings())
}

/// The engine that runs calls, with a pool that has room for `max_calls` at once.
pub(crate) fn running(max_calls: usize) -> wasmtime::Result<wasmtime::Engine> {
    let calls = u32::try_from(max_calls).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_stacks(calls)
        // Room for every call to be of the largest component there may be: one piece cannot take another's share. This is
        // address space only.
        .total_memories(calls.saturating_mul(MAX_MEMORIES))
        .total_tables(calls.saturating_mul(MAX_TABLES))
        .total_core_instances(calls.saturating_mul(MAX_CORE_INSTANCES))
        .max_memories_per_module(MAX_MEMORIES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_module(MAX_TABLES)
        .max_tables_per_component(MAX_TABLES)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_component_instance_size(MAX_INSTANCE_SIZE)
        .max_core_instance_size(MAX_INSTANCE_SIZE)
        .max_memory_size(usize::try_from(MAX_MEMORY).unwrap_or(usize::MAX))
        .table_elements(MAX_TABLE)
        .max_unused_warm_slots(calls);
    keep_resident(&mut pool);
    let mut config = settings();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    wasmtime::Engine::new(&config)
}

/// What of a slot stays in memory between two calls. Public for the benchmarks, which tune their baseline alike.
#[doc(hidden)]
pub fn keep_resident(pool: &mut PoolingAllocationConfig) {
    pool
        // Giving pages back after each call interrupts the other cores (they may have the mapping cached) and costs a page
        // fault when the next call takes the slot: about a fifth of a small call's time, and more with every core busy.
        // wasmtime writes zeros over all of the bytes kept and gives the rest back, before a slot is free again: nothing
        // of a call is left for the next (wasmtime 48, `StackPool::zero_stack`, `TablePool::reset_table_pages_to_zero`,
        // `MemoryImageSlot::reset_with_original_mapping`).
        .async_stack_keep_resident(STACK_KEPT)
        .linear_memory_keep_resident(MEMORY_KEPT)
        .table_keep_resident(TABLE_KEPT);
    // Left at their defaults on purpose:
    // - `pagemap_scan` finds the pages to overwrite, but only those present: one that was swapped out is neither reset nor
    //   given back, and the next call would read it (bytecodealliance/wasmtime#14357).
    // - `decommit_batch_size` leaves the memories of ended calls, each as large as its piece made it, until enough have
    //   come together; on an idle host that may be never.
}
