//! Loading compiled code from the cache.

use std::time::Instant;

use anyhow::Result;
use leno_sandbox::{Cache, CacheKey, Engine, EngineConfig, Grant};

use crate::{
    bare,
    pieces::text,
    table::{Budget, Table},
};

pub(crate) async fn measure(table: &mut Table) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let cache = Cache::open(directory.path().join("compiled"), CacheKey::new([7; 32]))?;
    let engine = Engine::new(EngineConfig { cache: Some(cache.clone()), ..EngineConfig::default() })?;
    let bytes = std::sync::Arc::<[u8]>::from(text()?);
    engine.load(bytes.clone(), |_| Grant::default()).await?;
    let mut size = 0;
    for entry in std::fs::read_dir(cache.directory())? {
        size += entry?.metadata()?.len();
    }
    let mut times = Vec::new();
    for _ in 0..50 {
        let begun = Instant::now();
        drop(engine.load(bytes.clone(), |_| Grant::default()).await?);
        times.push(begun.elapsed());
    }
    let median = bare::percentile(&mut times, 50);
    let megabytes = size as f64 / 1e6;
    let per_megabyte = median.as_secs_f64() * 1e3 / megabytes;
    table.row(
        "load of a cached component, `describe` included",
        format!("{median:.2?} for {megabytes:.2} MB of compiled code"),
        "5 ms per MB",
        Some(per_megabyte / 5.0),
        Budget::AtMost(1.0),
    );
    Ok(())
}
