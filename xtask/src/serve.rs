//! `cargo xtask serve`.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::build::{self, root};

/// The address and port of the development server.
const LISTEN: &str = "127.0.0.1:4747";

pub(crate) fn serve(release: bool, args: &[String]) -> Result<()> {
    let pieces = build::pieces()?;
    let leno = build::host(release)?;
    let data = root().join("leno-data");
    let settings = |command: &mut Command| {
        // The request printed below lets piece `http` call this server, because no other is known to run.
        command.arg("--config").arg(root().join("xtask/serve.toml")).arg("--data-dir").arg(&data);
    };

    let mut serve = Command::new(&leno);
    serve.current_dir(root()).arg("serve").args(["--listen", LISTEN]).arg("--pieces-dir").arg(pieces);
    settings(&mut serve);
    let mut server = serve.args(args).stdout(Stdio::piped()).spawn().context("starting leno serve")?;
    let mut lines = BufReader::new(server.stdout.take().context("leno serve has no output")?).lines();
    let Some(first) = lines.next().transpose()? else {
        bail!("leno serve ended before it listened on {LISTEN} ({})", server.wait()?);
    };
    let address = first.strip_prefix("listening on ").unwrap_or(&first).to_owned();

    let mut token = Command::new(&leno);
    token.current_dir(root()).arg("token");
    settings(&mut token);
    let token = token.stderr(Stdio::inherit()).output().context("running leno token")?;
    let token = String::from_utf8(token.stdout)?;
    let token = token.trim();

    println!(
        "\nLeno is listening on {address} (API: {address}/docs)\n\n\
         A token for development:\n\n  {token}\n\n\
         Run an action - piece `http` sends a real request, to this server's own /healthz:\n\n  \
         curl -sS {address}/api/pieces/http/actions/send_request/run \\\n    \
         -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\\n    \
         -d '{{\"input\": {{\"method\": \"GET\", \"url\": \"{address}/healthz\"}}}}'\n\n\
         Ctrl-C stops the server.\n"
    );
    for line in lines {
        println!("{}", line?);
    }
    let status = server.wait()?;
    if !status.success() {
        bail!("leno serve ended ({status})");
    }
    Ok(())
}
