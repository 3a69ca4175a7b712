use std::path::Path;

use super::*;

fn tree(files: &[(&str, &str)]) -> Tree {
    let read = |path: &Path| files.iter().find(|(name, _)| path == Path::new(name)).map(|(_, text)| (*text).to_owned());
    Tree::read(Path::new(files[0].0), &read).unwrap()
}

fn db() -> Tree {
    tree(&[(
        "lib.rs",
        "pub struct Db; impl Db { pub async fn ping(&self) {} }
         pub struct Entries(Db); impl Entries { pub async fn get(&self) {} }
         pub struct Row; impl Row { pub fn blank() -> Self { Row } async fn private() {} }
         pub mod users { pub async fn hold() {} }",
    )])
}

fn faults(surface: &str) -> Vec<String> {
    let host = tree(&[
        ("lib.rs", "mod api; mod host;"),
        ("api/mod.rs", "mod users;"),
        ("api/users.rs", surface),
        ("host.rs", "use leno_db::{Db, Entries, users}; fn f() { leno_db::users::hold() }"),
    ]);
    check(&host, &statement_types(&db()))
}

#[test]
fn a_surface_may_use_rows_and_hand_on_the_database() {
    let surface = "use leno_db::{Db, Row}; fn f(db: Db) -> leno_db::Row { Row::blank() }
        #[cfg(test)] mod tests { use leno_db::users; }";
    assert_eq!(faults(surface), Vec::<String>::new());
}

#[test]
fn a_statement_in_a_surface_is_named() {
    assert_eq!(
        faults("\nasync fn f() { leno_db::users::hold().await }"),
        [
            "api/users.rs:2: api is a surface and uses `leno_db::users::hold`, a statement of the database: call a room that \
          does it"
        ]
    );
}

#[test]
fn a_statement_does_not_hide_behind_an_import() {
    for surface in [
        "use leno_db::users;",
        "use leno_db::{Row, users::hold as take};",
        "use leno_db::*;",
        "use leno_db as db;",
        "use leno_db::Entries;",
        "fn f() { format!(\"{}\", leno_db::users::hold()) }",
        "use sqlx::query;",
        "fn f() { sqlx::query(\"SELECT 1\") }",
    ] {
        assert_eq!(faults(surface).len(), 1, "{surface}");
    }
}
