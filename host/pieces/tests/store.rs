//! What a piece may keep, on both databases.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::time::Duration;

use leno_base::{MovingClock, budget::Budgets};
use leno_pieces::{PieceStore, StoreQuota};
use leno_sandbox::{Scope, Store as _};
use leno_testkit::on_both;

fn quota() -> StoreQuota {
    StoreQuota::new(&Budgets::default())
}

on_both! {
    a_piece_sees_only_what_it_stored_for_this_tenant_flow_and_project(db) {
        let store = |tenant: &str, piece: &str, flow: &str, project: &str| {
            PieceStore::new(db.clone(), tenant.into(), piece.parse().unwrap(), Some(flow.into()), Some(project.into()), quota())
        };
        let mine = store("t", "p", "f", "o");
        mine.put(Scope::Flow, "k", b"flow", None).await.unwrap();
        mine.put(Scope::Project, "k", b"project", None).await.unwrap();
        assert_eq!(mine.get(Scope::Flow, "k").await.unwrap().as_deref(), Some(&b"flow"[..]));
        let other_flow = store("t", "p", "g", "o");
        assert_eq!(other_flow.get(Scope::Flow, "k").await.unwrap(), None);
        assert_eq!(other_flow.get(Scope::Project, "k").await.unwrap().as_deref(), Some(&b"project"[..]));
        for stranger in [store("u", "p", "f", "o"), store("t", "q", "f", "o"), store("t", "p", "o", "f")] {
            for scope in [Scope::Flow, Scope::Project] {
                assert_eq!(stranger.get(scope, "k").await.unwrap(), None);
                stranger.delete(scope, "k").await.unwrap();
                assert!(!stranger.compare_and_set(scope, "k", Some(b"flow"), b"x").await.unwrap());
            }
        }
        assert_eq!(mine.get(Scope::Flow, "k").await.unwrap().as_deref(), Some(&b"flow"[..]));
    }

    a_time_to_live_is_counted_from_the_put(db) {
        let clock = MovingClock::new();
        let store = PieceStore::new(db, "t".into(), "p".parse().unwrap(), None, None, quota()).with_clock(clock.clone());
        store.put(Scope::Flow, "k", b"v", Some(60)).await.unwrap();
        clock.advance(Duration::from_millis(59_999));
        assert!(store.get(Scope::Flow, "k").await.unwrap().is_some());
        clock.advance(Duration::from_millis(1));
        assert!(store.get(Scope::Flow, "k").await.unwrap().is_none());
        store.put(Scope::Flow, "k", b"v", Some(u32::MAX)).await.unwrap();
        assert!(store.get(Scope::Flow, "k").await.unwrap().is_some());
    }

    what_has_expired_makes_room_for_a_piece_at_its_quota(db) {
        let clock = MovingClock::new();
        let keys = leno_pieces::BUDGETS.iter().find(|spec| spec.env == "LENO_STORE_KEYS").unwrap();
        let budgets = Budgets::new([(*keys, 2)]);
        let quota = StoreQuota::new(&budgets);
        let store = PieceStore::new(db, "t".into(), "p".parse().unwrap(), None, None, quota).with_clock(clock.clone());
        store.put(Scope::Flow, "a", b"v", Some(60)).await.unwrap();
        store.put(Scope::Flow, "b", b"v", None).await.unwrap();
        let refused = store.put(Scope::Flow, "c", b"v", None).await.unwrap_err();
        assert_eq!(refused.code, "store-quota");
        let said = "your tenant may have 2 keys in the store of a piece (LENO_STORE_KEYS); remove some of them, or let \
                    values expire";
        assert_eq!(refused.message, said);
        assert!(store.compare_and_set(Scope::Flow, "c", None, b"v").await.is_err());
        clock.advance(Duration::from_secs(60));
        store.put(Scope::Flow, "c", b"v", None).await.unwrap();
        assert!(store.compare_and_set(Scope::Flow, "d", None, b"v").await.is_err());
        assert_eq!(budgets.get(keys).refusals(), 3);
    }
}
