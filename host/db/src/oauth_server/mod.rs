//! What the authorization server of this host keeps: its clients, the requests and codes under way, and what users allowed.

pub mod clients;
pub mod codes;
pub mod grants;
pub mod requests;
pub mod sessions;
