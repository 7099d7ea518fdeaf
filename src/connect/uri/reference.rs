//! A reference resolved against the URI it was read at (RFC 3986 5.2), as text: nothing is decoded.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// With a scheme.
    Uri,
    /// `//`, and a host of its own.
    NetworkPath,
    /// A path, a query or both.
    Path,
}

pub(super) fn kind(reference: &str) -> Kind {
    let first_segment = reference.split(['/', '?']).next().unwrap_or_default();
    if reference.starts_with("//") {
        Kind::NetworkPath
    } else if first_segment.contains(':') {
        Kind::Uri
    } else {
        Kind::Path
    }
}

/// Path and query that a reference of the kind `Path` leads to from those of the base (5.2.2).
pub(super) fn resolve(base: &str, reference: &str) -> String {
    let (base_path, _) = split_query(base);
    let (path, query) = split_query(reference);
    if path.is_empty() {
        // The empty reference keeps the base's query.
        return if query.is_empty() { base.to_owned() } else { format!("{base_path}{query}") };
    }
    let merged = if path.starts_with('/') { path.to_owned() } else { merge(base_path, path) };
    format!("{}{query}", without_dot_segments(&merged))
}

/// The query with its question mark, even if there is nothing behind it.
fn split_query(text: &str) -> (&str, &str) {
    text.split_at(text.find('?').unwrap_or(text.len()))
}

/// In place of all behind the base's last slash (5.2.3).
fn merge(base_path: &str, path: &str) -> String {
    let kept = base_path.rfind('/').map_or("/", |slash| &base_path[..=slash]);
    format!("{kept}{path}")
}

/// Of a path that begins with a slash (5.2.4); an escaped dot is none.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_dot = segment == "." || segment == "..";
        if segment == ".." {
            kept.pop();
        }
        if !is_dot {
            kept.push(segment);
        } else if segments.peek().is_none() {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_3986_5_4_hold() {
        // Those with a path; of "g;x=1/y" and the like the parameters are part of the segment.
        let rows = [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            (";x", "/b/c/;x"),
            ("g;x", "/b/c/g;x"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../", "/"),
            ("../../g", "/g"),
            ("../../../g", "/g"),
            ("../../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            (".g", "/b/c/.g"),
            ("g..", "/b/c/g.."),
            ("..g", "/b/c/..g"),
            ("./../g", "/b/g"),
            ("./g/.", "/b/c/g/"),
            ("g/./h", "/b/c/g/h"),
            ("g/../h", "/b/c/h"),
            ("g;x=1/./y", "/b/c/g;x=1/y"),
            ("g;x=1/../y", "/b/c/y"),
            ("g?y/./x", "/b/c/g?y/./x"),
            ("g?y/../x", "/b/c/g?y/../x"),
            ("?", "/b/c/d;p?"),
            ("%2e%2e/g", "/b/c/%2e%2e/g"),
            ("g//h", "/b/c/g//h"),
        ];
        for (reference, expected) in rows {
            assert_eq!(kind(reference), Kind::Path, "{reference}");
            assert_eq!(resolve("/b/c/d;p?q", reference), expected, "{reference}");
        }
    }

    #[test]
    fn a_colon_in_the_first_segment_ends_a_scheme() {
        for (reference, expected) in [
            ("g:h", Kind::Uri),
            ("//g", Kind::NetworkPath),
            ("///g", Kind::NetworkPath),
            ("./g:h", Kind::Path),
            ("/g:h", Kind::Path),
            ("g?h:i", Kind::Path),
        ] {
            assert_eq!(kind(reference), expected, "{reference}");
        }
    }

    #[test]
    fn what_begins_with_two_slashes_stays_a_path() {
        assert_eq!(resolve("/a", "/.//b"), "//b");
        assert_eq!(resolve("//a/b", "c"), "//a/c");
    }
}
