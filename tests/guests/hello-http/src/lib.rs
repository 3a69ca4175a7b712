//! Says hello over `wasi:http/proxy`. Not a piece: the bench runs it in `wasmtime serve`, beside the run endpoint.

use wasip2::{
    exports::http::incoming_handler::Guest,
    http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam},
};

const HELLO: &str = "hello";

struct Hello;

wasip2::http::proxy::export!(Hello);

impl Guest for Hello {
    fn handle(_: IncomingRequest, answer: ResponseOutparam) {
        let fields = Fields::new();
        // Without a length the response is sent in chunks, which the load does not read.
        fields.set("content-length", &[HELLO.len().to_string().into_bytes()]).expect("a plain header");
        let response = OutgoingResponse::new(fields);
        let body = response.body().expect("the first body");
        ResponseOutparam::set(answer, Ok(response));
        let out = body.write().expect("the first stream");
        out.blocking_write_and_flush(HELLO.as_bytes()).expect("the server reads");
        drop(out);
        OutgoingBody::finish(body, None).expect("as long as it said");
    }
}
