//! What a component may import. What is not here is not linked, so a component that needs it does not load.

use wasmtime::{
    Engine,
    component::{HasData, HasSelf, Linker},
};
use wasmtime_wasi::{WasiView as _, cli::WasiCliView as _, clocks::WasiClocksView as _};

use crate::{bindings, state::CallState};

/// The version of the `leno:piece` package that this host implements.
pub(crate) const LENO: &str = "0.1.0";
/// The WASI version that this host implements; older 0.2 components link to it.
pub(crate) const WASI: &str = "0.2.12";

/// The one interface that takes a grant.
pub(crate) const SECRETS: &str = "leno:piece/secrets";

/// The interfaces that this host offers, each with its version; `secrets` takes a grant.
///
/// The WASI leaves are those that the standard libraries of Rust, and of JavaScript by componentize-js, import. No
/// sockets, no file system, no `wasi:http`: `leno:piece/http` is the only way out.
#[must_use]
pub fn offered() -> &'static [(&'static str, &'static str)] {
    &[
        ("leno:piece/types", LENO),
        ("leno:piece/context", LENO),
        ("leno:piece/log", LENO),
        ("leno:piece/connection", LENO),
        ("leno:piece/http", LENO),
        ("leno:piece/store", LENO),
        ("leno:piece/trigger-setup", LENO),
        (SECRETS, LENO),
        ("wasi:io/error", WASI),
        ("wasi:io/poll", WASI),
        ("wasi:io/streams", WASI),
        ("wasi:clocks/wall-clock", WASI),
        ("wasi:clocks/monotonic-clock", WASI),
        ("wasi:random/random", WASI),
        ("wasi:random/insecure", WASI),
        ("wasi:random/insecure-seed", WASI),
        ("wasi:cli/environment", WASI),
        ("wasi:cli/exit", WASI),
        ("wasi:cli/stdin", WASI),
        ("wasi:cli/stdout", WASI),
        ("wasi:cli/stderr", WASI),
        ("wasi:cli/terminal-input", WASI),
        ("wasi:cli/terminal-output", WASI),
        ("wasi:cli/terminal-stdin", WASI),
        ("wasi:cli/terminal-stdout", WASI),
        ("wasi:cli/terminal-stderr", WASI),
    ]
}

struct HasIo;

impl HasData for HasIo {
    type Data<'a> = &'a mut wasmtime::component::ResourceTable;
}

/// The linker of an ordinary piece: everything in [`offered`] but `secrets`.
pub(crate) fn base(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    wasi(&mut linker)?;
    let l = &mut linker;
    bindings::types::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    bindings::context::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    bindings::log::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    bindings::connection::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    bindings::http::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    bindings::store::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    bindings::trigger_setup::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    Ok(linker)
}

/// [`base`] and `secrets`: for a piece with the grant.
pub(crate) fn privileged(base: &Linker<CallState>) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = base.clone();
    bindings::secrets::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    Ok(linker)
}

fn wasi(l: &mut Linker<CallState>) -> wasmtime::Result<()> {
    use wasmtime_wasi::{
        cli::WasiCli,
        clocks::WasiClocks,
        p2::bindings::{cli, clocks, random},
        random::WasiRandom,
    };
    use wasmtime_wasi_io::bindings::wasi::io;

    io::error::add_to_linker::<_, HasIo>(l, |state| &mut state.table)?;
    io::poll::add_to_linker::<_, HasIo>(l, |state| &mut state.table)?;
    io::streams::add_to_linker::<_, HasIo>(l, |state| &mut state.table)?;
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, CallState::clocks)?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, CallState::clocks)?;
    random::random::add_to_linker::<_, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    random::insecure::add_to_linker::<_, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    cli::environment::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    Ok(())
}
