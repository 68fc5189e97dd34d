//! A certificate as a page: the picture, what it says in words, and where to get the signed forms. It has no
//! script and loads nothing; its one style is in the policy by its hash.

use minigate_credentials::date;
use minigate_domain::{Timestamp, certificates::Certificate};

use crate::{
    picture::{escaped, picture, stamp, validity},
    words::{Words, percent},
};

/// The style, as it is in the page.
pub(crate) const STYLE: &str = "\
body{margin:0;background:#e9e6df;color:#1c2b45;font:16px/1.5 'Helvetica Neue',Arial,sans-serif}\
main{max-width:52rem;margin:0 auto;padding:1.5rem 1rem 3rem}\
svg{display:block;width:100%;height:auto;box-shadow:0 2px 12px rgba(28,43,69,.25)}\
.stamp{margin:1rem 0 0;padding:.75rem 1rem;background:#a32020;color:#fff;font-weight:bold}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1.25rem;margin:1.5rem 0}\
dt{color:#5b6780}dd{margin:0;overflow-wrap:anywhere}\
a{color:#1c2b45}footer{color:#5b6780;font-size:.875rem}";

/// The page of a certificate as it stands at `now`.
pub(crate) fn page(
    certificate: &Certificate,
    issuer: &str,
    address: &str,
    now: Timestamp,
) -> String {
    let words = Words::of(&certificate.language);
    let text = |text: &str| escaped(text);
    let stamp = stamp(certificate, words, now);
    let warning = stamp.map(|stamp| format!("<p class=\"stamp\">{}</p>", text(&stamp)));
    let holder = certificate.name.as_ref().map(|name| (words.holder, name.as_str().to_owned()));
    let facts = [
        holder,
        Some((words.score, format!("{} %", percent(certificate.score)))),
        Some((words.issued, date(certificate.issued_at.unix_seconds()))),
        Some((words.issuer, issuer.to_owned())),
        Some((words.number, certificate.id.to_string())),
    ];
    let fact =
        |(name, value): (&str, String)| format!("<dt>{}</dt><dd>{}</dd>", text(name), text(&value));
    let facts: String = facts.into_iter().flatten().map(fact).collect();
    let signed = match certificate.revoked {
        Some(_) => String::new(),
        None => format!(
            "<footer><p>{} <a href=\"{address}?format=json\">JSON</a>, \
             <a href=\"{address}?format=jwt\">JWT</a>, <a href=\"{address}?format=svg\">SVG</a></p></footer>",
            text(words.check),
            address = text(address),
        ),
    };
    format!(
        "<!doctype html><html lang=\"{tag}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\">\
         <title>{kind}: {title}</title>\
         <meta property=\"og:title\" content=\"{kind}: {title}\">\
         <meta property=\"og:url\" content=\"{url}\">\
         <meta property=\"og:image\" content=\"{url}?format=svg\">\
         <style>{STYLE}</style></head><body><main>{picture}{warning}\
         <h1>{title}</h1><p>{description}</p><p>{criteria} {validity}.</p>\
         <dl>{facts}</dl>{signed}</main></body></html>",
        tag = words.tag,
        kind = text(words.certificate),
        title = text(&certificate.title),
        url = text(address),
        picture = picture(certificate, issuer, address, now),
        warning = warning.unwrap_or_default(),
        description = text(&certificate.description),
        criteria = text(&words.criteria(certificate.pass_mark)),
        validity = text(&validity(certificate, words)),
    )
}
