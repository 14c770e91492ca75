#[path = "e2e/kafka/mod.rs"]
mod kafka;
fn main() {
    let filter = std::env::args().nth(1).unwrap_or_default();
    if std::env::var("LOG").is_ok() { tracing_subscriber::fmt().with_env_filter(std::env::var("LOG").unwrap()).init(); }
    let mut shared = None;
    for (name, case) in kafka::CASES.iter().filter(|(n, _)| n.contains(&filter)) {
        let broker = shared.get_or_insert_with(|| kafka::Broker::start(kafka::BrokerOptions::default()));
        let t = std::time::Instant::now();
        let ok = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(broker))).is_ok();
        println!("{} {name} {:?}", if ok { "ok    " } else { "FAILED" }, t.elapsed());
    }
    drop(shared);
    for (name, case) in kafka::OWN_BROKER_CASES.iter().filter(|(n, _)| n.contains(&filter)) {
        let t = std::time::Instant::now();
        let ok = std::panic::catch_unwind(std::panic::AssertUnwindSafe(case)).is_ok();
        println!("{} {name} {:?}", if ok { "ok    " } else { "FAILED" }, t.elapsed());
    }
}
