use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};

use super::{Newlines, from_plain, sanitise, to_markup, to_plain};

#[test]
fn the_subset_is_left_as_it_is() {
    for text in [
        "plain, 2 < 3 and a <- b, snake_case, x[0] and [1]",
        "*a* _b_ **c** __d__ `Vec<String>` and ``a ` b``",
        "one  \ntwo\n\n- a\n  - b\n1. c\n\n```rust\nfn f<T>() {}\n```\nend",
        "[text](https://a.org/b?c=d#e) \\<b> \\[x\\](javascript:y) &lt;b&gt;",
        "",
    ] {
        let cleaned = sanitise(text);
        assert_eq!(cleaned.text, text);
        assert_eq!(cleaned.losses, []);
    }
}

#[test]
fn markdown_loses_what_is_not_safe() {
    for (text, kept, losses) in [
        ("a<script>alert(1)</script>b", "ab", "<script>"),
        ("a <!-- x\ny --> b", "a \n b", "comment"),
        ("<b>x</b><br>y", "**x**  \ny", "<b>, <br>"),
        ("Vec<String>", "Vec&lt;String>", "<"),
        ("<img src=x onerror=alert(1)", "&lt;img src=x onerror=alert(1)", "<"),
        ("<img\nsrc=x>", "&lt;img\nsrc=x>", "<"),
        ("![a\nb](https://a.org/c.png) y", " y", "image c.png"),
        ("![a](https://a.org/c.png?x) y", " y", "image c.png"),
        ("[x](javascript:alert(1)) y", "x y", "link javascript:alert(1)"),
        ("[x](<javascript:alert(1)> \"t\")", "x", "link javascript:alert(1)"),
        ("[x](http://a.org)", "x", "link http://a.org"),
        ("[x](\njavascript:y)", "[x]\\(\njavascript:y)", ""),
        ("[a\nb](javascript:y)", "a\nb", "link javascript:y"),
        ("[x]: javascript:y", "[x]\\: javascript:y", "link definition"),
        ("- [x]: javascript:y", "- [x]\\: javascript:y", "link definition"),
        ("[x](https://a.org \"t\")", "[x](https://a.org)", "title of a link"),
        ("<javascript:alert(1)>", "", "link javascript:alert(1)"),
        ("<https://a.org>", "[https://a.org](https://a.org)", "<https://…>"),
        ("# A `b`", "**A `b`**", "#"),
        ("A\n===\nB\n---\nC", "A\nB\nC", "===, ---"),
        ("> > a\n> b", "a\nb", ">"),
        // A span that another reader would see differently.
        ("x ` y\n`<script>`", "x \\` y\n`<script>`", ""),
        ("- a\n  ```\n<script>\n  ```", "- a\n```\n<script>\n```", ""),
        ("~~~\na ``` b", "````\na ``` b\n````", ""),
        ("a\u{0}b\u{feff}", "ab", "control characters"),
    ] {
        let cleaned = sanitise(text);
        let found: Vec<&str> = cleaned.losses.iter().map(|loss| loss.element.as_str()).collect();
        assert_eq!((cleaned.text.as_str(), found.join(", ").as_str()), (kept, losses), "{text}");
    }
}

#[test]
fn html_becomes_markup() {
    for (html, markup, losses) in [
        ("<p>a <b>b </b>c</p><p>d<br>e</p>", "a **b** c\n\nd  \ne", ""),
        ("<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul><p>d", "-  a\n-  b\n   1. c\n\nd", ""),
        ("<code>Vec&lt;T&gt;</code> 2 &lt; 3, &lt;b&gt;", "`Vec<T>` 2 < 3, &lt;b>", ""),
        ("<pre>a\n  b&lt;c</pre>x", "```\na\n  b<c\n```\n\nx", ""),
        ("Vec<String> is_a * b_", "Vec&lt;String> is_a \\* b\\_", ""),
        ("<a href='https://a.org/'>x</a>", "[x](https://a.org/)", ""),
        ("x!<a href=https://a.org>y</a>", "x\\![y](https://a.org)", ""),
        ("<a href=' JavaScript:alert(1)'>x</a>", "x", "link  JavaScript:alert(1)"),
        ("<img alt='a>b' src=\"@@PLUGINFILE@@/d/3.png\">z", "z", "image 3.png"),
        ("<svg onload=x><a>y</a></svg>z", "z", "<svg>, attributes onload"),
        ("<!-- a <b> -->b<![CDATA[x]]>", "b", "comment"),
        ("<script>a</script", "", "<script>"),
        ("1. a # b\nc", "1\\. a # b c", ""),
        ("[x]<span>(javascript:a)</span>", "x", "<span>, link javascript:a"),
        ("<<span>b onclick=x>", "&lt;b onclick=x>", "<span>"),
        ("<b", "", ""),
    ] {
        let cleaned = to_markup(html, Newlines::Spaces);
        let found: Vec<&str> = cleaned.losses.iter().map(|loss| loss.element.as_str()).collect();
        assert_eq!((cleaned.text.as_str(), found.join(", ").as_str()), (markup, losses), "{html}");
    }
    assert_eq!(to_markup("a\nb", Newlines::Breaks).text, "a  \nb");
    assert_eq!(to_plain("<p>a <b>b</b></p>\n<p>c &lt;d&gt; e*f*</p>").text, "a b c <d> e*f*");
}

#[test]
fn plain_text_is_shown_as_it_is() {
    for (text, markup) in [
        ("2 * 3 is _____ and snake_case", "2 * 3 is _____ and snake_case"),
        ("*a* `b` [c](d) <b> &lt; \\*", "\\*a\\* \\`b\\` [c\\](d) &lt;b> &amp;lt; \\\\\\*"),
        ("# a\n- b\n+ c\n1. d\n> e\n---", "\\# a  \n\\- b  \n\\+ c  \n1\\. d  \n\\> e  \n\\---"),
        ("a\n\nb", "a\n\nb"),
    ] {
        assert_eq!(from_plain(text), markup);
        assert_eq!(sanitise(&from_plain(text)).text, markup);
    }
}

#[test]
fn tags_within_tags_do_not_outlast_the_passes() {
    for depth in [1, 5, 15, 16, 17, 18, 40] {
        for (open, close) in [("<", "span>"), ("<", "script>"), ("[a](", "javascript:x)")] {
            let text = format!("{}{}", open.repeat(depth), close.repeat(depth));
            for result in [sanitise(&text).text, to_markup(&text, Newlines::Spaces).text] {
                assert!(!has_tag(&without_code(&result)), "{text} gave {result}");
                assert!(!without_code(&result).contains("](j"), "{text} gave {result}");
                assert_eq!(sanitise(&result).text, result);
            }
        }
    }
}

/// Whatever repeats, the time grows with the length only.
#[test]
fn hostile_texts_take_no_long_time() {
    let patterns = [
        "[", "](", "![", "[a](", "<", "<a ", "<a x=\"", "<a:", "`", "` ``", "<script>", "<!--",
        "&", "\\", "<ul><li>", "<b><i>", "*", "[a]: ", "\n>", "\n```",
    ];
    for pattern in patterns {
        for bytes in [30_000, 40_000] {
            let text = pattern.repeat(bytes / pattern.len());
            assert!(!has_tag(&without_code(&sanitise(&text).text)));
            let _markup = to_markup(&text, Newlines::Spaces);
            let _plain = (from_plain(&text), to_plain(&text));
        }
    }
}

/// What is left of a text of the subset without its code: there, no tag may stand.
fn without_code(text: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<usize> = None;
    for line in text.split('\n') {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(open) => {
                if ticks >= open && line.trim_start_matches('`').trim().is_empty() {
                    fence = None;
                }
                continue;
            }
            None if ticks >= 3 && !line[ticks..].contains('`') => {
                fence = Some(ticks);
                continue;
            }
            None => {}
        }
        let mut rest = line;
        while let Some(character) = rest.chars().next() {
            let mut width = character.len_utf8();
            if character == '\\' {
                width += rest[1..].chars().next().map_or(0, char::len_utf8);
            } else if character == '`' {
                let run = rest.len() - rest.trim_start_matches('`').len();
                let mut at = run;
                loop {
                    at += rest[at..].find('`').expect("a span is closed on its line");
                    let end = rest[at..].len() - rest[at..].trim_start_matches('`').len();
                    at += end;
                    if end == run {
                        break;
                    }
                }
                width = at;
            }
            // What was left out still stands between its neighbours.
            out.push(if width == character.len_utf8() { character } else { ' ' });
            rest = &rest[width..];
        }
        out.push('\n');
    }
    out
}

fn has_tag(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| {
        pair[0] == b'<' && (pair[1].is_ascii_alphabetic() || matches!(pair[1], b'/' | b'!' | b'?'))
    })
}

/// What another reader of Markdown finds in a text that the subset does not have.
fn found_by_others(text: &str) -> Vec<String> {
    let extended = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_GFM;
    let mut found = Vec::new();
    for options in [Options::empty(), extended] {
        for event in Parser::new_ext(text, options) {
            match event {
                Event::Html(html) | Event::InlineHtml(html) => found.push(format!("HTML {html}")),
                Event::Start(Tag::Image { dest_url, .. }) => {
                    found.push(format!("image {dest_url}"))
                }
                Event::Start(Tag::Link { dest_url, .. }) if !dest_url.starts_with("https://") => {
                    found.push(format!("link {dest_url}"));
                }
                Event::Start(Tag::HtmlBlock) => found.push("a block of HTML".to_owned()),
                _ => {}
            }
        }
    }
    found
}

/// Text that is likely to mean something.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ -~]{0,4}",
        "[a-c \n]{0,3}",
        Just("<".to_owned()),
        Just(">".to_owned()),
        Just("`".to_owned()),
        Just("```".to_owned()),
        Just("\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("](".to_owned()),
        Just("]:".to_owned()),
        Just("![".to_owned()),
        Just("[x](https://a.org)".to_owned()),
        Just("javascript:a".to_owned()),
        Just("<script>".to_owned()),
        Just("</script>".to_owned()),
        Just("<img src=x onerror=y>".to_owned()),
        Just("<!--".to_owned()),
        Just("-->".to_owned()),
        Just("<a href=javascript:x>".to_owned()),
        Just("<pre>".to_owned()),
        Just("<code>".to_owned()),
        Just("<li>".to_owned()),
        Just("<ul>".to_owned()),
        Just("&lt;".to_owned()),
        Just("\\".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_text_becomes_a_tag_or_another_link(text in hostile()) {
        let results = [
            sanitise(&text).text,
            to_markup(&text, Newlines::Spaces).text,
            to_markup(&text, Newlines::Breaks).text,
            from_plain(&text),
        ];
        for result in results {
            let outside = without_code(&result);
            prop_assert!(!has_tag(&outside), "{text:?} gave {result:?}");
            for after in outside.split("](").skip(1) {
                prop_assert!(after.starts_with("https://"), "{text:?} gave {result:?}");
            }
            for after in outside.split("![").skip(1) {
                let label = after.split('[').next().unwrap_or_default();
                prop_assert!(!label.contains("]("), "{text:?} gave {result:?}");
            }
            prop_assert_eq!(found_by_others(&result), Vec::<String>::new(), "{:?}", result);
            // Nothing is left to be done.
            prop_assert_eq!(sanitise(&result).text, result, "{:?}", text);
        }
    }
}
