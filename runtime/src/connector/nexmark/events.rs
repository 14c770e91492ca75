//! The sequence of events: which number is of which kind, when it happened, and which ids exist around it.
//!
//! Of 50 events one is a person, three are auctions and 46 are bids. Ids of a kind count up in the order of the
//! events. Everything is computed from the event's number.

use super::super::draws::{Draws, below};
use super::texts::Texts;

/// Events in one round of the kinds.
const ROUND: i64 = 50;
/// Ids of persons and auctions begin here.
const FIRST_ID: i64 = 1_000;
/// Persons that offer and bid at any time.
const ACTIVE_PERSONS: i64 = 1_000;
/// Auctions open at any time.
const AUCTIONS_IN_FLIGHT: i64 = 100;
/// How many ids that do not exist yet may be chosen.
const ID_LEAD: i64 = 10;
/// One auction, and one person, in so many is hot.
const HOT_EVERY: i64 = 100;
/// Prices span six powers of ten in so many steps.
const PRICE_STEPS: u64 = 1_024;
/// Ten to the power of `6 / PRICE_STEPS`.
const PRICE_FACTOR: f64 = 1.013_583_133_334_065_7;

/// One of the three kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventKind {
    /// Somebody registers.
    Person,
    /// Somebody offers something.
    Auction,
    /// Somebody bids for it.
    Bid,
}

impl EventKind {
    /// All kinds, in the order of a round.
    pub(super) const ALL: [Self; 3] = [Self::Person, Self::Auction, Self::Bid];

    /// As the option EVENT names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Auction => "auction",
            Self::Bid => "bid",
        }
    }

    /// Number of the first event of this kind in a round, and how many there are.
    fn share(self) -> (i64, i64) {
        match self {
            Self::Person => (0, 1),
            Self::Auction => (1, 3),
            Self::Bid => (4, 46),
        }
    }

    /// The number in the whole sequence of the event that is row `row` of this kind; both count from 0.
    #[inline]
    pub(super) fn event_of(self, row: i64) -> i64 {
        let (first, count) = self.share();
        (row / count).saturating_mul(ROUND).saturating_add(first + row % count)
    }

    /// The number of the first event of the round that row `row` belongs to.
    pub(super) fn round_of(self, row: i64) -> i64 {
        self.event_of(row) / ROUND * ROUND
    }

    /// How many of the first `events` events are of this kind.
    pub(super) fn rows_before(self, events: i64) -> i64 {
        let (first, count) = self.share();
        events / ROUND * count + (events % ROUND - first).clamp(0, count)
    }
}

/// The sequence.
#[derive(Debug)]
pub(super) struct Sequence {
    seed: u64,
    base_ms: i64,
    /// Events in 1,000 seconds of event time.
    events_per_1000_s: i64,
    /// Times are shuffled within groups of so many events.
    group: i64,
    prices: Vec<f64>,
    pub(super) texts: Texts,
}

impl Sequence {
    /// `events_per_1000_s` and `group` must be at least 1.
    pub(super) fn new(seed: u64, base_ms: i64, events_per_1000_s: i64, group: i64) -> Self {
        // Multiplied up, so that no function of the machine's maths library decides on a price.
        let prices = std::iter::successors(Some(100.0), |price| Some(price * PRICE_FACTOR));
        Self {
            seed,
            base_ms,
            events_per_1000_s,
            group,
            prices: prices.take(PRICE_STEPS as usize + 1).collect(),
            texts: Texts::new(seed),
        }
    }

    /// The random numbers for one purpose.
    pub(super) fn draws(&self, purpose: &str) -> Draws {
        Draws::new(self.seed, purpose)
    }

    /// When `event` happened, in milliseconds since the epoch.
    #[inline]
    pub(super) fn time_ms(&self, event: i64) -> i64 {
        self.unshuffled_ms(self.place(event))
    }

    /// The place in time of `event`: its number, shuffled within its group.
    #[inline]
    fn place(&self, event: i64) -> i64 {
        if self.group == 1 {
            return event;
        }
        let within = i128::from(event) * 953 % i128::from(self.group);
        event / self.group * self.group + i64::try_from(within).expect("less than the group, 64 bits")
    }

    #[inline]
    fn unshuffled_ms(&self, place: i64) -> i64 {
        let offset = match place.checked_mul(1_000_000) {
            Some(scaled) => scaled / self.events_per_1000_s,
            None => {
                i64::try_from(i128::from(place) * 1_000_000 / i128::from(self.events_per_1000_s)).unwrap_or(i64::MAX)
            }
        };
        self.base_ms.saturating_add(offset)
    }

    /// When the auction that `event` opens ends: about when so many further auctions as are in flight have opened.
    #[inline]
    pub(super) fn expires_ms(&self, draws: Draws, event: i64) -> i64 {
        let place = self.place(event);
        let opened_ms = self.unshuffled_ms(place);
        let horizon_ms = self.unshuffled_ms(place + AUCTIONS_IN_FLIGHT * ROUND / 3) - opened_ms;
        let length_ms = 1 + below(draws.at(event), (horizon_ms * 2).max(1).unsigned_abs()).cast_signed();
        opened_ms.saturating_add(length_ms)
    }

    /// A price in cents: six powers of ten, each as likely as the others.
    #[inline]
    pub(super) fn price(&self, draws: Draws, event: i64) -> i64 {
        let draw = draws.at(event);
        let step = below(draw, PRICE_STEPS) as usize;
        // The bits that chose the step are at the top; the place within it takes the ones below.
        let share = ((draw.wrapping_mul(PRICE_STEPS) >> 11) as f64) / (1_u64 << 53) as f64;
        let (low, high) = (self.prices[step], self.prices[step + 1]);
        (low + (high - low) * share).round() as i64
    }
}

/// The id of the person of the round of `event`.
#[inline]
pub(super) fn last_person(event: i64) -> i64 {
    FIRST_ID + event / ROUND
}

/// The id of the last auction up to `event`, which may be the one that `event` opens.
#[inline]
pub(super) fn last_auction(event: i64) -> i64 {
    let (round, place) = (event / ROUND, event % ROUND);
    FIRST_ID + round * 3 + (place - 1).min(2)
}

/// One of the active persons, or of those that come next.
#[inline]
pub(super) fn any_person(draws: Draws, event: i64) -> i64 {
    let persons = last_person(event) - FIRST_ID + 1;
    let active = persons.min(ACTIVE_PERSONS);
    FIRST_ID + persons - active + below(draws.at(event), (active + ID_LEAD).unsigned_abs()).cast_signed()
}

/// One of the auctions in flight, or of those that come next.
#[inline]
pub(super) fn any_auction(draws: Draws, event: i64) -> i64 {
    let last = last_auction(event) - FIRST_ID;
    let first = (last - AUCTIONS_IN_FLIGHT).max(0);
    FIRST_ID + first + below(draws.at(event), (last - first + 1 + ID_LEAD).unsigned_abs()).cast_signed()
}

/// The id of the first of the last hundred, of which the hot one is made.
#[inline]
pub(super) fn hot(last: i64) -> i64 {
    FIRST_ID + (last - FIRST_ID) / HOT_EVERY * HOT_EVERY
}
