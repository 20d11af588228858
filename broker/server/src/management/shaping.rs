//! Answers cut to what the query asks for: columns, an order, names that match, a page.
//!
//! | query | what it does |
//! |---|---|
//! | `columns=name,a.b` | keeps these fields, also of what is within |
//! | `sort=messages&sort_reverse=true` | puts a list in order of a field |
//! | `name=x&use_regex=true` | keeps what has `x` in its name, or matches it |
//! | `page=1&page_size=100` | one page, and how many there are |

use std::cmp::Ordering;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Query, Request};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use broker_core::pattern::Pattern;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::management::failed::Failed;

/// Items of a page, unless the query says otherwise, and at most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Shape {
    columns: Option<String>,
    sort: Option<String>,
    sort_reverse: bool,
    name: Option<String>,
    use_regex: bool,
    page: Option<usize>,
    page_size: Option<usize>,
}

/// Shapes what a `GET` is answered with.
pub(super) async fn shape(request: Request, next: Next) -> Response {
    let plain = request.method() != Method::GET || request.uri().query().is_none();
    if plain {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let shape = match Query::<Shape>::from_request_parts(&mut parts, &()).await {
        Ok(Query(shape)) => shape,
        Err(rejection) => return Failed::bad_request(rejection.body_text()).into_response(),
    };
    let response = next.run(Request::from_parts(parts, body)).await;
    if response.status() != StatusCode::OK || !shape.asks() {
        return response;
    }
    match shaped(shape, response).await {
        Ok(response) => response,
        Err(failed) => failed.into_response(),
    }
}

async fn shaped(shape: Shape, response: Response) -> Result<Response, Failed> {
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.map_err(Failed::bad_request)?;
    let Ok(value) = serde_json::from_slice(&bytes) else {
        return Ok(Response::from_parts(parts, Body::from(bytes)));
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_TYPE);
    Ok((parts.status, Json(shape.apply(value)?)).into_response())
}

// === impl Shape ===

impl Shape {
    fn asks(&self) -> bool {
        let Self { columns, sort, name, page, .. } = self;
        columns.is_some() || sort.is_some() || name.is_some() || page.is_some()
    }

    fn apply(&self, value: Value) -> Result<Value, Failed> {
        let Value::Array(mut items) = value else { return Ok(self.project(value)) };
        let total = items.len();
        if let Some(name) = self.name.as_deref().filter(|name| !name.is_empty()) {
            self.keep(name, &mut items)?;
        }
        if let Some(sort) = &self.sort {
            items.sort_by(|a, b| compare(field(a, sort), field(b, sort)));
            if self.sort_reverse {
                items.reverse();
            }
        }
        let Some(page) = self.page else {
            return Ok(items.into_iter().map(|item| self.project(item)).collect());
        };
        self.cut(items, total, page)
    }

    fn keep(&self, name: &str, items: &mut Vec<Value>) -> Result<(), Failed> {
        let pattern = match self.use_regex {
            true => Some(Pattern::new(name).map_err(Failed::bad_request)?),
            false => None,
        };
        let lower = name.to_lowercase();
        items.retain(|item| {
            let own = field(item, "name").and_then(Value::as_str).unwrap_or_default();
            match &pattern {
                Some(pattern) => pattern.is_in(own),
                None => own.to_lowercase().contains(&lower),
            }
        });
        Ok(())
    }

    fn cut(&self, items: Vec<Value>, total: usize, page: usize) -> Result<Value, Failed> {
        let size = self.page_size.unwrap_or(PAGE);
        if size == 0 || size > LARGEST_PAGE {
            let reason = format_args!("page_size is from 1 to {LARGEST_PAGE}");
            return Err(Failed::bad_request(reason));
        }
        let filtered = items.len();
        let pages = filtered.div_ceil(size).max(1);
        if page == 0 || page > pages {
            let reason = format_args!("page {page} of {pages}");
            return Err(Failed::new(StatusCode::BAD_REQUEST, "page_out_of_range", reason));
        }
        let on_page = items.into_iter().skip((page - 1) * size).take(size);
        let on_page: Vec<Value> = on_page.map(|item| self.project(item)).collect();
        Ok(json!({
            "total_count": total,
            "filtered_count": filtered,
            "item_count": on_page.len(),
            "page": page,
            "page_size": size,
            "page_count": pages,
            "items": on_page,
        }))
    }

    /// The item with only the columns that are asked for.
    fn project(&self, item: Value) -> Value {
        let Some(columns) = &self.columns else { return item };
        let mut kept = Map::new();
        for column in columns.split(',') {
            if let Some(value) = field(&item, column) {
                insert(&mut kept, column, value.clone());
            }
        }
        Value::Object(kept)
    }
}

/// A field by its name, with dots into what is within.
fn field<'a>(item: &'a Value, path: &str) -> Option<&'a Value> {
    item.get(path).or_else(|| path.split('.').try_fold(item, |within, name| within.get(name)))
}

fn insert(kept: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            kept.insert(path.to_owned(), value);
        }
        Some((name, rest)) => {
            let within = kept.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(within) = within {
                insert(within, rest, value);
            }
        }
    }
}

fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => {
            a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Some(Value::String(a)), Some(Value::String(b))) => a.cmp(b),
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items() -> Value {
        json!([
            {"name": "b", "messages": 10, "deep": {"x": 1, "y": 2}},
            {"name": "a", "messages": 9},
            {"name": "Ab", "messages": 100},
        ])
    }

    fn names(value: &Value) -> Vec<&str> {
        let items = value.get("items").unwrap_or(value).as_array().unwrap();
        items.iter().filter_map(|item| item["name"].as_str()).collect()
    }

    #[test]
    fn lists_are_filtered_and_sorted() {
        #[rustfmt::skip]
        let cases = [
            (Shape { sort: Some("messages".into()), ..Shape::default() },                       vec!["a", "b", "Ab"]),
            (Shape { sort: Some("name".into()), sort_reverse: true, ..Shape::default() },       vec!["b", "a", "Ab"]),
            (Shape { name: Some("A".into()), ..Shape::default() },                              vec!["a", "Ab"]),
            (Shape { name: Some("^a".into()), use_regex: true, ..Shape::default() },            vec!["a"]),
            (Shape { page: Some(2), page_size: Some(2), ..Shape::default() },                   vec!["Ab"]),
        ];
        for (shape, expected) in cases {
            assert_eq!(names(&shape.apply(items()).unwrap()), expected, "{shape:?}");
        }
    }

    #[test]
    fn a_page_says_of_how_many_it_is() {
        let shape =
            Shape { page: Some(1), page_size: Some(1), name: Some("a".into()), ..Shape::default() };
        let page = shape.apply(items()).unwrap();
        let counts = ["total_count", "filtered_count", "item_count", "page_count"];
        assert_eq!(counts.map(|count| page[count].as_u64().unwrap()), [3, 2, 1, 2]);
        for (page, page_size) in [(0, 1), (4, 1), (1, 0), (1, 501)] {
            let shape = Shape { page: Some(page), page_size: Some(page_size), ..Shape::default() };
            assert!(shape.apply(items()).is_err(), "{shape:?}");
        }
    }

    #[test]
    fn columns_reach_within() {
        let shape = Shape { columns: Some("name,deep.y,none".into()), ..Shape::default() };
        let shaped = shape.apply(items()).unwrap();
        assert_eq!(shaped[0], json!({"name": "b", "deep": {"y": 2}}));
        assert_eq!(shaped[1], json!({"name": "a"}));
        assert_eq!(shape.apply(json!({"name": "n", "x": 1})).unwrap(), json!({"name": "n"}));
    }
}
