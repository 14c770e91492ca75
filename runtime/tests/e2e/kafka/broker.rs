//! A real Kafka for the length of a test, started by `tests/kafka/broker`, and kcat as a client that is not ours.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use waterwheel::connector::kafka::{KafkaLog, Properties};

/// What kind of brokers to start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BrokerOptions {
    /// With listeners for TLS and SASL, and access control.
    pub(crate) secure: bool,
    /// Three brokers rather than one.
    pub(crate) cluster: bool,
}

/// Running brokers; they end with this value, or with this process if it is killed.
#[derive(Debug)]
pub(crate) struct Broker {
    directory: tempfile::TempDir,
    addresses: String,
}

impl Broker {
    /// Starts brokers on free ports with a new data directory. The first call on a machine fetches Kafka.
    pub(crate) fn start(options: BrokerOptions) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let owner = std::process::id().to_string();
        let mut arguments = vec!["start", path(directory.path()), "--owner", &owner];
        if options.secure {
            arguments.push("--secure");
        }
        if options.cluster {
            arguments.extend(["--brokers", "3"]);
        }
        let addresses = script(&arguments);
        Self { directory, addresses }
    }

    /// `host:port,...` of the listener without security.
    pub(crate) fn addresses(&self) -> &str {
        &self.addresses
    }

    /// `host:port,...` of another listener: `tls`, `sasl`.
    pub(crate) fn listener(&self, name: &str) -> String {
        script(&["bootstrap", path(self.directory.path()), name])
    }

    /// Where programs over these brokers keep their state, for `XDG_STATE_HOME`: it means nothing over others.
    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// The certificate of the authority that signed the brokers' certificates.
    pub(crate) fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A topic log on these brokers.
    pub(crate) fn log(&self, properties: &[(&str, &str)]) -> KafkaLog {
        self.log_at(&self.addresses, properties)
            .expect("the properties fit together")
    }

    /// A topic log on a listener of these brokers.
    pub(crate) fn log_at(
        &self,
        addresses: &str,
        properties: &[(&str, &str)],
    ) -> Result<KafkaLog, waterwheel::connector::Error> {
        let user = properties
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        KafkaLog::new(Properties::new(addresses, user)?)
    }

    /// `kill -9` of all brokers, or of one.
    pub(crate) fn kill(&self, node: Option<u32>) {
        self.on_nodes("kill", node);
    }

    /// Lets all brokers stand still: connections stay, and nothing is answered.
    pub(crate) fn pause(&self) {
        script(&["pause", path(self.directory.path())]);
    }

    /// Lets paused brokers go on.
    pub(crate) fn go_on(&self) {
        script(&["go-on", path(self.directory.path())]);
    }

    /// Starts what does not run, on the same data and ports, and waits until it serves.
    pub(crate) fn restart(&self, node: Option<u32>) {
        self.on_nodes("restart", node);
    }

    fn on_nodes(&self, command: &str, node: Option<u32>) {
        let node = node.map(|node| node.to_string());
        let mut arguments = vec![command, path(self.directory.path())];
        arguments.extend(node.as_deref());
        script(&arguments);
    }

    /// Adds partitions to a topic.
    pub(crate) fn grow_topic(&self, topic: &str, partitions: u32) {
        script(&[
            "topic",
            "grow",
            path(self.directory.path()),
            topic,
            &partitions.to_string(),
        ]);
    }

    /// Runs one of Kafka's own tools, written in Java, with `input`; gives what it printed.
    pub(crate) fn java(&self, class: &str, arguments: &[&str], input: &str) -> String {
        let mut all = vec!["java", path(self.directory.path()), class];
        all.extend(arguments);
        let output = run(Command::new(script_path()).args(all), input);
        assert!(
            output.status.success(),
            "{class} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("the tools print UTF-8")
    }

    /// Writes lines `key|value` to one partition.
    pub(crate) fn produce_to(&self, topic: &str, partition: i32, lines: &str) {
        self.kcat(&["-P", "-t", topic, "-p", &partition.to_string(), "-K", "|"], lines);
    }

    /// Runs kcat on these brokers with `input`; gives what it printed.
    pub(crate) fn kcat(&self, arguments: &[&str], input: &str) -> String {
        let output = run(
            Command::new("kcat").args(["-b", &self.addresses]).args(arguments),
            input,
        );
        assert!(
            output.status.success(),
            "kcat {arguments:?} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("the tests write UTF-8")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // A test that failed must not fail again here.
        let killed = Command::new(script_path())
            .args(["kill", path(self.directory.path())])
            .status();
        if !killed.is_ok_and(|status| status.success()) {
            eprintln!("cannot end the brokers of {}", self.directory.path().display());
        }
    }
}

fn script_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/kafka/broker")
}

/// Runs the script; gives the last line that it printed.
fn script(arguments: &[&str]) -> String {
    let output = run(Command::new(script_path()).args(arguments), "");
    assert!(
        output.status.success(),
        "tests/kafka/broker {arguments:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}

fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    child
        .stdin
        .take()
        .expect("it is piped")
        .write_all(input.as_bytes())
        .expect("it takes its input");
    child.wait_with_output().expect("it ends")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary directories have UTF-8 names")
}
