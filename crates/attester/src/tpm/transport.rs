//! How commands reach a TPM: a device, a Unix or a TCP socket. A software TPM's data socket takes the same bytes as the
//! kernel's device.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::TpmAddress;

/// Largest response that is read, in bytes; the largest of the PC Client profile as well.
pub(crate) const RESPONSE_BYTES_MAX: usize = 4096;
/// Tag, size and code.
pub(crate) const HEADER_BYTES: usize = 10;
/// How long one response may take. Making an RSA key takes some TPMs most of a minute.
pub(crate) const RESPONSE_SECONDS_MAX: u64 = 120;

/// Something that answers TPM commands.
pub trait Transport: fmt::Debug + Send {
    /// Sends one command and waits for its response, header included.
    ///
    /// # Errors
    /// What the operating system says; `InvalidData` for a response that is no response.
    fn transmit(&mut self, command: &[u8]) -> io::Result<Vec<u8>>;

    /// Whether several programs share the TPM through a resource manager, which hides their handles from each other
    /// and clears up after them. Without one, a connection has the TPM to itself.
    fn is_shared(&self) -> bool;

    /// Waits until it is worth asking again.
    fn pause(&mut self, pause: Duration) {
        std::thread::sleep(pause);
    }
}

/// Opens the TPM at `address`.
///
/// # Errors
/// What the operating system says.
pub(crate) fn open(address: &TpmAddress) -> io::Result<Box<dyn Transport>> {
    match address {
        TpmAddress::Path(path) if is_socket(path)? => Ok(Box::new(Socket::unix(path)?)),
        TpmAddress::Path(path) => Ok(Box::new(Device::open(path)?)),
        TpmAddress::Tcp(address) => Ok(Box::new(Socket::tcp(address)?)),
    }
}

fn is_socket(path: &Path) -> io::Result<bool> {
    Ok(std::fs::metadata(path)?.file_type().is_socket())
}

/// A character device of the kernel: one write is a command, one read its response. The kernel bounds the time that a
/// command may take.
#[derive(Debug)]
struct Device {
    file: File,
    shared: bool,
}

impl Device {
    fn open(path: &Path) -> io::Result<Self> {
        let shared = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"tpmrm"));
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self { file, shared })
    }
}

impl Transport for Device {
    fn transmit(&mut self, command: &[u8]) -> io::Result<Vec<u8>> {
        if self.file.write(command)? != command.len() {
            return Err(invalid("the device took only part of a command"));
        }
        let mut response = vec![0; RESPONSE_BYTES_MAX];
        let length = self.file.read(&mut response)?;
        response.truncate(length);
        Ok(response)
    }

    fn is_shared(&self) -> bool {
        self.shared
    }
}

/// A stream of commands and responses, each as long as its header says.
#[derive(Debug)]
struct Socket<S>(S);

impl Socket<UnixStream> {
    fn unix(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self(stream))
    }
}

impl Socket<TcpStream> {
    fn tcp(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self(stream))
    }
}

impl<S: Read + Write + fmt::Debug + Send> Transport for Socket<S> {
    fn transmit(&mut self, command: &[u8]) -> io::Result<Vec<u8>> {
        self.0.write_all(command)?;
        let mut response = vec![0; HEADER_BYTES];
        self.0.read_exact(&mut response)?;
        let size = stated_size(&response).ok_or_else(|| invalid("the response has no header"))?;
        if !(HEADER_BYTES..=RESPONSE_BYTES_MAX).contains(&size) {
            return Err(invalid("the response says that it has an impossible size"));
        }
        response.resize(size, 0);
        self.0.read_exact(&mut response[HEADER_BYTES..])?;
        Ok(response)
    }

    fn is_shared(&self) -> bool {
        false
    }
}

/// The size that a response's header states.
pub(crate) fn stated_size(response: &[u8]) -> Option<usize> {
    let size = response.get(2..6)?.first_chunk::<4>()?;
    usize::try_from(u32::from_be_bytes(*size)).ok()
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

const TIMEOUT: Duration = Duration::from_secs(RESPONSE_SECONDS_MAX);

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::VecDeque;
    use std::os::unix::net::UnixListener;

    use super::*;

    /// A TPM that answers the recorded commands, in their order, and nothing else.
    #[derive(Debug)]
    pub(crate) struct Recorded(VecDeque<(Vec<u8>, Vec<u8>)>);

    impl Recorded {
        /// Commands and responses in hexadecimal.
        pub(crate) fn new(exchanges: &[(&str, &str)]) -> Self {
            let bytes = |text: &str| hex::decode(text.replace(' ', "")).expect("hexadecimal");
            let exchanges = exchanges.iter();
            Self(
                exchanges
                    .map(|(command, response)| (bytes(command), bytes(response)))
                    .collect(),
            )
        }
    }

    impl Transport for Recorded {
        fn transmit(&mut self, command: &[u8]) -> io::Result<Vec<u8>> {
            let (expected, response) = self
                .0
                .pop_front()
                .ok_or_else(|| invalid("nothing more was recorded"))?;
            assert_eq!(
                hex::encode(command),
                hex::encode(expected),
                "another command was recorded"
            );
            Ok(response)
        }

        fn is_shared(&self) -> bool {
            true
        }

        fn pause(&mut self, _: Duration) {}
    }

    fn answered_with(response: &[u8]) -> io::Result<Vec<u8>> {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).expect("a socket");
        let response = response.to_vec();
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut command = [0; 12];
            stream.read_exact(&mut command).expect("a command");
            let _ = stream.write_all(&response);
        });
        let address = TpmAddress::Path(path);
        let answer = open(&address).expect("a socket").transmit(&[0; 12]);
        serving.join().expect("the double ends well");
        answer
    }

    #[test]
    fn a_socket_reads_as_much_as_the_header_says_and_refuses_what_cannot_be() {
        let good = [0x80, 1, 0, 0, 0, 12, 0, 0, 0, 0, 7, 7];
        assert_eq!(answered_with(&good).expect("whole"), good);
        let long = [&good[..], &[9]].concat();
        assert_eq!(answered_with(&long).expect("no more than stated"), good);
        for size in [[0, 0, 0, 9], [0, 0, 0x10, 1], [0xFF; 4]] {
            let response = [&good[..2], &size[..], &good[6..]].concat();
            let error = answered_with(&response).expect_err("an impossible size");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{size:?}");
        }
        let error = answered_with(&good[..11]).expect_err("cut short");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_tcp_socket_speaks_the_same() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
        let address = listener.local_addr().expect("an address").to_string();
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut command = [0; 12];
            stream.read_exact(&mut command).expect("a command");
            stream
                .write_all(&[0x80, 1, 0, 0, 0, 10, 0, 0, 1, 1])
                .expect("heard");
        });
        let answer = open(&TpmAddress::Tcp(address))
            .expect("a socket")
            .transmit(&[0; 12]);
        assert_eq!(answer.expect("whole"), [0x80, 1, 0, 0, 0, 10, 0, 0, 1, 1]);
        serving.join().expect("the double ends well");
    }

    #[test]
    fn a_path_without_a_tpm_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let address = TpmAddress::Path(folder.path().join("nothing"));
        assert_eq!(
            open(&address).expect_err("nothing there").kind(),
            io::ErrorKind::NotFound
        );
    }
}
