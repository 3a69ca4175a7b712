//! The process is killed in the middle of its work, and started again on what it left behind.

use std::time::Duration;

use leno_testkit::craft::versioned::versioned;
use leno_testkit::craft::{digest, well_behaved};
use leno_testkit::{Client, Grant, Options, Run, Server, Stage, Upstream};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// Sends the head of an upload and half of its body, and leaves the connection open.
async fn half_an_upload(server: &Server, client: &Client, bytes: &[u8]) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).await?;
    let head = format!(
        "POST /api/admin/pieces HTTP/1.1\r\nhost: leno\r\nauthorization: Bearer {}\r\ncontent-type: application/wasm\r\n\
         content-length: {}\r\n\r\n",
        client.token(),
        bytes.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&bytes[..bytes.len() / 2]).await?;
    Ok(stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_the_same_pieces_are_served_and_no_half_of_one() -> anyhow::Result<()> {
    let _stage = Stage::take().await?;
    let upstream = Upstream::start().await?;
    let held = versioned("held", "1.0.0", "marker-1").gated(&upstream.url("/hold")).component();
    let options = Options::new()
        .piece("held", held.clone())
        .piece("plain", well_behaved("plain"))
        .grant("held", Grant::private([upstream.address]));
    let mut server = Server::start(options).await?;
    let mut uploaded = 0;
    for round in 0..8_u32 {
        let client = server.client();
        let calls: Vec<_> = (0..4)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move { client.run(&Run::new("held", "hold")).await })
            })
            .collect();
        upstream.holds(calls.len(), Duration::from_secs(10)).await?;
        let component = versioned(&format!("late-{round}"), "1.0.0", "marker-2").padded(8 << 20).component();
        let stream = half_an_upload(&server, &client, &component).await?;
        let upload = tokio::spawn({
            let client = client.clone();
            async move { client.upload(component).await }
        });
        // From before its last byte is sent to after it is served, over the rounds.
        tokio::time::sleep(Duration::from_millis(60) * round).await;
        server = server.crash().await?;
        drop(stream);
        for call in calls {
            assert!(call.await?.is_err(), "a call outlived its host");
        }
        let promised = upload.await?.is_ok_and(|answer| answer.status == 201);

        let client = server.client();
        let files = client.files().await?;
        let bad: Vec<_> = files.iter().filter(|file| file.status != "active").collect();
        assert!(bad.is_empty(), "{bad:?}");
        let late = files.iter().find(|file| file.name == Some(format!("late-{round}")));
        assert!(late.is_some() || !promised, "an upload was acknowledged and lost");
        if late.is_some() {
            uploaded += 1;
            let run = Run::new(&format!("late-{round}"), "run");
            assert_eq!(client.run(&run).await?.output()["code"], "marker-2");
        }
        assert_eq!(files.len(), 2 + uploaded, "{files:?}");
        let answer = client.run(&Run::new("held", "run")).await?;
        assert_eq!((&answer.output()["code"], &answer.body["digest"]), (&"marker-1".into(), &digest(&held).into()));
        assert_eq!(client.run(&Run::new("plain", "run")).await?.output()["ok"], true);
        println!(
            "  round {round}: listens again after {:.0?}; the upload was {}acknowledged and is {}served",
            server.started,
            if promised { "" } else { "not " },
            if late.is_some() { "" } else { "not " },
        );
    }
    Ok(())
}
