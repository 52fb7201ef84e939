//! `State`: what a run has done so far, in numbers. Times are counted from its beginning.

use std::collections::VecDeque;
use std::time::Duration;

/// Off a terminal, a line is written if none was for this long.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// The rate is an average over this time.
const RATE_PERIOD: Duration = Duration::from_secs(10);
/// Events about amounts are written at most this often.
const EVENT_INTERVAL: Duration = Duration::from_secs(1);
const SAMPLE_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) activity: Activity,
    now: Duration,
    last_line: Duration,
    last_event: Option<Duration>,
}

#[derive(Debug, Default)]
pub(super) enum Activity {
    #[default]
    Nothing,
    Copying(Copying),
    Checking(Checking),
}

/// The images that are copied.
#[derive(Debug, Default)]
pub(super) struct Copying {
    images: Vec<ImageProgress>,
    pub(super) ended: usize,
    pub(super) bytes: ByteProgress,
    /// When how many bytes had been sent.
    samples: VecDeque<(Duration, u64)>,
}

#[derive(Debug, Clone)]
pub(super) struct ImageProgress {
    pub(super) name: String,
    pub(super) bytes: ByteProgress,
    has_ended: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ByteProgress {
    pub(super) sent: u64,
    /// All that is known to be sent. It grows while images are examined.
    pub(super) expected: u64,
}

/// A check, which may go through the images.
#[derive(Debug, Default)]
pub(super) struct Checking {
    pub(super) name: String,
    pub(super) began: Duration,
    pub(super) checked: usize,
    /// 0 if it does not go through the images.
    pub(super) images: usize,
}

impl State {
    pub(super) fn begin_copying(&mut self, names: Vec<String>) {
        let image = |name| ImageProgress { name, bytes: ByteProgress::default(), has_ended: false };
        let images = names.into_iter().map(image).collect();
        self.activity = Activity::Copying(Copying { images, ..Copying::default() });
    }

    pub(super) fn begin_checking(&mut self, name: &str, images: usize) {
        let (name, began) = (name.to_owned(), self.now);
        self.activity = Activity::Checking(Checking { name, began, checked: 0, images });
    }

    pub(super) fn expect(&mut self, image: usize, bytes: u64) {
        let Activity::Copying(copying) = &mut self.activity else { return };
        copying.bytes.expected += bytes;
        if let Some(image) = copying.images.get_mut(image) {
            image.bytes.expected += bytes;
        }
    }

    /// Bytes that are sent again after a failure do not count twice.
    pub(super) fn sent(&mut self, image: usize, bytes: u64) {
        let Activity::Copying(copying) = &mut self.activity else { return };
        let Some(image) = copying.images.get_mut(image) else { return };
        let counted = bytes.min(image.bytes.expected - image.bytes.sent);
        image.bytes.sent += counted;
        copying.bytes.sent += counted;
    }

    /// What a failed image has not sent is not expected any more.
    pub(super) fn image_ended(&mut self, image: usize) {
        let Activity::Copying(copying) = &mut self.activity else { return };
        copying.ended += 1;
        if let Some(image) = copying.images.get_mut(image) {
            image.has_ended = true;
            copying.bytes.expected -= image.bytes.expected - image.bytes.sent;
        }
    }

    pub(super) fn image_checked(&mut self) {
        if let Activity::Checking(checking) = &mut self.activity {
            checking.checked += 1;
        }
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Duration) {
        self.now = now;
        let Activity::Copying(Copying { samples, bytes, .. }) = &mut self.activity else { return };
        if samples.back().is_none_or(|(last, _)| now >= *last + SAMPLE_INTERVAL) {
            samples.push_back((now, bytes.sent));
        }
        while samples.get(1).is_some_and(|(second, _)| now >= *second + RATE_PERIOD) {
            samples.pop_front();
        }
    }

    /// Whether a line should be written now. If so, the next one is due after the interval.
    pub(super) fn is_line_due(&mut self, now: Duration) -> bool {
        let is_due = now >= self.last_line + LINE_INTERVAL;
        if is_due {
            self.last_line = now;
        }
        is_due
    }

    /// Whether an event about amounts should be written now. If so, the next one is due after the interval.
    pub(super) fn is_event_due(&mut self, now: Duration) -> bool {
        let is_due = self.last_event.is_none_or(|last| now >= last + EVENT_INTERVAL);
        if is_due {
            self.last_event = Some(now);
        }
        is_due
    }

    pub(super) fn line_written(&mut self, now: Duration) {
        self.last_line = now;
    }
}

impl Copying {
    pub(super) fn images(&self) -> usize {
        self.images.len()
    }

    /// The images with the most bytes among those under way.
    pub(super) fn largest(&self, most: usize) -> Vec<&ImageProgress> {
        let is_under_way = |image: &&ImageProgress| {
            !image.has_ended && image.bytes.sent > 0 && image.bytes.sent < image.bytes.expected
        };
        let mut images: Vec<&ImageProgress> = self.images.iter().filter(is_under_way).collect();
        images.sort_by(|a, b| (b.bytes.expected, &a.name).cmp(&(a.bytes.expected, &b.name)));
        images.truncate(most);
        images
    }

    /// Bytes per second in the last seconds; `None` while there is too little to judge by.
    pub(super) fn rate(&self, now: Duration) -> Option<f64> {
        let (since, sent) = self.samples.front()?;
        let seconds = now.checked_sub(*since).filter(|passed| *passed >= SAMPLE_INTERVAL)?;
        Some((self.bytes.sent - sent) as f64 / seconds.as_secs_f64())
    }

    /// At the present rate.
    pub(super) fn time_left(&self, now: Duration) -> Option<Duration> {
        let rate = self.rate(now).filter(|rate| *rate >= 1.0)?;
        let left = self.bytes.expected - self.bytes.sent;
        Some(Duration::from_secs((left as f64 / rate).ceil() as u64))
    }
}

impl ByteProgress {
    /// Rounded down, so that 100 % means all.
    pub(super) fn percent(self) -> u64 {
        (u128::from(self.sent) * 100).checked_div(u128::from(self.expected)).unwrap_or(100) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn copying(state: &State) -> &Copying {
        match &state.activity {
            Activity::Copying(copying) => copying,
            other => panic!("{other:?}"),
        }
    }

    fn two_images() -> State {
        let mut state = State::default();
        state.begin_copying(vec!["a".to_owned(), "b".to_owned()]);
        state.tick(at(0));
        state.expect(0, 1000);
        state.expect(1, 3000);
        state
    }

    #[test]
    fn rate_and_time_left_follow_from_the_last_seconds() {
        let mut state = two_images();
        assert_eq!((copying(&state).rate(at(0)), copying(&state).time_left(at(0))), (None, None));
        for second in 1..=20 {
            state.sent(1, if second <= 10 { 10 } else { 100 });
            state.tick(at(second));
        }
        assert_eq!(copying(&state).rate(at(20)), Some(100.0));
        assert_eq!(copying(&state).time_left(at(20)), Some(at(29)));
        state.tick(at(31));
        state.tick(at(42));
        assert_eq!(copying(&state).rate(at(42)), Some(0.0));
        assert_eq!(copying(&state).time_left(at(42)), None);
    }

    #[test]
    fn bytes_that_are_sent_again_do_not_count_twice() {
        let mut state = two_images();
        state.sent(0, 800);
        state.sent(0, 800);
        assert_eq!(copying(&state).bytes, ByteProgress { sent: 1000, expected: 4000 });
    }

    #[test]
    fn a_failed_image_leaves_nothing_to_expect() {
        let mut state = two_images();
        state.sent(1, 500);
        state.image_ended(1);
        assert_eq!(copying(&state).bytes, ByteProgress { sent: 500, expected: 1500 });
        assert_eq!(copying(&state).ended, 1);
    }

    #[test]
    fn the_largest_images_under_way_come_first() {
        let mut state = two_images();
        let names = |state: &State| -> Vec<String> {
            copying(state).largest(3).iter().map(|image| image.name.clone()).collect()
        };
        assert_eq!(names(&state), [""; 0]);
        state.sent(0, 1);
        state.sent(1, 1);
        assert_eq!(names(&state), ["b", "a"]);
        assert_eq!(copying(&state).largest(1).len(), 1);
        state.image_ended(1);
        assert_eq!(names(&state), ["a"]);
    }

    #[test]
    fn an_event_about_amounts_is_due_at_most_once_a_second() {
        let mut state = two_images();
        let due = [0, 500, 999, 1000, 1500, 4000, 4999, 5000]
            .map(|millisecond| state.is_event_due(Duration::from_millis(millisecond)));
        assert_eq!(due, [true, false, false, true, false, true, false, true]);
    }

    #[test]
    fn a_line_is_due_if_none_was_written_for_a_while() {
        let mut state = two_images();
        let due = [9, 10, 11, 19, 20].map(|second| state.is_line_due(at(second)));
        assert_eq!(due, [false, true, false, false, true]);
        state.line_written(at(25));
        assert!(!state.is_line_due(at(34)) && state.is_line_due(at(35)));
    }
}
