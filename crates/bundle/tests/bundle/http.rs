//! Reading over HTTP, from a server as any web server is: ranges, and nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use strongroom_bundle::{Environment, Location, Progress, Reader, Sources, inspect};

use crate::support::{Seeded, bundle, files, key, options};

/// Answers requests for `/models/a.bundle`, each on its own connection, until the test ends.
fn serve(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let bytes = Arc::new(bytes);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let bytes = bytes.clone();
            std::thread::spawn(move || answer(stream, &bytes));
        }
    });
    format!("http://{address}/models")
}

fn answer(stream: TcpStream, bytes: &[u8]) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request).ok()?;
    let mut range = None;
    loop {
        let mut line = String::new();
        reader.by_ref().take(8192).read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        range = line.strip_prefix("range: bytes=").map(str::to_owned).or(range);
    }
    let size = bytes.len();
    let close = "Last-Modified: Tue, 01 Jan 2030 00:00:00 GMT\r\nETag: \"1\"\r\nConnection: close\r\n\r\n";
    let stream = reader.get_mut();
    if !request.contains(" /models/a.bundle ") {
        return write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n{close}").ok();
    }
    if request.starts_with("HEAD ") {
        return write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n{close}").ok();
    }
    let range = range?;
    let (start, end) = range.split_once('-')?;
    let (start, end) = match (start.parse::<usize>(), end.parse::<usize>()) {
        (Ok(start), Ok(end)) => (start, (end + 1).min(size)),
        (Ok(start), Err(_)) => (start, size),
        (Err(_), Ok(suffix)) => (size.saturating_sub(suffix), size),
        _ => return None,
    };
    let part = bytes.get(start..end)?;
    let head = format!(
        "Content-Range: bytes {start}-{}/{size}\r\nContent-Length: {}\r\n",
        end - 1,
        part.len()
    );
    write!(stream, "HTTP/1.1 206 Partial Content\r\n{head}{close}").ok()?;
    stream.write_all(part).ok()
}

#[tokio::test]
async fn a_bundle_is_read_over_http() {
    let files = files(&[("model.onnx", 600_000), ("labels.txt", 5000)]);
    let (bytes, digest) = bundle(&files, 1);
    let url = serve(bytes);
    let folder = Location::parse_with(&url, &Environment::default()).unwrap();
    let place = folder.join("a.bundle");
    assert!(place.exists().await.unwrap());
    assert_eq!(place.list().await.unwrap().len(), 1);
    let reader = Reader::open(place.open().unwrap(), &digest, &key(1))
        .await
        .unwrap();
    reader.verify(Progress::none()).await.unwrap();
    assert_eq!(
        reader.read_range("labels.txt", 10..20).await.unwrap(),
        files["labels.txt"][10..20]
    );

    let nothing = inspect(&folder.join("b.bundle").open().unwrap())
        .await
        .unwrap_err();
    assert_eq!(nothing.code(), "store.not_found");
    let written = place
        .encrypt(Sources::new(), &key(1), &Seeded::new(1), &options(1))
        .await;
    assert_eq!(written.unwrap_err().code(), "store.read_only");
}
