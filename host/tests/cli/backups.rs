//! `leno backup` and `leno restore`.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::support::Place;

#[tokio::test]
async fn a_backup_is_taken_while_a_host_serves_and_another_goes_on_from_it() {
    let place = Place::new();
    let host = place.serve(&[]).await;
    let printed = place.run(&["backup", "copy.db"]).ok().stdout;
    assert!(printed.starts_with("copy.db: "), "{printed}");
    assert_eq!(fs::metadata(place.path().join("copy.db")).unwrap().permissions().mode() & 0o777, 0o600);
    place.run(&["backup", "copy.db"]).refused(2, &["copy.db cannot be made", "exists"]);
    drop(host);
    place.run(&["restore", "copy.db"]).refused(2, &["there is a database", "leno.db", "move it away"]);

    let other = Place::new();
    fs::copy(place.path().join("copy.db"), other.path().join("copy.db")).unwrap();
    let restored = other.run(&["restore", "copy.db", "--json"]).ok().json();
    assert_eq!((restored["epoch"].as_i64(), restored["onTrial"].as_i64()), (Some(1), Some(0)));
    other.serve(&[]).await;
}

#[test]
fn what_is_no_backup_is_refused_and_leaves_no_database_behind() {
    let place = Place::new();
    place.write("rubbish.db", "not a database, but long enough to be one ".repeat(200));
    place.run(&["restore", "rubbish.db"]).refused(2, &["rubbish.db is not a backup that can be restored"]);
    place.run(&["restore", "missing.db"]).refused(2, &["there is no file missing.db"]);
    place.run(&["restore"]).refused(2, &["name the file that `leno backup` wrote"]);
    assert!(!place.path().join("leno-data/leno.db").exists());
    place.run(&["backup", "copy.db"]).refused(2, &["there is no database"]);
}
