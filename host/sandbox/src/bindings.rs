//! The host side of `wit/`, generated.
//!
//! `privileged-piece` includes all of `piece`; which imports are linked is decided in [`linker`](crate::linker).
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::restriction)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "leno:piece/privileged-piece",
    imports: {
        "leno:piece/connection": async | trappable,
        "leno:piece/secrets": async | trappable,
        "leno:piece/http": async | trappable,
        "leno:piece/store": async | trappable,
        "leno:piece/trigger-setup": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});

pub use leno::piece::{connection, context, http, log, secrets, store, trigger_setup, types};
