//! The page: escaping, the skeleton, small pieces.

use std::fmt::Write;

/// Content security policy: only content inside the file, no scripts, even if the name of a recording contains one.
const POLICY: &str = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'";
const STYLE: &str = include_str!("page.css");

/// Text as it may stand in elements and in quoted attributes, control characters as spaces.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Those that turn the direction of writing could make a name look like another one.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push(' '),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Text of several lines, each as [`escape`] has it.
pub fn escape_lines(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

/// A relative address: every byte that has a meaning in addresses or in HTML is written as a number, folders stay.
pub fn address(path: &str) -> String {
    let mut address = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => address.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => drop(write!(address, "%{byte:02X}")),
        }
    }
    address
}

/// The whole page. `title` is escaped here, `body` is HTML.
pub fn page(title: &str, body: &str) -> String {
    whole(title, POLICY, "", body)
}

/// The same with a style of its own and a script, which are part of the program; no other script runs on the page, even if the name of
/// a recording contains one.
#[cfg(feature = "train")]
pub fn scripted_page(title: &str, style: &str, body: &str, script: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use sha2::{Digest, Sha256};
    let hash = STANDARD.encode(Sha256::digest(script));
    let body = format!("{body}<script>{script}</script>\n");
    whole(title, &format!("{POLICY}; script-src 'sha256-{hash}'"), style, &body)
}

fn whole(title: &str, policy: &str, style: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}{style}</style>\n\
         </head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// A section with its heading; none without a body.
pub fn section(id: &str, heading: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!("<section id=\"{id}\">\n<h2>{}</h2>\n{body}</section>\n", escape(heading))
}

/// Links to the sections that there are.
pub fn contents(sections: &str) -> String {
    let links: String = sections
        .split("<section id=\"")
        .skip(1)
        .filter_map(|section| {
            let id = section.split('"').next()?;
            let heading = section.split("<h2>").nth(1)?.split("</h2>").next()?;
            Some(format!("<a href=\"#{id}\">{heading}</a>\n"))
        })
        .collect();
    if links.is_empty() { links } else { format!("<nav>\n{links}</nav>\n") }
}

/// A drawing on a card.
pub fn card(svg: &str) -> String {
    format!("<figure class=\"card\">{svg}</figure>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes() {
        let hostile = "\"><img src=x onerror='alert(1)'>&amp;\u{0}\u{1b}[31m\u{202e}gpj";
        let safe = escape(hostile);
        assert!(!safe.contains(['<', '>', '"', '\'', '\u{0}', '\u{1b}', '\u{202e}']), "{safe}");
        assert_eq!(escape("a & b <c> Grüße"), "a &amp; b &lt;c&gt; Grüße");
        assert_eq!(escape_lines("a\n<b>\n"), "a\n&lt;b&gt;");
        let page = page("</title><script>", "");
        assert!(!page.contains("<script>") && page.contains("<title>&lt;/title&gt;&lt;script&gt;</title>"));
    }

    #[test]
    fn addresses_stay_relative() {
        assert_eq!(address("samples/step 100.wav"), "samples/step%20100.wav");
        assert_eq!(address("javascript:alert('ü')?#%"), "javascript%3Aalert%28%27%C3%BC%27%29%3F%23%25");
    }
}
