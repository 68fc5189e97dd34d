//! Which links are kept.

/// The longest address of a link, in bytes.
const MAX_LINK: usize = 1_000;

/// The address, if it is a link that a text may have: `https://`, a host, and no character that means
/// something in Markdown or HTML. Parentheses are percent-encoded.
pub(super) fn safe(address: &str) -> Option<String> {
    let address = address.trim();
    let scheme = address.get(..8)?;
    let rest = &address[8..];
    if !scheme.eq_ignore_ascii_case("https://") || address.len() > MAX_LINK {
        return None;
    }
    let host = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let is_host = !host.is_empty()
        && host.chars().all(|it| it.is_alphanumeric() || matches!(it, '.' | '-' | ':'));
    let is_plain = |it: char| {
        !it.is_whitespace()
            && !it.is_control()
            && !matches!(it, '<' | '>' | '"' | '\\' | '`' | '[' | ']' | '*')
    };
    let is_kept = is_host && rest.chars().all(is_plain);
    is_kept.then(|| format!("https://{}", rest.replace('(', "%28").replace(')', "%29")))
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn only_https_is_kept() {
        assert_eq!(safe("HTTPS://a.org/b_(c)").as_deref(), Some("https://a.org/b_%28c%29"));
        assert_eq!(safe("https://a.org?x=1&y=2#z").as_deref(), Some("https://a.org?x=1&y=2#z"));
        for other in [
            "http://a.org",
            "javascript:alert(1)",
            "https://",
            "https:///x",
            "https://u@a.org",
            "https://a.org/<b>",
            "https://a.org/ b",
            "https://a.org/\\",
            "//a.org",
            "ééé",
            "@@PLUGINFILE@@/a.png",
        ] {
            assert_eq!(safe(other), None, "{other}");
        }
    }
}
