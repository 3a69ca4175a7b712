//! Generated from `wit/piece.wit`.
#![allow(missing_docs, unsafe_code, unreachable_pub, rust_2018_idioms, clippy::all, clippy::indexing_slicing)]

wit_bindgen::generate!({
    path: "../wit/piece.wit",
    world: "privileged-piece",
    pub_export_macro: true,
    default_bindings_module: "leno_sdk::bindings",
});
