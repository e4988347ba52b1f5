//! Settings of TensorFlow sessions: threads, by TensorFlow Serving's flags.

use prost::Message as _;
use strongroom_api::serving::saved_model::ConfigProto;

/// What a session is told.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// Encoded `ConfigProto` of `--tensorflow_session_config_file`, if there is one.
    pub config: Option<Vec<u8>>,
    /// Threads inside and between operators together; zero leaves it to the others.
    pub parallelism: i32,
    /// Threads inside one operator; zero is one per core.
    pub intra_op: i32,
    /// Threads for independent operators; zero leaves runs on the calling thread wherever that is faster.
    pub inter_op: i32,
}

/// The settings contradict each other.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "Either tensorflow_session_parallelism or tensorflow_intra_op_parallelism and tensorflow_inter_op_parallelism can \
     be set, not all of them"
)]
pub struct SessionError;

/// Where the runs of a session go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Threads {
    /// On the calling thread where that is faster: nobody asked for others.
    Caller,
    /// Where the session's settings say.
    Session,
}

impl SessionOptions {
    /// An encoded `ConfigProto`, and where runs go. The file's settings stay, whatever fields they are; flags that are given win.
    pub(super) fn config(&self) -> Result<(Vec<u8>, Threads), SessionError> {
        if self.parallelism > 0 && self.intra_op > 0 && self.inter_op > 0 {
            return Err(SessionError);
        }
        let given = self
            .config
            .as_deref()
            .map(ConfigProto::decode)
            .and_then(Result::ok)
            .unwrap_or_default();
        let first = |options: [i32; 3]| {
            options
                .into_iter()
                .find(|&threads| threads != 0)
                .unwrap_or_default()
        };
        let inter_op = first([
            self.inter_op,
            self.parallelism,
            given.inter_op_parallelism_threads,
        ]);
        let threads = ConfigProto {
            intra_op_parallelism_threads: first([
                self.intra_op,
                self.parallelism,
                given.intra_op_parallelism_threads,
            ]),
            inter_op_parallelism_threads: inter_op,
            ..ConfigProto::default()
        };
        // Concatenated messages merge, and the later scalar wins.
        let mut config = self.config.clone().unwrap_or_default();
        config.extend(threads.encode_to_vec());
        // Requests come on worker threads of their own: handing a small graph to a second pool costs more than it runs.
        let threads = if inter_op == 0 {
            Threads::Caller
        } else {
            Threads::Session
        };
        Ok((config, threads))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads(options: SessionOptions) -> (i32, i32, Threads) {
        let (config, threads) = options.config().expect("no contradiction");
        let config = ConfigProto::decode(&config[..]).expect("a ConfigProto");
        (
            config.intra_op_parallelism_threads,
            config.inter_op_parallelism_threads,
            threads,
        )
    }

    #[test]
    fn flags_win_over_the_file_and_silence_means_the_calling_thread() {
        assert_eq!(threads(SessionOptions::default()), (0, 0, Threads::Caller));
        let parallelism = SessionOptions {
            parallelism: 3,
            ..Default::default()
        };
        assert_eq!(threads(parallelism), (3, 3, Threads::Session));
        let file = ConfigProto {
            intra_op_parallelism_threads: 5,
            inter_op_parallelism_threads: 6,
            ..ConfigProto::default()
        };
        let file = SessionOptions {
            config: Some(file.encode_to_vec()),
            ..Default::default()
        };
        assert_eq!(threads(file.clone()), (5, 6, Threads::Session));
        assert_eq!(
            threads(SessionOptions { intra_op: 2, ..file }),
            (2, 6, Threads::Session)
        );
        let all = SessionOptions {
            parallelism: 1,
            intra_op: 1,
            inter_op: 1,
            config: None,
        };
        assert_eq!(all.config(), Err(SessionError));
    }
}
