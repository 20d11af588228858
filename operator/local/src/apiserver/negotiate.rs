//! `Accept`: which of the forms that a client can read it is given.

use crate::apiserver::status::{ApiError, Result};

/// The media types that a client accepts, best first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Accept {
    entries: Vec<Media>,
}

/// How objects are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they are stored.
    Object,
    /// Rows and columns (`meta.k8s.io/v1 Table`).
    Table,
    /// `PartialObjectMetadata`.
    Metadata,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Media {
    /// As in `application/json`.
    name: String,
    /// As in `("as", "Table")`.
    parameters: Vec<(String, String)>,
}

// === impl Accept ===

impl Accept {
    /// Reads the header; entries of equal quality stay in order.
    pub(crate) fn parse(header: &str) -> Self {
        let mut entries: Vec<(u32, Media)> = header
            .split(',')
            .filter(|entry| !entry.trim().is_empty())
            .map(|entry| {
                let mut pieces = entry.split(';').map(str::trim);
                let name = pieces.next().unwrap_or_default().to_ascii_lowercase();
                let parameters: Vec<(String, String)> = pieces
                    .filter_map(|piece| piece.split_once('='))
                    .map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned()))
                    .collect();
                let quality = parameters
                    .iter()
                    .find(|(n, _)| n == "q")
                    .and_then(|(_, v)| v.parse::<f32>().ok())
                    .map_or(1000, |q| (q.clamp(0.0, 1.0) * 1000.0) as u32);
                (quality, Media { name, parameters })
            })
            .collect();
        entries.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
        Self { entries: entries.into_iter().map(|(_, media)| media).collect() }
    }

    /// The form for objects, or 406 when JSON is not accepted at all.
    pub(crate) fn form(&self) -> Result<Form> {
        if self.entries.is_empty() {
            return Ok(Form::Object);
        }
        let chosen = self.entries.iter().find_map(|media| {
            if !media.is_json() {
                return None;
            }
            match media.parameter("as") {
                None => Some(Form::Object),
                Some("Table") => Some(Form::Table),
                Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Some(Form::Metadata),
                Some(_) => None,
            }
        });
        chosen.ok_or_else(|| ApiError::not_acceptable("application/json"))
    }

    /// The version of aggregated discovery (`v2` or `v2beta1`) when it is preferred.
    pub(crate) fn aggregated_discovery(&self) -> Option<&'static str> {
        let media = self.entries.iter().find(|media| media.is_json())?;
        match (media.parameter("as")?, media.parameter("v")?) {
            ("APIGroupDiscoveryList", "v2") => Some("v2"),
            ("APIGroupDiscoveryList", "v2beta1") => Some("v2beta1"),
            _ => None,
        }
    }

    /// Whether this very media type is named.
    pub(crate) fn names(&self, media_type: &str) -> bool {
        self.entries.iter().any(|media| media.name == media_type)
    }

    /// Whether plain JSON would do.
    pub(crate) fn json(&self) -> bool {
        self.entries.is_empty() || self.entries.iter().any(Media::is_json)
    }
}

// === impl Media ===

impl Media {
    fn is_json(&self) -> bool {
        matches!(self.name.as_str(), "application/json" | "*/*" | "application/*")
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_can_be_produced_is_chosen() {
        let kubectl_get = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        #[rustfmt::skip]
        let cases = [
            ("",                                              Some(Form::Object)),
            ("*/*",                                           Some(Form::Object)),
            (kubectl_get,                                     Some(Form::Table)),
            ("application/json;q=0.1, application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", Some(Form::Metadata)),
            ("application/vnd.kubernetes.protobuf,application/json", Some(Form::Object)),
            ("application/vnd.kubernetes.protobuf",           None),
        ];
        for (header, expected) in cases {
            assert_eq!(Accept::parse(header).form().ok(), expected, "{header}");
        }
    }

    #[test]
    fn aggregated_discovery_is_asked_for_by_name() {
        let header = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                      application/json";
        assert_eq!(Accept::parse(header).aggregated_discovery(), Some("v2"));
        assert_eq!(Accept::parse("application/json").aggregated_discovery(), None);
    }
}
