use crate::{
    Level,
    bindings::log::{self, Host},
    state::CallState,
};

impl Host for CallState {
    fn emit(&mut self, level: log::Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        self.begin();
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        let kept = self.logs.push(&self.limits, level, &message, &fields, &self.mask, &mut self.held);
        if let (Some(line), Some(sink)) = (
            kept,
            self.reach.as_ref().map(|reach| &reach.capabilities).and_then(|capabilities| capabilities.log.as_deref()),
        ) {
            sink.emit(line);
        }
        Ok(())
    }
}
