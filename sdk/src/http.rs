//! HTTP requests. The host sends them: it checks the destination and adds the connection's credentials.
//!
//! ```
//! # use leno_sdk::prelude::*;
//! # let host = leno_sdk::testing::FakeHost::new();
//! # host.expect("GET", "https://api.example.com/issues").query("state", "open").reply(200).json(json!([{"id": 1}]));
//! #[derive(serde::Deserialize)]
//! struct Issue {
//!     id: u64,
//! }
//!
//! let issues: Vec<Issue> = http::get("https://api.example.com/issues")
//!     .query("state", "open")
//!     .authorize()
//!     .send()?
//!     .error_for_status()?
//!     .json()?;
//! assert_eq!(issues[0].id, 1);
//! # Ok::<(), Error>(())
//! ```

mod charset;
mod encoding;
mod error;
mod multipart;
mod request;
mod response;

pub use encoding::percent_encode;
pub use error::HttpError;
pub use multipart::Multipart;
pub use request::{Request, delete, get, head, patch, post, put, request, send_all};
pub use response::Response;
