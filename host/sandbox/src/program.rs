//! A component that can be entered, and one entry into it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use leno_base::micros;
use tokio_util::sync::CancellationToken;
use wasmtime::{
    Store, Trap, UpdateDeadline,
    component::{InstancePre, ResourceTable},
};
use wasmtime_wasi::I32Exit;

use crate::{
    CallOptions, Engine, Entry, Failure, Held, Limits, Output, Report, Usage,
    bindings::{
        exports::leno::piece::{actions, authentication, metadata, properties, triggers},
        types,
    },
    host::reported,
    logs::Logs,
    mask::Mask,
    meter::{CpuMeter, Metered},
    state::{CallState, Denied, MemoryAccount, Reach, Unusable},
    stderr::Stderr,
    value,
};

/// What it takes to enter a component, whether its piece is known already or not.
pub(crate) struct Program {
    pub(crate) engine: Engine,
    pub(crate) linked: InstancePre<CallState>,
    pub(crate) exports: Exports,
    pub(crate) limits: Arc<Limits>,
    pub(crate) cancel: CancellationToken,
}

/// Where a component has its exports: found once, so that a call looks up only the interface that it enters.
pub(crate) struct Exports {
    metadata: metadata::GuestIndices,
    actions: actions::GuestIndices,
    properties: properties::GuestIndices,
    authentication: authentication::GuestIndices,
    triggers: triggers::GuestIndices,
}

impl Exports {
    /// The exports of a component.
    ///
    /// # Errors
    /// One is missing.
    pub(crate) fn of(linked: &InstancePre<CallState>) -> wasmtime::Result<Self> {
        Ok(Self {
            metadata: metadata::GuestIndices::new(linked)?,
            actions: actions::GuestIndices::new(linked)?,
            properties: properties::GuestIndices::new(linked)?,
            authentication: authentication::GuestIndices::new(linked)?,
            triggers: triggers::GuestIndices::new(linked)?,
        })
    }
}

impl Program {
    /// The wall time of a call with `options`, which lower the limit but never raise it.
    pub(crate) fn wall(&self, options: CallOptions) -> Duration {
        options.wall.map_or(self.limits.wall, |wall| wall.min(self.limits.wall))
    }
}

/// Runs an entry; the caller holds the permits. The call's wall time counts from `begun`.
pub(crate) async fn run(
    program: &Program,
    entry: &Entry<'_>,
    reach: Option<Reach>,
    options: CallOptions,
    begun: Instant,
) -> Report {
    let limits = &program.limits;
    let wall = program.wall(options);
    let deadline = begun + wall;
    let meter = Arc::new(CpuMeter::new());
    let mut store = store(program, limits, reach, options.trace, deadline, &meter);

    let entered = Metered::new(Box::pin(enter(program, &mut store, entry)), meter.clone());
    let ended = tokio::select! {
        biased;
        ended = tokio::time::timeout_at(deadline.into(), entered) => ended.map_err(|_| Failure::Timeout { limit: wall }),
        () = program.cancel.cancelled() => Err(Failure::Cancelled),
    };
    let mut state = store.into_data();
    let result = match ended {
        Ok(Ok(answer)) => settle(answer, program, &mut state).await,
        Ok(Err(error)) => Err(classify(&error, &state, program, meter.total())),
        Err(failure) => Err(failure),
    };
    let usage = Usage {
        cpu_micros: micros(meter.total()),
        wall_micros: micros(begun.elapsed()),
        memory_bytes: state.memory.peak(),
        ..state.usage
    };
    let usage = state.reach.as_ref().map_or(usage, |reach| usage.with_traffic(&reach.meter));
    let (logs, logs_dropped) = state.logs.finish();
    let host_calls = state.trace.unwrap_or_default();
    Report { result, logs, logs_dropped, usage, host_calls, held: Held::new(state.held) }
}

fn store(
    program: &Program,
    limits: &Arc<Limits>,
    reach: Option<Reach>,
    trace: bool,
    deadline: Instant,
    meter: &Arc<CpuMeter>,
) -> Store<CallState> {
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.handles);
    let tenant = reach.as_ref().and_then(|reach| reach.capabilities.tenant.clone());
    let engine = &program.engine.0;
    let share = engine.memory.none(tenant.clone());
    let state = CallState {
        wasi: None,
        table,
        stderr: Stderr::default(),
        memory: MemoryAccount::new(limits, share),
        limits: limits.clone(),
        reach,
        mask: Arc::new(Mask::default()),
        logs: Logs::default(),
        held: engine.outputs.none(tenant),
        usage: Usage::default(),
        store_operations: 0,
        denials: 0,
        may_be_denied: engine.denials.clone(),
        trace: trace.then(Vec::new),
        deadline,
    };
    let mut store = Store::new(&program.engine.0.wasmtime, state);
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(limits.transfer);
    store.set_max_component_handles(limits.handles);
    store.set_epoch_deadline(1);
    let (meter, cpu) = (meter.clone(), limits.cpu);
    store.epoch_deadline_callback(move |_| {
        Ok(if meter.tick() >= cpu {
            UpdateDeadline::Interrupt
        } else {
            // tokio's yield goes to the end of the queue; wasmtime's own wakes itself and can starve its neighbours.
            UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))
        })
    });
    store
}

/// What an export returned, in the bindings' types.
enum Answer {
    Json(String),
    Events(Vec<String>),
    Nothing,
}

type Entered = Result<Answer, types::Error>;

async fn enter(program: &Program, store: &mut Store<CallState>, entry: &Entry<'_>) -> wasmtime::Result<Entered> {
    let instance = program.linked.instantiate_async(&mut *store).await?;
    let exports = &program.exports;
    let actions = |store: &mut _| exports.actions.load(store, &instance);
    let properties = |store: &mut _| exports.properties.load(store, &instance);
    let authentication = |store: &mut _| exports.authentication.load(store, &instance);
    let triggers = |store: &mut _| exports.triggers.load(store, &instance);
    let json = |result: Result<String, types::Error>| result.map(Answer::Json);
    let events = |result: Result<Vec<String>, types::Error>| result.map(Answer::Events);
    let nothing = |result: Result<(), types::Error>| result.map(|()| Answer::Nothing);
    Ok(match *entry {
        Entry::Describe => {
            // The first entry into a component: all that it exports must have the right types.
            actions(store)?;
            properties(store)?;
            authentication(store)?;
            triggers(store)?;
            let metadata = exports.metadata.load(&mut *store, &instance)?;
            Ok(Answer::Json(metadata.call_describe(store).await?))
        }
        Entry::Run { action, props } => json(actions(store)?.call_run(store, action, props).await?),
        Entry::Resolve { owner, property, props, search } => {
            json(properties(store)?.call_resolve(store, owner, property, props, search).await?)
        }
        Entry::Validate => nothing(authentication(store)?.call_validate(store).await?),
        Entry::Enable { trigger, props } => nothing(triggers(store)?.call_enable(store, trigger, props).await?),
        Entry::Disable { trigger, props } => nothing(triggers(store)?.call_disable(store, trigger, props).await?),
        Entry::Trigger { trigger, props, event } => {
            events(triggers(store)?.call_run(store, trigger, props, event).await?)
        }
        Entry::Test { trigger, props } => events(triggers(store)?.call_test(store, trigger, props).await?),
        Entry::Handshake { trigger, props, request } => {
            json(triggers(store)?.call_handshake(store, trigger, props, request).await?)
        }
        Entry::Renew { trigger, props } => nothing(triggers(store)?.call_renew(store, trigger, props).await?),
    })
}

/// Checks a result: its size, its form, that it holds no secret of the call, and that the host has room for it until it is
/// written.
async fn settle(answer: Entered, program: &Program, state: &mut CallState) -> Result<Output, Failure> {
    let limit = program.limits.output;
    let fits = |size: usize| if size > limit { Err(Failure::OutputTooLarge { limit }) } else { Ok(()) };
    let invalid = |reason: String| Failure::InvalidOutput { reason };
    let text = match answer {
        Ok(Answer::Json(text)) => text,
        Ok(Answer::Events(events)) => {
            fits(events.iter().map(String::len).sum())?;
            for (index, event) in events.iter().enumerate() {
                serde_json::from_str::<serde::de::IgnoredAny>(event)
                    .map_err(|error| invalid(format!("event {index}: {error}")))?;
            }
            format!("[{}]", events.join(","))
        }
        Ok(Answer::Nothing) => "null".to_owned(),
        Err(error) => {
            let error = reported(error, &state.mask, &program.engine.0.details);
            let details = error.details.as_ref().map_or(0, |details| details.as_str().len());
            hold(state, error.message.len() + details)?;
            return Err(Failure::Piece(error));
        }
    };
    fits(text.len())?;
    hold(state, text.len())?;
    let output = value::parse(text).map_err(invalid)?;
    let masked = state.mask.read(output.get().len(), move |mask| mask.raw(output)).await;
    let output =
        masked.map_err(|error| Failure::Host(error.to_string()))?.map_err(|error| invalid(error.to_string()))?;
    fits(output.get().len())?;
    Ok(Output(output))
}

/// Takes room for what leaves the call.
fn hold(state: &mut CallState, bytes: usize) -> Result<(), Failure> {
    let full = |exhausted| Failure::Overloaded { what: "this host".into(), exhausted };
    state.held.grow(bytes as u64).map_err(full)
}

/// Determines why a call ended without a result.
fn classify(error: &wasmtime::Error, state: &CallState, program: &Program, cpu: Duration) -> Failure {
    let limits = &program.limits;
    if let Some(Unusable(error)) = error.downcast_ref() {
        return Failure::Piece(error.clone());
    }
    if let Some(Denied(exhausted)) = error.downcast_ref() {
        return Failure::TooManyDenials(exhausted.clone());
    }
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::Interrupt) || cpu >= limits.cpu {
        return Failure::CpuLimit { limit: limits.cpu };
    }
    if let Some(exhausted) = &state.memory.crowded {
        return Failure::Overloaded { what: "this host".into(), exhausted: exhausted.clone() };
    }
    if let Some(wanted) = state.memory.refused {
        return Failure::MemoryLimit { limit: limits.memory, wanted };
    }
    let text = format!("{:#}", error.root_cause());
    if text.contains("fuel allocated for hostcalls") {
        // wasmtime's type for it is private. Guest frames mean that a host call was on the stack; without them the
        // result was being lifted.
        return match error.downcast_ref::<wasmtime::WasmBacktrace>().is_some_and(|trace| !trace.frames().is_empty()) {
            true => Failure::HostCallTooLarge { limit: limits.transfer },
            false => Failure::OutputTooLarge { limit: limits.output },
        };
    }
    if text.contains("maximum concurrent") {
        return program.engine.0.gate.overloaded();
    }
    let trap = match (trap, error.downcast_ref::<I32Exit>()) {
        (Some(trap), _) => trap.to_string(),
        (None, Some(exit)) => format!("it called exit({})", exit.0),
        (None, None) => text,
    };
    let clean = |text: &str| state.mask.line(text, 4096);
    Failure::GuestTrap { trap: clean(&trap), panic: state.stderr.last_words().map(|words| clean(&words)) }
}
