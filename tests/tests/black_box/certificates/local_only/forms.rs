use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Issued;

const PUBLIC: [&str; 2] = ["access-control-allow-origin", "etag"];

#[tokio::test]
async fn one_address_has_four_forms() {
    let issued = Issued::start().await;
    for (accept, media_type, begins) in [
        ("*/*", "application/json", "{\"@context\":"),
        ("application/vc", "application/vc", "{\"@context\":"),
        ("application/ld+json", "application/ld+json", "{\"@context\":"),
        ("application/vc+jwt", "application/vc+jwt", "eyJ"),
        ("application/jwt", "application/jwt", "eyJ"),
        ("text/html,*/*;q=0.8", "text/html; charset=utf-8", "<!doctype html>"),
        ("image/svg+xml,image/*,*/*;q=0.8", "image/svg+xml", "<svg "),
    ] {
        let first = issued.form(accept).await;
        assert_eq!(first.status, 200, "{accept}");
        assert_eq!(first.header("content-type"), Some(media_type));
        first.assert_headers(&[&PUBLIC[..], &["content-type"]].concat());
        assert!(first.body.starts_with(begins), "{accept}: {}", first.body);
        assert!(first.header("vary").unwrap().contains("accept"), "{accept}");
        let cache_control = first.header("cache-control").unwrap();
        assert!(cache_control.starts_with("public, max-age=60, "), "{cache_control}");
        let tag = first.header("etag").unwrap().to_owned();
        let get = issued.api.get(&issued.path()).header("accept", accept);
        let again = get.header("if-none-match", &tag).send().await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{accept}");
        assert!(again.header("vary").unwrap().contains("accept"), "{accept}");
    }
    for (format, media_type) in [
        ("json", "application/json"),
        ("jwt", "application/vc+jwt"),
        ("html", "text/html; charset=utf-8"),
        ("svg", "image/svg+xml"),
    ] {
        let path = format!("{}?format={format}", issued.path());
        let answer = issued.api.get(&path).header("accept", "video/mp4").send().await;
        assert_eq!(answer.header("content-type"), Some(media_type));
    }
}

#[tokio::test]
async fn readers_who_come_at_once_get_the_same_bytes() {
    let issued = Issued::start().await;
    let jwts = join_all((0..8).map(|_| issued.jwt())).await;
    assert!(jwts.iter().all(|jwt| *jwt == jwts[0]));
    assert_eq!(issued.jwt().await, jwts[0]);
    let json: Value = serde_json::from_str(&issued.json().await).unwrap();
    assert_eq!(json["credentialSubject"]["result"][0]["value"], "87.5");
    let id = format!("{}{}", issued.api.base_url(), issued.path());
    assert_eq!(json["id"], id);
}

#[tokio::test]
async fn nothing_leads_to_the_holder() {
    let issued = Issued::start().await;
    let attempt = issued.certificate.attempt.unwrap().to_string();
    for accept in ["application/json", "text/html", "image/svg+xml"] {
        let body = issued.form(accept).await.body;
        assert!(!body.contains(&issued.holder.to_string()), "{accept}");
        assert!(!body.contains(&attempt), "{accept}");
    }
    let json: Value = serde_json::from_str(&issued.json().await).unwrap();
    assert_eq!(json["credentialSubject"]["identifier"], Value::Null);
    assert!(json["credentialSubject"]["id"].as_str().unwrap().starts_with("urn:uuid:"));
}

/// A page may apply its own style, byte by byte, and nothing else; a picture needs none.
#[tokio::test]
async fn the_page_keeps_to_its_policy() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use sha2::{Digest, Sha256};

    let issued = Issued::start().await;
    let page = issued.form("text/html").await;
    let policy = page.header("content-security-policy").unwrap();
    let style = page.body.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let hash = STANDARD.encode(Sha256::digest(style));
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{policy}");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors"));
    let picture = issued.form("image/svg+xml").await;
    assert!(!picture.header("content-security-policy").unwrap().contains("style-src"));
    for body in [&page.body, &picture.body] {
        for forbidden in ["<script", "style=", "javascript:", "onload", "<image", "@import"] {
            assert!(!body.contains(forbidden), "{forbidden}");
        }
    }
    for text in ["Rust basics", "87.5 %", "At least 80 % of all marks."] {
        assert!(page.body.contains(text), "{text}");
    }
}

#[tokio::test]
async fn titles_are_text_whatever_they_hold() {
    let issued = Issued::start().await;
    let title = "<script>alert(1)</script> & \"more\"";
    let pass = minigate_domain::certificates::Pass {
        title: title.to_owned(),
        ..minigate_tests::pass(issued.holder)
    };
    let certificate = issued.cloud.issue(pass).await;
    let issued = Issued { certificate, ..issued };
    for accept in ["text/html", "image/svg+xml"] {
        let body = issued.form(accept).await.body;
        assert!(!body.contains("<script>"), "{accept}");
        assert!(body.contains("&lt;script&gt;"), "{accept}");
    }
    let json: Value = serde_json::from_str(&issued.json().await).unwrap();
    assert_eq!(json["name"], title);
    let verified = issued.verify(&issued.jwt().await).await.assert_success(200, &[]);
    assert_eq!(verified["title"], json!(title));
}
