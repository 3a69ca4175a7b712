//! A piece that looks for what another call left in its memory, its globals and its tables, and leaves traces everywhere.

use super::core;

/// The output of a call that found nothing but what its component says; a call that found something traps.
pub const CLEAN: &str = super::OK;

/// Pages by which each call grows its memory, before it looks: beyond what a host keeps resident.
const PAGES: u32 = 40;
/// Elements of its table at the start, and by which each call grows it.
const ELEMENTS: u32 = 3_000;
const GROWTH: u32 = 4_000;

/// The piece. Everything from its heap upwards must be zero when a call begins, but for the call's own arguments.
#[must_use]
pub fn residue(name: &str) -> Vec<u8> {
    core(name)
        .item(&format!("(table $table {ELEMENTS} 100000 funcref)"))
        .item("(global $calls (mut i32) (i32.const 0))")
        .item("(func $trace) (elem declare func $trace)")
        .run(format!(
            "(local $at i32) (local $end i32)
            (if (global.get $calls) (then unreachable))
            (global.set $calls (i32.const 1))
            ;; The room for answers, which belongs to the component's own data.
            (if (i64.ne (i64.load (i32.const 256)) (i64.const 0)) (then unreachable))
            (i64.store (i32.const 256) (i64.const -1))

            (if (i32.eq (i32.const -1) (memory.grow (i32.const {PAGES}))) (then unreachable))
            (local.set $end (i32.mul (memory.size) (i32.const 65536)))
            (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
            (loop $search
              (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
              (i64.store (local.get $at) (i64.const 0x5ec2e75ec2e75ec2))
              (local.set $at (i32.add (local.get $at) (i32.const 8)))
              (br_if $search (i32.lt_u (local.get $at) (local.get $end))))

            (if (i32.eq (i32.const -1) (table.grow $table (ref.null func) (i32.const {GROWTH}))) (then unreachable))
            (local.set $at (i32.const 0))
            (loop $search
              (if (i32.eqz (ref.is_null (table.get $table (local.get $at)))) (then unreachable))
              (table.set $table (local.get $at) (ref.func $trace))
              (local.set $at (i32.add (local.get $at) (i32.const 1)))
              (br_if $search (i32.lt_u (local.get $at) (table.size $table))))
            (i32.const 64)"
        ))
        .component()
}
