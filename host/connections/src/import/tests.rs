use std::process::Command;

use leno_base::budget::Budgets;
use leno_db::{Party, foreign};
use leno_testkit::{fresh::Fresh, on_both};
use sqlx::Row as _;

use super::*;

const OLD: &str = "0123456789abcdef0123456789abcdef";
const NEW: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const CANARY: &str = "canary-91ce";

fn options() -> Options {
    Options { tenant: "t".into(), owners: Owners::Kept, replace: false, dry_run: false }
}

/// A dump as the other systems would have it, encrypted by Node's crypto.
fn dump() -> Vec<Value> {
    let script = r#"
        const crypto = require('crypto'), key = Buffer.from(process.argv[1], 'binary');
        const seal = (value) => {
            const iv = crypto.randomBytes(16), cipher = crypto.createCipheriv('aes-256-cbc', key, iv);
            return { iv: iv.toString('hex'), data: cipher.update(JSON.stringify(value), 'utf8', 'hex') + cipher.final('hex') };
        };
        const secret = process.argv[2];
        const oauth = { type: 'OAUTH2', access_token: secret, refresh_token: secret, expires_in: 7200,
            claimed_at: 1700000000, client_id: 'c', client_secret: secret, token_url: 'https://a.test', data: {} };
        const gcm = crypto.createCipheriv('aes-256-gcm', key, Buffer.alloc(16, 7));
        const body = gcm.update(JSON.stringify({ type: 'SECRET_TEXT', secret_text: secret }), 'utf8', 'hex') + gcm.final('hex');
        const oldest = [Buffer.alloc(16, 7).toString('hex'), gcm.getAuthTag().toString('hex'), body].join(':');
        console.log(JSON.stringify([
            { id: 'ap1', created: '2024-01-02T03:04:05.678Z', updated: '2024-02-02T00:00:00Z', displayName: 'Größe ✓',
              externalId: 'crm', type: 'OAUTH2', status: 'ERROR', platformId: 'pl', pieceName: '@activepieces/piece-x',
              ownerId: 'u1', projectIds: ['p1'], scope: 'PLATFORM', value: seal(oauth), metadata: { a: 1 }, pieceVersion: '1.2.3' },
            { id: 'wb1', created_at: '2024-01-02T03:04:05.678', updated_at: '2024-01-02 03:04:06', display_name: 'Key',
              external_id: 'key', type: 'SECRET_TEXT', status: 'ACTIVE', platform_id: null, piece_name: 'x', owner_id: 'u2',
              project_ids: [], scope: 'PROJECT', value: oldest, metadata: null, piece_version: '0.0.0' },
            { id: 'new', displayName: 'n', externalId: 'oidc', type: 'OIDC', status: 'ACTIVE', pieceName: 'x', ownerId: 'u1',
              projectIds: [], scope: 'PROJECT', value: seal({ type: 'OIDC', props: { a: secret } }), pieceVersion: '0.1.0' },
            { id: 'twice', displayName: 'n', externalId: 'crm', type: 'OIDC', pieceName: 'x', ownerId: 'u1',
              value: seal({ type: 'OIDC' }) },
            { id: 'quote', displayName: 'n', externalId: "a'b", type: 'NO_AUTH', pieceName: 'x', ownerId: 'u1', value: seal({ type: 'NO_AUTH' }) },
            { id: 'plain', displayName: 'n', externalId: 'plain', type: 'SECRET_TEXT', pieceName: 'x', ownerId: 'u1',
              value: { type: 'SECRET_TEXT', secret_text: secret } },
            { id: 'nobody', displayName: 'n', externalId: 'n', type: 'NO_AUTH', pieceName: 'x', ownerId: null, value: seal({ type: 'NO_AUTH' }) },
            { displayName: secret, externalId: 'n', type: 'NO_AUTH', pieceName: 5, ownerId: 'u1', value: seal({ type: 'NO_AUTH' }) },
            secret,
        ]));
    "#;
    let output = Command::new("node").args(["-e", script, OLD, CANARY]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn import(db: &Db, key: &str, rows: &[Value], options: Options) -> Report {
    let (ring, old) = (Keyring::parse(&NEW.into(), &[]).unwrap(), Key::parse(&key.into()).unwrap());
    let mut import = Import::new(db, &ring, &old, options);
    for batch in rows.chunks(4) {
        import.take(batch, 5).await;
    }
    let report = import.report();
    assert!(!serde_json::to_string(&report).unwrap().contains(CANARY), "{report:?}");
    report
}

async fn count(db: &Db) -> i64 {
    sqlx::query("SELECT COUNT(*) FROM app_connection")
        .fetch_one(&mut *db.reader(Party::Host).await.unwrap())
        .await
        .unwrap()
        .try_get(0)
        .unwrap()
}

async fn stored(db: &Db, owner: &str, external_id: &str) -> (ConnectionRow, Value) {
    let all = leno_db::AppConnections::new(db.clone());
    let (row, sealed) = all.with_value(&"t".into(), &owner.into(), external_id).await.unwrap().unwrap();
    let rev = row.rev.to_string();
    let facts = [owner, &row.piece_name, &row.kind, &rev];
    let place = leno_vault::Place { table: "app_connection", tenant: "t", row: &row.id, facts: &facts };
    let plain = Keyring::parse(&NEW.into(), &[]).unwrap().open(&sealed, place).unwrap();
    (row, serde_json::from_str(plain.expose_secret()).unwrap())
}

on_both! {
    what_node_encrypted_is_taken_over_with_its_names_dates_and_state(db) {
        let rows = dump();
        let dry = import(&db, OLD, &rows, Options { dry_run: true, ..options() }).await;
        assert_eq!((dry.imported, count(&db).await), (3, 0), "{dry:?}");
        let report = import(&db, OLD, &rows, options()).await;
        assert_eq!(report, Report { dry_run: false, ..dry });
        let failed: Vec<(&str, &str)> = report.failed.iter().map(|row| (row.id.as_str(), row.reason.as_str())).collect();
        assert_eq!(failed.iter().map(|row| row.0).collect::<Vec<_>>(), ["quote", "plain", "nobody", "(row 8)", "(row 9)"]);
        assert!(failed[2].1.contains("--owner") && failed[3].1.contains("`id`"), "{failed:?}");
        assert_eq!((report.skipped.len(), &*report.skipped[0].id), (1, "twice"));

        let (row, value) = stored(&db, "u1", "crm").await;
        assert_eq!(value["access_token"], CANARY);
        assert_eq!((&*row.display_name, row.status.as_str(), &*row.scope, &*row.project_ids), ("Größe ✓", "ERROR", "PLATFORM", "[\"p1\"]"));
        assert_eq!((row.created_at, row.updated_at), (1_704_164_645_678, 1_706_832_000_000));
        assert_eq!((row.expires_at, row.refresh_at), (Some(1_700_007_200_000), Some(1_700_006_300_000)));
        assert_eq!((&*row.piece_name, &*row.piece_version, row.metadata.as_deref()), ("@activepieces/piece-x", "1.2.3", Some("{\"a\":1}")));
        let events = audit_log::events_of(&db, &row.id).await.unwrap();
        assert_eq!(events, [("host".to_owned(), "connection.imported".to_owned())]);
        let (row, value) = stored(&db, "u2", "key").await;
        assert_eq!((value["secret_text"].as_str(), row.created_at), (Some(CANARY), 1_704_164_645_678));
        assert_eq!(stored(&db, "u1", "oidc").await.0.kind, "OIDC");
    }

    what_is_there_is_skipped_or_replaced_as_was_asked(db) {
        let mut rows = dump();
        rows.truncate(3);
        assert_eq!(import(&db, OLD, &rows, options()).await.imported, 3);
        let (before, _) = stored(&db, "u1", "crm").await;
        rows[0]["displayName"] = "Renamed".into();
        let again = import(&db, OLD, &rows, options()).await;
        assert_eq!((again.imported, again.skipped.len(), again.failed.len()), (0, 3, 0));
        let replaced = import(&db, OLD, &rows, Options { replace: true, ..options() }).await;
        assert_eq!((replaced.imported, replaced.replaced), (0, 3), "{replaced:?}");
        let (after, _) = stored(&db, "u1", "crm").await;
        assert_eq!((&after.id, after.rev, &*after.display_name), (&before.id, before.rev + 1, "Renamed"));
        assert_eq!(count(&db).await, 3);
    }

    a_wrong_key_takes_over_nothing_and_owners_are_given_or_mapped(db) {
        let mut rows = dump();
        rows.truncate(3);
        let wrong = import(&db, NEW, &rows, options()).await;
        assert_eq!((wrong.imported, wrong.failed.len(), count(&db).await), (0, 3, 0), "{wrong:?}");
        let map = Owners::Map([("u1".to_owned(), UserId::from("me"))].into());
        let report = import(&db, OLD, &rows, Options { owners: map, ..options() }).await;
        assert_eq!((report.imported, &*report.failed[0].id), (2, "wb1"));
        stored(&db, "me", "crm").await;
        let one = import(&db, OLD, &rows, Options { owners: Owners::One("me".into()), ..options() }).await;
        assert_eq!((one.imported, one.skipped.len()), (1, 2));
    }
}

#[tokio::test]
async fn both_layouts_are_read_from_postgres_the_latest_change_first() {
    const ACTIVEPIECES: &str = r#"CREATE TABLE app_connection (id varchar(21) PRIMARY KEY, created timestamptz NOT NULL
        DEFAULT now(), updated timestamptz NOT NULL DEFAULT now(), "displayName" varchar NOT NULL, "externalId" varchar NOT
        NULL, type varchar NOT NULL, status varchar NOT NULL DEFAULT 'ACTIVE', "platformId" varchar NOT NULL, "pieceName"
        varchar NOT NULL, "ownerId" varchar, "projectIds" varchar[] NOT NULL, scope varchar NOT NULL, value jsonb NOT NULL,
        metadata jsonb, "pieceVersion" varchar NOT NULL)"#;
    const BUILDER: &str = "CREATE TABLE app_connection (id text PRIMARY KEY, display_name text NOT NULL, external_id text NOT
        NULL, type text NOT NULL, status text NOT NULL DEFAULT 'ACTIVE', platform_id text, piece_name text NOT NULL, owner_id
        text NOT NULL, project_ids jsonb NOT NULL DEFAULT '[]', scope text NOT NULL DEFAULT 'PROJECT', value jsonb NOT NULL,
        metadata jsonb, piece_version text NOT NULL, created_at timestamp NOT NULL DEFAULT now(), updated_at timestamp NOT
        NULL DEFAULT now())";
    const FILL_ACTIVEPIECES: &str = r#"INSERT INTO app_connection VALUES ($1, '2024-01-02T03:04:05.678Z',
        CAST($2 AS timestamptz), 'd', $3, 'OAUTH2', 'ACTIVE', 'pl', 'x', 'u1', '{p1,p2}', 'PROJECT', CAST($4 AS jsonb),
        '{"a":1}', '1.0.0')"#;
    const FILL_BUILDER: &str = "INSERT INTO app_connection VALUES ($1, 'd', $3, 'OAUTH2', 'ACTIVE', NULL, 'x', 'u1',
        '[\"p1\", \"p2\"]', 'PROJECT', CAST($4 AS jsonb), NULL, '1.0.0', '2024-01-02T03:04:05.678', CAST($2 AS timestamp))";
    let test = "both_layouts_are_read_from_postgres_the_latest_change_first";
    let value = dump()[0]["value"].to_string();
    for (create, fill) in [(ACTIVEPIECES, FILL_ACTIVEPIECES), (BUILDER, FILL_BUILDER)] {
        let (Some(source), target) = (Fresh::postgres(test).await, Fresh::sqlite()) else { return };
        let (from, to) = (Db::connect(&source.url(), &Budgets::default()).await.unwrap(), target.open().await);
        sqlx::query(create).execute(&mut *from.writer(Party::Host).await.unwrap()).await.unwrap();
        for (id, updated, external_id) in
            [("r1", "2024-03-01", "a"), ("r2", "2024-03-03", "b"), ("r3", "2024-03-02", "b"), ("r4", "2024-01-01", "c")]
        {
            sqlx::query(fill)
                .bind(id)
                .bind(updated)
                .bind(external_id)
                .bind(&value)
                .execute(&mut *from.writer(Party::Host).await.unwrap())
                .await
                .unwrap();
        }
        let rows: Vec<String> = futures_util::TryStreamExt::try_collect(foreign::connections(&from)).await.unwrap();
        let rows: Vec<Value> = rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        let report = import(&to, OLD, &rows, options()).await;
        assert_eq!((report.imported, report.failed.len(), &*report.skipped[0].id), (3, 0, "r3"), "{report:?}");
        let (row, value) = stored(&to, "u1", "b").await;
        assert_eq!((value["access_token"].as_str(), row.created_at), (Some(CANARY), 1_704_164_645_678));
        assert_eq!((&*row.project_ids, row.updated_at), ("[\"p1\",\"p2\"]", 1_709_424_000_000));
        from.close().await;
        source.remove().await;
    }
}
