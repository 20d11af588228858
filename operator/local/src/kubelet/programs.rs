//! Which program of this machine stands for a container's command.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{self, Path, PathBuf};

use crate::kubelet::waiting::Waiting;

/// The programs that may be run: those in one folder, and the broker where it was named.
///
/// A container image is not looked at, and nothing is searched for in `PATH`: a manifest can
/// start the project's own programs and no others.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    folder: PathBuf,
    broker: Option<PathBuf>,
}

const BROKER: &str = "warren-broker";

// === impl Programs ===

impl Programs {
    /// Looks in `folder`; `broker` takes the place of the broker found there.
    ///
    /// A relative `broker` is meant from the folder that this process is in; containers run in folders of their own.
    pub(crate) fn new(folder: PathBuf, broker: Option<PathBuf>) -> Self {
        let broker = broker.map(|broker| path::absolute(&broker).unwrap_or(broker));
        Self { folder, broker }
    }

    /// The program for `command`, which is chosen by its last path component.
    pub(super) fn find(&self, command: Option<&str>) -> Result<PathBuf, Waiting> {
        let Some(name) = command.and_then(|command| Path::new(command).file_name()) else {
            return Err(Waiting::unsupported(
                "`dev` does not run images: the container needs a `command` whose program lies beside warren-operator",
            ));
        };
        let beside = self.folder.join(name);
        let place = match &self.broker {
            Some(broker) if name == BROKER => broker.clone(),
            _ => beside,
        };
        if is_program(&place) {
            Ok(place)
        } else {
            Err(Waiting::program(&name.to_string_lossy(), &[place]))
        }
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(path: &Path, mode: u32) {
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn only_programs_of_the_folder_are_found() {
        let folder = tempfile::tempdir().unwrap();
        program(&folder.path().join("warren-broker"), 0o755);
        program(&folder.path().join("notes"), 0o644);
        let programs = Programs::new(folder.path().to_owned(), None);
        #[rustfmt::skip]
        let cases = [
            // command                              found   because
            (Some("/usr/local/bin/warren-broker"),  true,   "the last component counts"),
            (Some("warren-broker"),                 true,   "a bare name"),
            (Some("/bin/sh"),                       false,  "not a program of ours"),
            (Some("notes"),                         false,  "not executable"),
            (Some(".."),                            false,  "not a name"),
            (Some(""),                              false,  "nothing"),
            (None,                                  false,  "the image's own command is unknown"),
        ];
        for (command, found, because) in cases {
            assert_eq!(programs.find(command).is_ok(), found, "{command:?}: {because}");
        }
    }

    #[test]
    fn a_named_broker_takes_precedence_and_must_exist() {
        let folder = tempfile::tempdir().unwrap();
        program(&folder.path().join("warren-broker"), 0o755);
        program(&folder.path().join("mine"), 0o755);
        let programs = Programs::new(folder.path().to_owned(), Some(folder.path().join("mine")));
        assert_eq!(programs.find(Some(BROKER)).unwrap(), folder.path().join("mine"));
        let programs = Programs::new(folder.path().to_owned(), Some(folder.path().join("none")));
        assert_eq!(programs.find(Some(BROKER)).unwrap_err().reason, "ProgramNotFound");
    }

    #[test]
    fn a_broker_named_from_here_is_found_from_everywhere() {
        let programs = Programs::new(PathBuf::new(), Some(PathBuf::from("./mine")));
        assert_eq!(programs.broker, Some(std::env::current_dir().unwrap().join("mine")));
    }
}
