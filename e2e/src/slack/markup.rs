//! What a reader sees of a message, and who is pinged by it: `<…>` is an instruction, `&lt;…&gt;` is text.

use serde_json::Value;

use super::Post;

pub(super) fn read(body: Value) -> Post {
    let mut seen = Seen::default();
    seen.marked(&body["text"]);
    seen.blocks(&body["blocks"]);
    for attachment in body["attachments"].as_array().into_iter().flatten() {
        seen.colors.extend(attachment["color"].as_str().map(str::to_owned));
        seen.blocks(&attachment["blocks"]);
    }
    Post { text: seen.lines.join("\n"), pings: seen.pings, colors: seen.colors, body }
}

#[derive(Default)]
struct Seen {
    lines: Vec<String>,
    pings: Vec<String>,
    colors: Vec<String>,
}

impl Seen {
    fn blocks(&mut self, blocks: &Value) {
        for block in blocks.as_array().into_iter().flatten() {
            self.object(&block["text"]);
            for list in ["fields", "elements"] {
                block[list].as_array().into_iter().flatten().for_each(|element| {
                    // A button has its text one level down.
                    self.object(if element["text"].is_object() { &element["text"] } else { element });
                    self.lines.extend(element["url"].as_str().map(str::to_owned));
                });
            }
        }
    }

    fn object(&mut self, object: &Value) {
        match object["type"].as_str() {
            Some("mrkdwn") => self.marked(&object["text"]),
            Some(_) => self.lines.extend(object["text"].as_str().map(str::to_owned)),
            None => {}
        }
    }

    fn marked(&mut self, text: &Value) {
        let Some(text) = text.as_str() else { return };
        let (mut line, mut rest) = (String::new(), text);
        while let Some((before, behind)) = rest.split_once('<') {
            line.push_str(before);
            let Some((inside, behind)) = behind.split_once('>') else {
                line.push('<');
                rest = behind;
                continue;
            };
            line.push_str(&self.instruction(inside));
            rest = behind;
        }
        line.push_str(rest);
        let line = line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        self.lines.extend((!line.is_empty()).then_some(line));
    }

    /// `!here`, `@U1`, `!date^0^{date}|fallback`, `https://…|label`.
    fn instruction(&mut self, inside: &str) -> String {
        let (what, label) = inside.split_once('|').map_or((inside, None), |(what, label)| (what, Some(label)));
        if what.starts_with("!date^") {
            return label.unwrap_or("?").to_owned();
        }
        if what.starts_with(['!', '@']) {
            self.pings.push(what.to_owned());
            return format!("@{}", label.unwrap_or(what));
        }
        label.map_or_else(|| what.to_owned(), |label| format!("{label} ({what})"))
    }
}
