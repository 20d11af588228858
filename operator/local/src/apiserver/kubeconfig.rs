//! The kubeconfig that gives `kubectl` and `helm` access.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};

/// One cluster, one user, one context, all called `warren-dev`.
pub(crate) fn render(url: &str, ca_pem: &str, token: &str) -> String {
    let ca = STANDARD.encode(ca_pem);
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: warren-dev\n  cluster:\n    server: {url}\n    certificate-authority-data: {ca}\n\
         users:\n\
         - name: warren-dev\n  user:\n    token: {token}\n\
         contexts:\n\
         - name: warren-dev\n  context:\n    cluster: warren-dev\n    user: warren-dev\n    namespace: default\n\
         current-context: warren-dev\n"
    )
}

/// Replaces `path` in one step by a file of mode 0600, so that a reader never sees half of it.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = Path::new(&part);
    let _ = fs::remove_file(part);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    fs::rename(part, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_is_private_and_replaces_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        fs::write(&path, "old").unwrap();
        write(&path, &render("https://127.0.0.1:1", "PEM", "secret")).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let parsed: serde_json::Value =
            serde_yaml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(parsed["users"][0]["user"]["token"], "secret");
        assert_eq!(parsed["contexts"][0]["context"]["namespace"], "default");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
