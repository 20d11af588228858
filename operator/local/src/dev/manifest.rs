//! Reading manifests from folders.
//!
//! Every `*.yaml`, `*.yml` and `*.json` file counts, in sub-folders too, but for hidden ones. A
//! file may hold several documents, and a document a `List`. A document that is no manifest is a
//! problem of its own; the others go on.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kube::ResourceExt;
use kube::core::DynamicObject;
use serde::Deserialize;
use serde_json::Value;

/// Where a manifest comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    /// Counted from 1.
    pub(super) document: usize,
}

/// One object that somebody wants to exist.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub(super) source: Source,
    pub(super) object: DynamicObject,
}

/// Something that is wrong with a file, a document or an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    /// File and document, or the object's name.
    pub(super) at: String,
    pub(super) message: String,
}

/// What the folders hold at one moment.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) manifests: Vec<Manifest>,
    pub(super) problems: Vec<Problem>,
    /// Files that could not be read to their end: what they held before is still wanted.
    pub(super) broken: BTreeSet<PathBuf>,
}

/// Reads every manifest below `places`, which are folders or files.
pub(super) fn load(places: &[PathBuf]) -> Loaded {
    let mut loaded = Loaded::default();
    for place in places {
        let mut files = BTreeSet::new();
        if let Err(error) = find(place, true, &mut files) {
            loaded.fail(place, place.display().to_string(), error.to_string());
        }
        for file in files {
            match fs::read_to_string(&file) {
                Ok(text) => loaded.read(&file, &text),
                // Gone between listing and reading: an editor replaces files this way.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => loaded.fail(&file, file.display().to_string(), error.to_string()),
            }
        }
    }
    loaded
}

/// Collects the manifest files at `place`; `named` if somebody asked for exactly this.
fn find(place: &Path, named: bool, files: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    let hidden = place.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    if hidden && !named {
        return Ok(());
    }
    let is_link = fs::symlink_metadata(place)?.is_symlink();
    let meta = match fs::metadata(place) {
        Err(_) if is_link && !named => return Ok(()),
        other => other?,
    };
    if meta.is_file() {
        let extension = place.extension().and_then(|extension| extension.to_str());
        if named || matches!(extension, Some("yaml" | "yml" | "json")) {
            files.insert(place.to_owned());
        }
        return Ok(());
    }
    // A link to a folder could lead in circles.
    if meta.is_dir() && (named || !is_link) {
        for entry in fs::read_dir(place)? {
            find(&entry?.path(), false, files)?;
        }
    }
    Ok(())
}

// === impl Source ===

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (document {})", self.file.display(), self.document)
    }
}

// === impl Problem ===

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

// === impl Loaded ===

impl Loaded {
    fn read(&mut self, file: &Path, text: &str) {
        for (index, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
            let source = Source { file: file.to_owned(), document: index + 1 };
            // Through a YAML value, which refuses a key that is given twice.
            let parsed =
                serde_yaml::Value::deserialize(document).map_err(|error| error.to_string());
            match parsed
                .and_then(|value| serde_json::to_value(value).map_err(|error| error.to_string()))
            {
                Ok(Value::Null) => {}
                Ok(value) => self.document(&source, value),
                Err(message) => {
                    self.fail(file, source.to_string(), message);
                    return;
                }
            }
        }
    }

    fn document(&mut self, source: &Source, mut value: Value) {
        let list = value["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
        if let (true, Some(items)) = (list, value.get_mut("items").and_then(Value::as_array_mut)) {
            for item in std::mem::take(items) {
                self.document(source, item);
            }
            return;
        }
        for field in ["apiVersion", "kind"] {
            if value[field].as_str().is_none_or(str::is_empty) {
                return self.fail(
                    &source.file,
                    source.to_string(),
                    format!("not a manifest: it has no {field}"),
                );
            }
        }
        match serde_json::from_value::<DynamicObject>(value) {
            Ok(object) if object.name_any().is_empty() => {
                self.fail(&source.file, source.to_string(), "metadata.name is missing".to_owned());
            }
            Ok(object) => self.manifests.push(Manifest { source: source.clone(), object }),
            Err(error) => self.fail(&source.file, source.to_string(), error.to_string()),
        }
    }

    fn fail(&mut self, file: &Path, at: String, message: String) {
        self.broken.insert(file.to_owned());
        self.problems.push(Problem { at, message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(loaded: &Loaded) -> Vec<String> {
        loaded.manifests.iter().map(|manifest| manifest.object.name_any()).collect()
    }

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn manifests_are_found_in_order_and_other_files_are_not() {
        let folder = folder(&[
            (
                "b.yaml",
                "---\n# nothing\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: two}\n---\n",
            ),
            ("a.yml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}"),
            (
                "sub/c.json",
                r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "three"}}"#,
            ),
            (
                "list.yaml",
                "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: four}}\n",
            ),
            ("README.md", "apiVersion: v1"),
            (".hidden.yaml", "nonsense: ["),
            (".git/x.yaml", "nonsense: ["),
        ]);
        let loaded = load(&[folder.path().to_owned()]);
        assert_eq!(names(&loaded), ["one", "two", "four", "three"]);
        assert_eq!(loaded.problems, []);
    }

    #[test]
    fn a_bad_document_is_named_and_the_rest_goes_on() {
        #[rustfmt::skip]
        let cases = [
            // text                                                             at            message contains
            ("kind: [",                                                         "document 1", "did not find"),
            ("foo: bar",                                                        "document 1", "no apiVersion"),
            ("apiVersion: v1\nmetadata: {name: x}",                             "document 1", "no kind"),
            ("apiVersion: v1\nkind: ConfigMap",                                 "document 1", "metadata.name"),
            ("apiVersion: v1\nkind: X\nmetadata: {name: 5}",                    "document 1", "string"),
            ("a: 1\na: 2",                                                      "document 1", "duplicate"),
            ("--- \n{apiVersion: v1, kind: X, metadata: {name: y}}\n---\nx",    "document 2", "apiVersion"),
        ];
        for (text, at, message) in cases {
            let folder = folder(&[
                ("bad.yaml", text),
                ("good.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: good}}"),
            ]);
            let loaded = load(&[folder.path().to_owned()]);
            let [problem] = loaded.problems.as_slice() else {
                panic!("{text}: {:?}", loaded.problems)
            };
            assert!(
                problem.at.contains("bad.yaml") && problem.at.contains(at),
                "{text}: {problem:?}"
            );
            assert!(problem.message.contains(message), "{text}: {problem:?}");
            assert!(names(&loaded).contains(&"good".to_owned()));
            assert!(loaded.broken.contains(&folder.path().join("bad.yaml")));
        }
    }

    #[test]
    fn a_place_that_is_not_there_is_a_problem() {
        let loaded = load(&[PathBuf::from("/nowhere/at/all")]);
        assert_eq!(loaded.problems.len(), 1);
    }
}
