//! One command and its response (Part 1 §18), tried again where the TPM asks for that.

use std::time::Duration;

use strongroom_crypto::secret::wipe;

use super::error::{Code, TpmError};
use super::transport::{self, HEADER_BYTES, Transport};
use super::wire::{Malformed, Reader, Writer};
use super::{Handle, TpmAddress};

/// An open connection to a TPM.
#[derive(Debug)]
pub struct Tpm {
    transport: Box<dyn Transport>,
}

/// A command's number and name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name(pub(super) u32, pub(super) &'static str);

/// How a handle's use is authorised.
#[derive(Debug, Clone, Copy)]
pub(super) enum Authorization {
    /// The empty password.
    EmptyPassword,
    /// A policy session that needs no password.
    Policy(Handle),
}

/// A command that is put together.
#[derive(Debug)]
pub(super) struct Command {
    name: Name,
    handles: Vec<Handle>,
    authorizations: Vec<Authorization>,
    parameters: Vec<u8>,
    answers_a_handle: bool,
}

impl Command {
    pub(super) fn new(name: Name) -> Self {
        Self {
            name,
            handles: Vec::new(),
            authorizations: Vec::new(),
            parameters: Vec::new(),
            answers_a_handle: false,
        }
    }

    /// The next handle, which needs no authorisation.
    pub(super) fn handle(mut self, handle: Handle) -> Self {
        self.handles.push(handle);
        self
    }

    /// The next handle, and what authorises its use. These come before handles that need none.
    pub(super) fn authorized(mut self, handle: Handle, authorization: Authorization) -> Self {
        self.handles.push(handle);
        self.authorizations.push(authorization);
        self
    }

    pub(super) fn parameters(mut self, parameters: Writer) -> Self {
        self.parameters = parameters.bytes();
        self
    }

    /// The response has a handle before its parameters.
    pub(super) fn answers_a_handle(mut self) -> Self {
        self.answers_a_handle = true;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut rest = Writer::new();
        for handle in &self.handles {
            rest = rest.u32(handle.0);
        }
        if !self.authorizations.is_empty() {
            let area = self
                .authorizations
                .iter()
                .fold(Writer::new(), |area, authorization| {
                    let (session, attributes) = match authorization {
                        Authorization::EmptyPassword => (Handle::PASSWORD, 0),
                        Authorization::Policy(session) => (*session, CONTINUE_SESSION),
                    };
                    area.u32(session.0).sized(&[]).u8(attributes).sized(&[])
                });
            let area = area.bytes();
            rest = rest.u32(length(&area)).raw(&area);
        }
        let rest = rest.raw(&self.parameters).bytes();
        let size = length(&rest) + length(&[0; HEADER_BYTES]);
        Writer::new()
            .u16(self.tag())
            .u32(size)
            .u32(self.name.0)
            .raw(&rest)
            .bytes()
    }

    fn tag(&self) -> u16 {
        if self.authorizations.is_empty() {
            NO_SESSIONS
        } else {
            SESSIONS
        }
    }
}

/// A response that says that all went well; wiped when dropped, as it may hold a secret.
#[derive(Debug)]
pub(super) struct Response {
    bytes: Vec<u8>,
    command: &'static str,
    handle: Handle,
    parameters: std::ops::Range<usize>,
}

impl Response {
    /// The handle; [`Handle::NULL`] where the command answers none.
    pub(super) const fn handle(&self) -> Handle {
        self.handle
    }

    pub(super) fn parameters(&self) -> &[u8] {
        &self.bytes[self.parameters.clone()]
    }

    /// Reads the parameters to their end.
    pub(super) fn read<'a, T>(
        &'a self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, Malformed>,
    ) -> Result<T, TpmError> {
        let mut reader = Reader::new(self.parameters());
        let value = read(&mut reader).and_then(|value| reader.end().map(|()| value));
        value.map_err(TpmError::malformed(self.command))
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

impl Tpm {
    /// Connects. A TPM that nobody shares is started where that has not happened yet, and cleared of what an interrupted
    /// program left loaded.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn open(address: &TpmAddress) -> Result<Self, TpmError> {
        let mut tpm = Self::over(transport::open(address)?);
        if !tpm.transport.is_shared() {
            tpm.start()?;
            tpm.flush_leftovers()?;
        }
        Ok(tpm)
    }

    /// Speaks over `transport`.
    #[must_use]
    pub fn over(transport: Box<dyn Transport>) -> Self {
        Self { transport }
    }

    /// `TPM2_Startup(CLEAR)`; a TPM that runs already says so, and goes on.
    fn start(&mut self) -> Result<(), TpmError> {
        let startup = Command::new(STARTUP).parameters(Writer::new().u16(STARTUP_CLEAR));
        match self.run(&startup) {
            Err(error) if !error.is(Code::INITIALIZE) => Err(error),
            _ => Ok(()),
        }
    }

    /// `TPM2_FlushContext`.
    pub(super) fn flush(&mut self, handle: Handle) -> Result<(), TpmError> {
        // The handle is a parameter here: it stands in no handle area (Part 3 §28.4).
        let parameters = Writer::new().u32(handle.0);
        self.run(&Command::new(FLUSH_CONTEXT).parameters(parameters))
            .map(|_| ())
    }

    /// Works with what is loaded at `handle`, and flushes it whatever comes of that.
    pub(super) fn and_flush<T, E: From<TpmError>>(
        &mut self,
        handle: Handle,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let result = work(self);
        let flushed = self.flush(handle);
        let value = result?; // the first error says more than one of clearing up
        flushed?;
        Ok(value)
    }

    /// Runs one command. What will pass by itself is waited for, a bounded number of times.
    pub(super) fn run(&mut self, command: &Command) -> Result<Response, TpmError> {
        let bytes = command.bytes();
        let mut pause = PAUSE_MIN;
        for _ in 1..ATTEMPTS_MAX {
            match self.exchange(command, &bytes) {
                Err(TpmError::Refused { code, .. }) if code.passes() => self.transport.pause(pause),
                Err(error) if error.is(Code::NEEDS_TEST) && command.name.0 != SELF_TEST.0 => {
                    let everything = Writer::new().u8(1);
                    self.run(&Command::new(SELF_TEST).parameters(everything))?;
                }
                done => return done,
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
        self.exchange(command, &bytes)
    }

    fn exchange(&mut self, command: &Command, bytes: &[u8]) -> Result<Response, TpmError> {
        let response = self.transport.transmit(bytes)?;
        parse(command, response)
    }
}

fn parse(command: &Command, bytes: Vec<u8>) -> Result<Response, TpmError> {
    let Name(_, name) = command.name;
    let malformed = TpmError::malformed(name);
    let mut reader = Reader::new(&bytes);
    let (tag, size, code) = header(&mut reader).map_err(&malformed)?;
    if usize::try_from(size).ok() != Some(bytes.len()) {
        return Err(malformed(Malformed("its length is not the one it states")));
    }
    if code != 0 {
        let code = Code(code);
        return Err(TpmError::Refused { command: name, code });
    }
    if tag != command.tag() {
        return Err(malformed(Malformed("it has another tag than the command")));
    }
    let mut handle = Handle::NULL;
    if command.answers_a_handle {
        handle = Handle(reader.u32().map_err(&malformed)?);
    }
    let mut end = bytes.len();
    let mut start = end - reader.rest().len();
    if tag == SESSIONS {
        let size = reader.u32().map_err(&malformed)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        reader.take(size).map_err(&malformed)?;
        start += size_of::<u32>();
        end = start + size; // what follows answers passwords and policies: nothing in it is of use
    }
    Ok(Response {
        bytes,
        command: name,
        handle,
        parameters: start..end,
    })
}

fn header(reader: &mut Reader<'_>) -> Result<(u16, u32, u32), Malformed> {
    Ok((reader.u16()?, reader.u32()?, reader.u32()?))
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("commands are far below 4 GiB")
}

const NO_SESSIONS: u16 = 0x8001;
const SESSIONS: u16 = 0x8002;
const CONTINUE_SESSION: u8 = 1;
const STARTUP_CLEAR: u16 = 0;
const SELF_TEST: Name = Name(0x143, "TPM2_SelfTest");
const STARTUP: Name = Name(0x144, "TPM2_Startup");
const FLUSH_CONTEXT: Name = Name(0x165, "TPM2_FlushContext");

/// How often a command is tried: about five seconds.
const ATTEMPTS_MAX: u32 = 12;
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::super::transport::tests::Recorded;
    use super::*;

    /// `TPM2_FlushContext` of one handle, answered like this in turn.
    fn flush(answers: &[&str]) -> Result<(), String> {
        let command = "8001 0000000e 00000165 80000000";
        let exchanges: Vec<_> = answers.iter().map(|answer| (command, *answer)).collect();
        let mut tpm = Tpm::over(Box::new(Recorded::new(&exchanges)));
        tpm.flush(Handle(0x8000_0000)).map_err(|error| error.to_string())
    }

    const DONE: &str = "8001 0000000a 00000000";

    #[test]
    fn a_busy_tpm_is_asked_again_and_not_for_ever() {
        let busy = "8001 0000000a 00000922";
        assert_eq!(flush(&[busy, busy, DONE]), Ok(()));
        let error = flush(&[busy; 12]).expect_err("always busy");
        assert_eq!(error, "TPM2_FlushContext: TPM_RC_RETRY (0x922): the TPM is busy");
    }

    #[test]
    fn a_refusal_names_the_command() {
        let error = flush(&["8001 0000000a 000001c4"]).expect_err("refused");
        assert_eq!(
            error,
            "TPM2_FlushContext: TPM_RC_VALUE (0x1c4, parameter 1): a value is out of range"
        );
    }

    #[test]
    fn a_response_that_is_none_is_refused() {
        for (response, what) in [
            ("", "ends early"),
            ("8001 0000000a 0000", "ends early"),
            ("8001 0000000b 00000000", "its length"),
            ("8002 0000000e 00000000 00000000", "another tag"),
        ] {
            let error = flush(&[response]).expect_err(response);
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn an_algorithm_that_needs_a_test_is_tested_and_the_command_run_again() {
        let flush = "8001 0000000e 00000165 80000000";
        let mut tpm = Tpm::over(Box::new(Recorded::new(&[
            (flush, "8001 0000000a 00000153"),
            ("8001 0000000b 00000143 01", DONE),
            (flush, DONE),
        ])));
        assert!(tpm.flush(Handle(0x8000_0000)).is_ok());
    }

    #[test]
    fn what_was_loaded_is_flushed_after_an_error_too_and_the_first_error_is_told() {
        let exchanges = [("8001 0000000e 00000165 80000001", "8001 0000000a 00000922"); 12];
        let mut tpm = Tpm::over(Box::new(Recorded::new(&exchanges)));
        let failed = TpmError::Malformed {
            command: "work",
            what: "failed",
        };
        let result: Result<(), TpmError> = tpm.and_flush(Handle(0x8000_0001), |_| Err(failed));
        assert!(result.expect_err("failed").to_string().contains("work"));
    }
}
