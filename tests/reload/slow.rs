//! Clients that start a request and do not go on.

use std::time::{Duration, Instant};

use leno_testkit::neighbour::{self, Neighbour};
use leno_testkit::{Options, Server, Stage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CLIENTS: usize = 200;
/// How long the host may put up with them: 30 s for a head, 20 s for the next part of a body.
const PATIENCE: Duration = Duration::from_secs(35);
/// The longest that another caller's call may take meanwhile.
const SLOWEST: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_stall_stop_nobody_and_are_hung_up_on() -> anyhow::Result<()> {
    let _stage = Stage::take().await?;
    let server = Server::start(Options::new().piece(neighbour::NAME, neighbour::component())).await?;
    let client = server.client();
    let neighbour = Neighbour::arrive(client.clone()).await?;
    let path = format!("/api/pieces/{}/actions/run/run", neighbour::NAME);
    let authorization = format!("authorization: Bearer {}\r\n", client.token());
    let before = server.figures()?;
    let began = Instant::now();
    let mut stalled = Vec::new();
    for index in 0..CLIENTS {
        let begun = match index % 4 {
            0 => String::new(),
            1 => format!("POST {path} HTTP/1.1\r\nhost: leno\r\nx-half: "),
            // An unfinished body, of a known caller and of an unknown one.
            2 => format!(
                "POST {path} HTTP/1.1\r\nhost: leno\r\n{authorization}content-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"input\":"
            ),
            _ => format!(
                "POST {path} HTTP/1.1\r\nhost: leno\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"input\":"
            ),
        };
        let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).await?;
        stream.write_all(begun.as_bytes()).await?;
        stalled.push(tokio::spawn(async move {
            let mut answer = Vec::new();
            // With a reason or cut off: the connection ends.
            let _ = stream.read_to_end(&mut answer).await;
            (index % 4, began.elapsed(), answer)
        }));
    }
    let mut latest = [Duration::ZERO; 4];
    for client in stalled {
        let left = PATIENCE.saturating_sub(began.elapsed());
        let (kind, hung_up, answer) = tokio::time::timeout(left, client).await??;
        latest[kind] = latest[kind].max(hung_up);
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    let grown = server.figures()?.peak.saturating_sub(before.resident) >> 20;
    let files = server.figures()?.files;
    assert!(files <= before.files + 8, "{} open files before, {files} after", before.files);
    let calls = neighbour.leave().await?;
    println!(
        "  {CLIENTS} stalled clients were hung up on after {:.0?} (no head), {:.0?} (half a head), {:.0?} (half a body), {:.0?} \
         (half a body of a stranger); memory +{grown} MiB; {} calls of others: {:.1?} at the median, {:.1?} at 99 %, {:.1?} at most",
        latest[0],
        latest[1],
        latest[2],
        latest[3],
        calls.count,
        calls.within(0.5),
        calls.within(0.99),
        calls.within(1.0),
    );
    assert_eq!(calls.failures, [""; 0]);
    assert!(calls.within(1.0) < SLOWEST, "{:?}", calls.within(1.0));
    Ok(())
}
