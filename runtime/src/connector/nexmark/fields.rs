//! What the events are made of: for each kind its fields, their types, and how a column of them is made.
//!
//! A column is made from the numbers of its events alone, so that fields which nobody declared cost nothing.

use datafusion::arrow::array::{Int64Array, StringArray, StringBuilder};

use super::super::draws::below;
use super::events::{EventKind, Sequence, any_auction, any_person, hot, last_auction, last_person};
use super::texts::{push, push_number};

/// About how many bytes an event of each kind has.
const PERSON_BYTES: usize = 200;
const AUCTION_BYTES: usize = 500;
const BID_BYTES: usize = 100;
/// Channels beside the four that are hot.
const CHANNELS: u64 = 10_000;

const FIRST_NAMES: [&str; 11] = [
    "Ada", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Kate",
];
const LAST_NAMES: [&str; 9] = [
    "Abrams", "Bartels", "Jones", "Noris", "Smith", "Spencer", "Walton", "White", "Young",
];
const CITIES: [&str; 10] = [
    "Phoenix",
    "Los Angeles",
    "San Francisco",
    "Boise",
    "Portland",
    "Bend",
    "Redmond",
    "Seattle",
    "Kent",
    "Cheyenne",
];
const STATES: [&str; 6] = ["AZ", "CA", "ID", "OR", "WA", "WY"];
const HOT_CHANNELS: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];
const EMAIL_BYTES: usize = 17;
const CARD_BYTES: usize = 19;

/// How a column is made for some events.
#[derive(Debug, Clone, Copy)]
pub(super) enum Make {
    /// BIGINT.
    Number(fn(&Sequence, &[i64]) -> Int64Array),
    /// TIMESTAMP, or BIGINT milliseconds since the epoch.
    Time(fn(&Sequence, &[i64]) -> Int64Array),
    /// STRING.
    Text(fn(&Sequence, &[i64]) -> StringArray),
}

/// One field of a kind of events.
#[derive(Debug)]
pub(super) struct Field {
    /// As the benchmark writes it; columns are matched without case.
    pub(super) name: &'static str,
    /// How it is made.
    pub(super) make: Make,
    /// About how many bytes a value takes.
    pub(super) bytes: usize,
}

const fn number(name: &'static str, make: fn(&Sequence, &[i64]) -> Int64Array) -> Field {
    Field {
        name,
        make: Make::Number(make),
        bytes: 8,
    }
}

const fn time(name: &'static str, make: fn(&Sequence, &[i64]) -> Int64Array) -> Field {
    Field {
        name,
        make: Make::Time(make),
        bytes: 8,
    }
}

const fn text(name: &'static str, bytes: usize, make: fn(&Sequence, &[i64]) -> StringArray) -> Field {
    Field {
        name,
        make: Make::Text(make),
        bytes,
    }
}

/// The fields of `kind`, in the benchmark's order.
pub(super) fn fields(kind: EventKind) -> &'static [Field] {
    match kind {
        EventKind::Person => PERSON,
        EventKind::Auction => AUCTION,
        EventKind::Bid => BID,
    }
}

const PERSON: &[Field] = &[
    number("id", |_, events| numbers(events, last_person)),
    text("name", 14, |sequence, events| {
        let names = PersonNames::new(sequence);
        texts(events, |event, out| {
            let (first, last) = names.of(event);
            push(out, first);
            push(out, " ");
            push(out, last);
        })
    }),
    text("emailAddress", EMAIL_BYTES, |sequence, events| {
        let (user, host) = (sequence.draws("person.user"), sequence.draws("person.host"));
        texts(events, |event, out| {
            push(out, sequence.texts.letters(user.at(event), 7));
            push(out, "@");
            push(out, sequence.texts.letters(host.at(event), 5));
            push(out, ".com");
        })
    }),
    text("creditCard", CARD_BYTES, |sequence, events| {
        let draws = sequence.draws("person.card");
        texts(events, |event, out| {
            for (number, draw) in draws.more(event).take(4).enumerate() {
                if number > 0 {
                    push(out, " ");
                }
                push(out, &format!("{:04}", below(draw, 10_000)));
            }
        })
    }),
    text("city", 9, |sequence, events| {
        let draws = sequence.draws("person.city");
        texts(events, |event, out| push(out, pick(&CITIES, draws.at(event))))
    }),
    text("state", 2, |sequence, events| {
        let draws = sequence.draws("person.state");
        texts(events, |event, out| push(out, pick(&STATES, draws.at(event))))
    }),
    time("dateTime", |sequence, events| {
        numbers(events, |event| sequence.time_ms(event))
    }),
    text("extra", 130, |sequence, events| {
        let (names, cities) = (PersonNames::new(sequence), sequence.draws("person.city"));
        let draws = sequence.draws("person.extra");
        texts(events, |event, out| {
            let (first, last) = names.of(event);
            let name = first.len() + 1 + last.len();
            let size = 8 + name + EMAIL_BYTES + CARD_BYTES + pick(&CITIES, cities.at(event)).len() + 2 + 8;
            push(out, sequence.texts.extra(draws.at(event), size, PERSON_BYTES));
        })
    }),
];

const AUCTION: &[Field] = &[
    number("id", |_, events| numbers(events, last_auction)),
    text("itemName", 12, |sequence, events| {
        let draws = sequence.draws("auction.name");
        texts(events, |event, out| {
            push(
                out,
                sequence
                    .texts
                    .letters(draws.at(event), item_name_length(draws.at(event))),
            );
        })
    }),
    text("description", 51, |sequence, events| {
        let draws = sequence.draws("auction.description");
        texts(events, |event, out| {
            push(
                out,
                sequence
                    .texts
                    .letters(draws.at(event), description_length(draws.at(event))),
            );
        })
    }),
    number("initialBid", |sequence, events| {
        let draws = sequence.draws("auction.initial");
        numbers(events, |event| sequence.price(draws, event))
    }),
    number("reserve", |sequence, events| {
        let (initial, more) = (sequence.draws("auction.initial"), sequence.draws("auction.reserve"));
        numbers(events, |event| {
            sequence.price(initial, event) + sequence.price(more, event)
        })
    }),
    time("dateTime", |sequence, events| {
        numbers(events, |event| sequence.time_ms(event))
    }),
    time("expires", |sequence, events| {
        let draws = sequence.draws("auction.expires");
        numbers(events, |event| sequence.expires_ms(draws, event))
    }),
    number("seller", |sequence, events| {
        let (is_hot, any) = (sequence.draws("auction.hot"), sequence.draws("auction.seller"));
        numbers(events, |event| {
            if below(is_hot.at(event), 4) > 0 {
                hot(last_person(event))
            } else {
                any_person(any, event)
            }
        })
    }),
    number("category", |sequence, events| {
        let draws = sequence.draws("auction.category");
        numbers(events, |event| 10 + below(draws.at(event), 5).cast_signed())
    }),
    text("extra", 390, |sequence, events| {
        let (names, descriptions) = (sequence.draws("auction.name"), sequence.draws("auction.description"));
        let draws = sequence.draws("auction.extra");
        texts(events, |event, out| {
            let written = item_name_length(names.at(event)) + description_length(descriptions.at(event));
            push(out, sequence.texts.extra(draws.at(event), 56 + written, AUCTION_BYTES));
        })
    }),
];

const BID: &[Field] = &[
    number("auction", |sequence, events| {
        let (is_hot, any) = (sequence.draws("bid.hot"), sequence.draws("bid.auction"));
        numbers(events, |event| {
            if below(is_hot.at(event), 2) > 0 {
                hot(last_auction(event))
            } else {
                any_auction(any, event)
            }
        })
    }),
    number("bidder", |sequence, events| {
        let (is_hot, any) = (sequence.draws("bid.hot_bidder"), sequence.draws("bid.bidder"));
        numbers(events, |event| {
            if below(is_hot.at(event), 4) > 0 {
                // The one after the hot seller, so that hot ones do not bid for what they sell.
                hot(last_person(event)) + 1
            } else {
                any_person(any, event)
            }
        })
    }),
    number("price", |sequence, events| {
        let draws = sequence.draws("bid.price");
        numbers(events, |event| sequence.price(draws, event))
    }),
    text("channel", 10, |sequence, events| {
        let draws = sequence.draws("bid.channel");
        texts(events, |event, out| match channel(draws.at(event)) {
            Channel::Hot(number) => push(out, HOT_CHANNELS[number]),
            Channel::Other(number) => {
                push(out, "channel-");
                push_number(out, number);
            }
        })
    }),
    text("url", 65, |sequence, events| {
        let (draws, urls) = (sequence.draws("bid.channel"), sequence.draws("url"));
        texts(events, |event, out| {
            let channel = channel(draws.at(event));
            let number = match channel {
                Channel::Hot(number) => number as i64,
                Channel::Other(number) => 4 + number.cast_signed(),
            };
            push(out, "https://www.nexmark.com/");
            for draw in urls.more(number).take(3) {
                push(out, sequence.texts.letters(draw, 3 + (draw & 1) as usize));
                push(out, "/");
            }
            push(out, "item.htm?query=1");
            // One channel in ten does not tell its number.
            if let Channel::Other(number) = channel
                && below(urls.at(number.cast_signed()), 10) > 0
            {
                push(out, "&channel_id=");
                push_number(out, u64::from((number as u32).reverse_bits() >> 1));
            }
        })
    }),
    time("dateTime", |sequence, events| {
        numbers(events, |event| sequence.time_ms(event))
    }),
    text("extra", 68, |sequence, events| {
        let draws = sequence.draws("bid.extra");
        texts(events, |event, out| {
            push(out, sequence.texts.extra(draws.at(event), 32, BID_BYTES));
        })
    }),
];

/// The channel that a bid came by.
enum Channel {
    Hot(usize),
    Other(u64),
}

#[inline]
fn channel(draw: u64) -> Channel {
    // Halves of one draw: the top decides between hot and others, the rest which.
    let rest = draw << 1;
    if draw >> 63 == 1 {
        Channel::Hot(below(rest, HOT_CHANNELS.len() as u64) as usize)
    } else {
        Channel::Other(below(rest, CHANNELS))
    }
}

#[inline]
fn item_name_length(draw: u64) -> usize {
    3 + below(draw.rotate_left(32), 17) as usize
}

#[inline]
fn description_length(draw: u64) -> usize {
    3 + below(draw.rotate_left(32), 97) as usize
}

/// The names of persons.
struct PersonNames {
    first: super::super::draws::Draws,
    last: super::super::draws::Draws,
}

impl PersonNames {
    fn new(sequence: &Sequence) -> Self {
        Self {
            first: sequence.draws("person.first_name"),
            last: sequence.draws("person.last_name"),
        }
    }

    fn of(&self, event: i64) -> (&'static str, &'static str) {
        (
            pick(&FIRST_NAMES, self.first.at(event)),
            pick(&LAST_NAMES, self.last.at(event)),
        )
    }
}

fn pick<'a>(choices: &[&'a str], draw: u64) -> &'a str {
    choices[below(draw, choices.len() as u64) as usize]
}

#[inline]
fn numbers(events: &[i64], number: impl Fn(i64) -> i64) -> Int64Array {
    Int64Array::from_iter_values(events.iter().map(|event| number(*event)))
}

#[inline]
fn texts(events: &[i64], write: impl Fn(i64, &mut StringBuilder)) -> StringArray {
    let mut out = StringBuilder::with_capacity(events.len(), events.len() * 32);
    for event in events {
        write(*event, &mut out);
        // Ends the text that was written.
        out.append_value("");
    }
    out.finish()
}
