//! State in an object store: moto's server, which speaks S3 with the conditional writes that fence an old owner.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use super::{await_that, kills};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn case() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        free.local_addr().expect("it is bound").port()
    };
    let started = Command::new("moto_server")
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = started else {
        println!("SKIPPED state in an object store: moto_server is not there (pip install 'moto[server]')");
        return;
    };
    let _server = Server(child);
    await_that("the object store", || make_bucket(port));
    let endpoint = format!("http://127.0.0.1:{port}");
    let environment = [
        ("AWS_ENDPOINT", endpoint.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let ends = ["commit-over:3", "state-pending:2", "log-committed:1", "state-loaded:2"];
    kills::run(directory.path(), "s3://bucket/state", &environment, &ends);
    let inspected = Command::new(env!("CARGO_BIN_EXE_waterwheel"))
        .args(["state", "inspect", "s3://bucket/state/waterwheel/CTAS_SUMS"])
        .envs(environment)
        .output()
        .expect("the program starts");
    let told = String::from_utf8_lossy(&inspected.stdout).into_owned();
    assert!(inspected.status.success() && told.contains("last epoch"), "{told}");
}

fn make_bucket(port: u16) -> bool {
    let request = "PUT /bucket HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    let asked = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
        stream.write_all(request.as_bytes())?;
        stream.read_to_string(&mut answer)
    });
    asked.is_ok() && answer.starts_with("HTTP/1.1 200")
}
