//! Files that come with a message, as `multipart/form-data`.

use serde_json::Value;

use super::answer::Answer;

/// A file that came with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The number in `files[0]`.
    pub(super) place: u64,
    /// The name that it came with.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Reads `payload_json` and all `files[n]`.
pub(super) fn read(content_type: &str, body: &[u8]) -> Result<(Value, Vec<Upload>), Answer> {
    let broken = || Answer::error(400, 50109, "The request body contains invalid form data.");
    let boundary = content_type.split(';').find_map(|part| part.trim().strip_prefix("boundary=")).ok_or_else(broken)?;
    let delimiter = format!("--{}", boundary.trim_matches('"'));
    let (mut payload, mut uploads) = (Value::Null, Vec::new());
    for part in split(body, delimiter.as_bytes()).into_iter().skip(1) {
        if part.starts_with(b"--") {
            return Ok((payload, uploads));
        }
        let part = part.strip_prefix(b"\r\n").and_then(|part| part.strip_suffix(b"\r\n")).ok_or_else(broken)?;
        let end = part.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(broken)?;
        let (head, content) = (String::from_utf8_lossy(&part[..end]).into_owned(), &part[end + 4..]);
        match parameter(&head, "name").ok_or_else(broken)? {
            "payload_json" => {
                let invalid = |_| Answer::error(400, 50109, "The request body contains invalid JSON.");
                payload = serde_json::from_slice(content).map_err(invalid)?;
            }
            field => {
                let place = field.strip_prefix("files[").and_then(|rest| rest.strip_suffix(']')?.parse().ok());
                let name = parameter(&head, "filename").ok_or_else(broken)?.to_owned();
                uploads.push(Upload { place: place.ok_or_else(broken)?, name, bytes: content.to_owned() });
            }
        }
    }
    Err(broken())
}

fn split<'a>(mut body: &'a [u8], delimiter: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = body.windows(delimiter.len()).position(|window| window == delimiter) {
        parts.push(&body[..at]);
        body = &body[at + delimiter.len()..];
    }
    parts.push(body);
    parts
}

/// The value of `name="…"`, which must not be that of `filename="…"`.
fn parameter<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut parts = head
        .lines()
        .filter(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))
        .flat_map(|line| line.split(';'));
    parts.find_map(|part| part.trim().strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_a_payload_and_files() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{\"a\":1}\r\n\
            --b\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"r.png\"\r\nContent-Type: x\r\n\r\n\r\n\x00\r\n--b--\r\n";
        let Ok((payload, uploads)) = read("multipart/form-data; boundary=b", body) else { panic!("not read") };
        assert_eq!(payload["a"], 1);
        assert_eq!(uploads, [Upload { place: 0, name: "r.png".into(), bytes: b"\r\n\x00".to_vec() }]);
        assert!(read("multipart/form-data; boundary=c", body).is_err());
        assert!(read("multipart/form-data", body).is_err());
    }
}
