//! The window of a shared read, without a registry.

use super::*;

const CHUNK: usize = WINDOW / 4;

fn window(taps: usize) -> Window {
    Window {
        chunks: VecDeque::new(),
        bytes: 0,
        first: 0,
        taps: vec![Some(Reader::default()); taps],
        end: None,
        began: Instant::now(),
    }
}

fn add(window: &mut Window, chunks: usize) {
    for _ in 0..chunks {
        window.chunks.push_back(Bytes::from_static(&[7; CHUNK]));
        window.bytes += CHUNK;
    }
}

/// Takes chunks for a destination until there are no more. Returns how many.
fn take_all(window: &mut Window, number: usize) -> usize {
    std::iter::from_fn(|| match window.take(number) {
        Some(Taken::Bytes(bytes)) => Some(bytes),
        _ => None,
    })
    .count()
}

#[tokio::test(start_paused = true)]
async fn bytes_leave_the_window_when_every_destination_has_taken_them() {
    let mut window = window(2);
    add(&mut window, 3);
    assert_eq!(take_all(&mut window, 0), 3);
    assert_eq!((window.bytes, window.first), (3 * CHUNK, 0));
    assert!(matches!(window.take(1), Some(Taken::Bytes(_))));
    assert_eq!((window.bytes, window.first), (2 * CHUNK, 1));
    assert_eq!(take_all(&mut window, 1), 2);
    assert_eq!((window.bytes, window.chunks.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_leaves_holds_nothing_back() {
    let mut window = window(2);
    add(&mut window, 3);
    take_all(&mut window, 0);
    window.taps[1] = None;
    window.trim();
    assert_eq!(window.bytes, 0);
    assert!(matches!(window.take(1), Some(Taken::LeftBehind)));
}

/// How much longer the slow destination needs than the other one, and whether it keeps its tap for a minute.
#[tokio::test(start_paused = true)]
async fn only_a_destination_that_holds_up_the_others_most_of_the_time_is_left_behind() {
    for (part_of_time, is_left) in [(0.5, false), (0.7, false), (0.8, true), (1.0, true)] {
        let mut window = window(2);
        add(&mut window, 4);
        take_all(&mut window, 0);
        assert!(window.is_awaited());
        let mut left = Vec::new();
        for _ in 0..60 {
            tokio::time::advance(Duration::from_secs(1)).await;
            left.extend(window.leave_behind(Duration::from_secs_f64(part_of_time)));
        }
        let numbers: Vec<usize> = left.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, if is_left { vec![1] } else { vec![] }, "{part_of_time}");
        assert!(left.iter().all(|(_, held_up)| *held_up >= PATIENCE));
    }
}

#[tokio::test(start_paused = true)]
async fn destinations_that_are_equally_slow_do_not_hold_up_each_other() {
    let mut window = window(2);
    add(&mut window, 4);
    assert!(!window.is_awaited());
    for number in [0, 1] {
        assert!(matches!(window.take(number), Some(Taken::Bytes(_))));
    }
    assert!(!window.is_awaited());
}

#[tokio::test(start_paused = true)]
async fn everyone_gets_all_bytes_and_then_the_end() {
    let mut window = window(2);
    add(&mut window, 2);
    window.end = Some(Ok(()));
    for number in [0, 1] {
        assert_eq!(take_all(&mut window, number), 2);
        assert!(matches!(window.take(number), Some(Taken::End(Ok(())))));
    }
}
