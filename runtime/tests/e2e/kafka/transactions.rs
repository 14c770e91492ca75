//! Records of transactions that are open or were aborted; the transactions are another client's.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use waterwheel::connector::{PollLimits, Polled};

use super::broker::Broker;
use super::pipeline::{Pipeline, batch, create, forever, numbers, to_the_end, write};

const WAIT: Duration = Duration::from_secs(30);

fn producer(broker: &Broker, id: &str) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", broker.addresses())
        .set("transactional.id", id)
        .create()
        .expect("the settings fit together");
    producer.init_transactions(WAIT).expect("transactions can be used");
    producer
}

fn send(producer: &BaseProducer, topic: &str, numbers: std::ops::Range<usize>) {
    for n in numbers {
        let value = format!("value-{n}");
        producer
            .send(BaseRecord::<(), str>::to(topic).payload(&value))
            .map_err(|(error, _)| error)
            .expect("there is room");
    }
    producer.flush(WAIT).expect("the broker stores them");
}

pub(crate) fn open_and_aborted_transactions_are_not_seen(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "transactional", 1);
    write(&log, "transactional", &batch(0..10, 1));
    let producer = producer(broker, "transactional-1");
    producer.begin_transaction().expect("it begins");
    send(&producer, "transactional", 10..20);
    // Behind the open transaction, so not seen before that ends.
    write(&log, "transactional", &batch(20..30, 1));

    let mut pipeline = Pipeline::open(&log, "transactional", &forever("transactional-group"));
    let mut read = pipeline.rows(10);
    let bounded = Pipeline::open(&log, "transactional", &to_the_end()).to_end();
    assert_eq!(
        numbers(&bounded),
        (0..10).collect::<Vec<_>>(),
        "the end is before the open transaction"
    );
    let everything = broker.log(&[("isolation.level", "read_uncommitted")]);
    assert_eq!(
        Pipeline::open(&everything, "transactional", &to_the_end())
            .to_end()
            .len(),
        30
    );
    assert!(pipeline.step().expect("reading goes well").is_empty());

    producer.abort_transaction(WAIT).expect("it ends");
    read.extend(pipeline.rows(10));
    producer.begin_transaction().expect("it begins");
    send(&producer, "transactional", 30..40);
    producer.commit_transaction(WAIT).expect("it ends");
    read.extend(pipeline.rows(10));
    let expected: Vec<usize> = (0..10).chain(20..40).collect();
    assert_eq!(numbers(&read), expected);
    assert_eq!(
        read.last().map(|row| row.offset),
        Some(40),
        "the mark of the abort took an offset"
    );
    let reader = pipeline.readers.values_mut().next().expect("there is one partition");
    let limits = PollLimits {
        rows_max: 1,
        bytes_max: 1,
    };
    pipeline_is_idle(reader.as_mut(), limits);
    assert_eq!(reader.lag(), Some(0), "marks of transactions are no lag");
}

fn pipeline_is_idle(reader: &mut dyn waterwheel::connector::PartitionReader, limits: PollLimits) {
    let start = std::time::Instant::now();
    while reader.lag() != Some(0) && start.elapsed() < WAIT {
        assert!(matches!(
            reader.poll(limits).expect("reading goes well"),
            Polled::Idle { .. }
        ));
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn an_end_behind_an_aborted_transaction_is_reached(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "aborted", 1);
    write(&log, "aborted", &batch(0..5, 1));
    let producer = producer(broker, "aborted-1");
    producer.begin_transaction().expect("it begins");
    send(&producer, "aborted", 5..9);
    producer.abort_transaction(WAIT).expect("it ends");
    assert_eq!(Pipeline::open(&log, "aborted", &to_the_end()).to_end().len(), 5);
}
