//! Two hosts at one bucket, hosts that stand still, lines that break: at every single operation.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_live_holder_is_named_and_a_dead_one_is_followed() {
    let world = World::new();
    let (ada, bob) = (world.host(), world.host());
    let guard = ada.lock(&holder("ada")).await.unwrap();
    let refused = async || match bob.lock(&holder("bob")).await {
        Ok(_) => panic!("two holders"),
        Err(error) => error.to_string(),
    };
    assert!(refused().await.starts_with("another run holds the lock on this stack: up by ada, since 2026"));
    assert_eq!(bob.holder().await.unwrap(), Some(holder("ada")));
    // Renewed in time, it stays.
    for _ in 0..3 {
        world.clock.pass(lease::LEASE - Duration::from_secs(1));
        ada.lease().unwrap().renew().await.unwrap();
        refused().await;
    }
    drop(guard);
    drop(bob.lock(&holder("bob")).await.unwrap());
    assert!(world.bucket.names().is_empty(), "{:?}", world.bucket.names());

    std::mem::forget(ada.lock(&holder("ada")).await.unwrap());
    world.clock.pass(lease::LEASE + Duration::from_secs(4));
    assert!(refused().await.contains("ada"), "clocks differ");
    world.clock.pass(Duration::from_secs(2));
    assert_eq!(bob.holder().await.unwrap(), None);
    let guard = bob.lock(&holder("bob")).await.unwrap();
    // The dead one lives after all: it notices with its next renewal, and gives nothing back.
    let late = ada.lease().unwrap();
    late.renew().await.unwrap();
    let error = late.verify().await.unwrap_err().to_string();
    assert!(error.contains("lost its lock") && error.contains("up by bob"), "{error}");
    late.release().await.unwrap();
    assert_eq!(world.host().holder().await.unwrap(), Some(holder("bob")));
    drop(guard);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_race_for_the_lock_one_wins() {
    let world = World::new();
    for round in 0..20 {
        let hosts: Vec<_> = (0..8).map(|_| world.host()).collect();
        let tries = hosts.iter().map(|host| {
            let name = format!("host-{round}");
            async move { host.lock(&holder(&name)).await }
        });
        let won: Vec<_> = futures::future::join_all(tries).await;
        assert_eq!(won.iter().filter(|won| won.is_ok()).count(), 1);
        for lost in won.iter().filter_map(|won| won.as_ref().err()) {
            assert!(matches!(lost, StoreError::Locked { .. }), "{lost}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_taken_away_is_lost() {
    let world = World::new();
    let (ada, bob) = (world.host(), world.host());
    let guard = ada.lock(&holder("ada")).await.unwrap();
    ada.append(&[new_state().genesis(), set("a")]).await.unwrap();
    assert_eq!(bob.unlock().await.unwrap(), Some(holder("ada")));
    assert_eq!(bob.unlock().await.unwrap(), None);
    let error = ada.append(&[set("b")]).await.unwrap_err().to_string();
    assert!(error.contains("somebody has taken it away"), "{error}");
    run_well(&bob, "bob", &["c"]).await;
    drop(guard);
    assert!(ada.append(&[set("d")]).await.is_err());
    let found = world.found().await;
    assert!(found.contains("a") && found.contains("c") && !found.contains("d"), "{found:?}");
}

/// One host stands still before each of its operations in turn, for longer than its lock holds; another
/// one does a whole run meanwhile. Whatever either was told is recorded is there at the end; nothing that
/// the second one did is undone.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_frozen_past_its_lease_changes_nothing() {
    let mut points = 0;
    let mut lost = 0;
    for seeded in [false, true] {
        for at in 0.. {
            let world = World::new();
            if seeded {
                run_well(&world.host(), "eve", &["old"]).await;
                run_well(&world.host(), "eve", &["older"]).await;
            }
            let bobs = Arc::new(std::sync::Mutex::new(None));
            let (other, told) = (world.clone(), Arc::clone(&bobs));
            let meanwhile: fake::Meanwhile = Box::new(move || {
                Box::pin(async move {
                    other.expire();
                    run_well(&other.host(), "bob", &["b1", "b2"]).await;
                    *told.lock().unwrap() = Some(other.host().load().await.unwrap().unwrap().state);
                })
            });
            let line = Line::pausing(&world.bucket, at, meanwhile);
            let mut recorded = Vec::new();
            let ended = run(&world.at(&line), "ada", &["a1", "a2"], &mut recorded).await;
            if !line.has_paused() {
                break;
            }
            points += 1;
            let after_bob = bobs.lock().unwrap().take().unwrap();
            let found = world.host().load().await.unwrap().unwrap().state;
            if let Err(error) = &ended {
                lost += 1;
                assert!(
                    matches!(error, StoreError::LockLost { .. } | StoreError::Locked { .. }),
                    "{at}: {error}"
                );
                // Then the state is Bob's, to the last entry.
                assert_eq!(found, after_bob, "{at}");
            }
            let there = names(&found);
            for name in recorded.iter().map(String::as_str).chain(["b1", "b2"]) {
                assert!(there.contains(name), "{at}: {name} is lost: {there:?}");
            }
            // And the work goes on.
            world.expire();
            run_well(&world.host(), "cyd", &["c"]).await;
            assert!(world.found().await.is_superset(&there), "{at}");
        }
    }
    assert!(points > 30 && lost > 20, "{points} points, {lost} of them lost");
}

/// As above, but the second host is still at work, and has not compacted, when the first one wakes up: now
/// the names of the segments alone must say what counts.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_wakes_up_beside_a_working_holder_changes_nothing() {
    // It has read the state and written nothing yet, or has written some entries.
    for (early, late) in [(&[][..], &["b1", "b2"][..]), (&["b1"][..], &["b2"][..])] {
        let (mut noticed, mut points) = (0, 0);
        for at in 0.. {
            let world = World::new();
            run_well(&world.host(), "eve", &["old"]).await;
            run_well(&world.host(), "eve", &["older"]).await;
            let bob = Arc::new(world.host());
            let kept = Arc::new(std::sync::Mutex::new(None));
            let (other, store, guard) = (world.clone(), Arc::clone(&bob), Arc::clone(&kept));
            let meanwhile: fake::Meanwhile = Box::new(move || {
                Box::pin(async move {
                    other.expire();
                    let held = store.lock(&holder("bob")).await.unwrap();
                    let mut state = store.load().await.unwrap().unwrap().state;
                    for name in early {
                        store.append(&[set(name)]).await.unwrap();
                        state.apply(set(name));
                    }
                    *guard.lock().unwrap() = Some((held, state));
                })
            });
            let line = Line::pausing(&world.bucket, at, meanwhile);
            let mut recorded = Vec::new();
            let ended = run(&world.at(&line), "ada", &["a1", "a2"], &mut recorded).await;
            if !line.has_paused() {
                break;
            }
            points += 1;
            noticed += usize::from(ended.is_err());
            let (held, mut state) = kept.lock().unwrap().take().unwrap();
            for name in late {
                bob.append(&[set(name)]).await.unwrap();
                state.apply(set(name));
            }
            // To the last entry, the state is what Bob has made of it.
            assert_eq!(world.host().load().await.unwrap().unwrap().state, state, "{at}");
            assert!(recorded.iter().all(|name| names(&state).contains(name)), "{at}: {recorded:?}");
            bob.compact(&state).await.unwrap();
            drop(held);
            assert_eq!(world.host().load().await.unwrap().unwrap().state, state, "{at}");
        }
        // The others are those of the compaction, late but of what was true, and of the lock's return.
        assert!(noticed > 10 && points - noticed < 12, "{noticed} of {points}");
    }
}

/// The power goes at each operation in turn, before or after its effect.
#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_any_operation_loses_nothing_that_was_recorded() {
    let mut points = 0;
    for after in [false, true] {
        for at in 0.. {
            let world = World::new();
            run_well(&world.host(), "eve", &["old"]).await;
            let fate = if after { Fate::CutAfter(at) } else { Fate::CutBefore(at) };
            let line = Line::new(&world.bucket, fate);
            let mut recorded = vec!["old".to_owned()];
            let ended = run(&world.at(&line), "ada", &["a1", "a2"], &mut recorded).await;
            if line.done() <= at {
                ended.unwrap();
                break;
            }
            points += 1;
            let there = world.found().await;
            assert!(recorded.iter().all(|name| there.contains(name)), "{at}: {there:?}");
            world.expire();
            run_well(&world.host(), "bob", &["b"]).await;
            assert!(world.found().await.is_superset(&there), "{at}");
        }
    }
    assert!(points > 30, "{points}");
}

/// The answer to each operation in turn is lost, and the request is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_does_no_harm() {
    for at in 0.. {
        let world = World::new();
        run_well(&world.host(), "eve", &["old"]).await;
        let line = Line::new(&world.bucket, Fate::Repeated(at));
        run(&world.at(&line), "ada", &["a1", "a2"], &mut Vec::new()).await.unwrap();
        assert_eq!(world.found().await, set_of(&["a1", "a2", "old"]), "{at}");
        if line.done() <= at {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_beside_a_run_always_sees_a_state() {
    let world = World::new();
    run_well(&world.host(), "ada", &["a"]).await;
    run_well(&world.host(), "ada", &["b"]).await;
    for at in 0.. {
        let other = world.clone();
        let name = format!("n{at}");
        let meanwhile: fake::Meanwhile = Box::new(move || {
            Box::pin(async move {
                run_well(&other.host(), "bob", &[&name]).await;
                run_well(&other.host(), "bob", &[&format!("{name}x")]).await;
            })
        });
        let line = Line::pausing(&world.bucket, at, meanwhile);
        let seen = names(&world.at(&line).load().await.unwrap().unwrap().state);
        assert!(seen.is_superset(&set_of(&["a", "b"])), "{at}: {seen:?}");
        if !line.has_paused() {
            break;
        }
    }
}
