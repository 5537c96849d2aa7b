//! The body of a push: read whole, unpacked, and read as metrics before anybody else sees it.

use bytes::Bytes;
use exposition::encoding::{DecodeError, Encoding};
use exposition::{Class, Fault, Kind, Limits, Outline, ParseError};
use http::HeaderValue;

/// A body that was understood; the default is an empty one.
#[derive(Default)]
pub struct Page {
    /// What goes on: unpacked, in the format it came in.
    pub bytes: Bytes,
    /// The format.
    pub format: Format,
    outline: Outline,
}

/// How metrics are written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Text 0.0.4: whatever does not say otherwise.
    #[default]
    Text,
    /// Messages of protobuf, each with its length before it.
    Protobuf,
}

/// Why a body was not understood.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is packed in a way that is not known here.
    #[error("the Content-Encoding is not one of gzip, snappy and zstd")]
    Encoding,
    /// It cannot be unpacked.
    #[error(transparent)]
    Packed(DecodeError),
    /// It is no metrics, or such as a Pushgateway refuses, or beyond a limit.
    #[error("{}", gateways_words(.0, *.1))]
    Page(ParseError, Format),
}

impl BodyError {
    /// Returns whether it was its size alone.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        match self {
            Self::Encoding => false,
            Self::Packed(error) => matches!(error, DecodeError::TooLarge(_)),
            Self::Page(error, _) => matches!(error.fault, Fault::TooManyBytes(_)),
        }
    }
}

/// The words that a Pushgateway has for a body, since people look those up, with the place where it has none.
fn gateways_words(error: &ParseError, format: Format) -> String {
    match (error.fault.class(), format) {
        (Class::Inconsistent, _) => {
            let ParseError { fault, place } = error;
            format!("pushed metrics are invalid or inconsistent with existing metrics: {fault} ({place})")
        }
        (_, Format::Text) => format!("text format parsing error in {error}"),
        (_, Format::Protobuf) => error.fault.to_string(),
    }
}

impl Page {
    /// Reads `bytes` as what the two headers say that they are. Takes time in proportion to what they unpack to.
    ///
    /// # Errors
    /// When they cannot be unpacked within the limits, or a Pushgateway would refuse them: with line and reason.
    pub fn read(
        bytes: Bytes,
        content_type: Option<&HeaderValue>,
        content_encoding: Option<&HeaderValue>,
        limits: &Limits,
    ) -> Result<Self, BodyError> {
        let bytes = match encoding(content_encoding)? {
            None => bytes,
            Some(encoding) => {
                exposition::encoding::decode(encoding, &bytes, limits.bytes).map_err(BodyError::Packed)?.into()
            }
        };
        let format = Format::of(content_type);
        let outline = match format {
            Format::Text => exposition::check(&bytes, limits),
            Format::Protobuf => exposition::protobuf::parse(&bytes, limits).map(|families| Outline::from(&families)),
        };
        let outline = outline.map_err(|error| BodyError::Page(error, format))?;
        Ok(Self { bytes, format, outline })
    }

    /// Returns the name and the type of each metric.
    pub fn metrics(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.outline.iter()
    }

    /// Returns the body in the text format.
    #[must_use]
    pub fn to_text(&self) -> Bytes {
        match self.format {
            Format::Text => self.bytes.clone(),
            // It was read before, so it can be read again.
            Format::Protobuf => {
                exposition::protobuf::parse(&self.bytes, &Limits::NONE).unwrap_or_default().to_string().into()
            }
        }
    }
}

impl Format {
    /// Returns the format that `content_type` names, as a Pushgateway understands it: protobuf only when all three parts
    /// are there, and text for everything else, since curl says `application/x-www-form-urlencoded`.
    #[must_use]
    pub fn of(content_type: Option<&HeaderValue>) -> Self {
        let Some(text) = content_type.and_then(|value| value.to_str().ok()) else { return Self::Text };
        let mut parts = text.split(';').map(str::trim);
        let is_protobuf = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/vnd.google.protobuf"));
        let (mut is_family, mut is_delimited) = (false, false);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim() {
                name if name.eq_ignore_ascii_case("proto") => is_family = value == "io.prometheus.client.MetricFamily",
                name if name.eq_ignore_ascii_case("encoding") => is_delimited = value == "delimited",
                _ => {}
            }
        }
        if is_protobuf && is_family && is_delimited { Self::Protobuf } else { Self::Text }
    }

    /// Returns what says so to a Pushgateway.
    #[must_use]
    pub fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Text => exposition::CONTENT_TYPE,
            Self::Protobuf => exposition::protobuf::CONTENT_TYPE,
        })
    }
}

fn encoding(content_encoding: Option<&HeaderValue>) -> Result<Option<Encoding>, BodyError> {
    let Some(value) = content_encoding else { return Ok(None) };
    let name = value.to_str().map_err(|_| BodyError::Encoding)?.trim();
    if name.is_empty() || name.eq_ignore_ascii_case("identity") {
        return Ok(None);
    }
    Encoding::from_name(name).map(Some).ok_or(BodyError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8], content_type: &'static str, encoding: &'static str) -> Result<Page, BodyError> {
        let limits = Limits { bytes: 1 << 20, ..Limits::NONE };
        let (kind, encoding) = (HeaderValue::from_static(content_type), HeaderValue::from_static(encoding));
        Page::read(Bytes::copy_from_slice(body), Some(&kind), Some(&encoding), &limits)
    }

    fn refused(body: &[u8], content_type: &'static str, encoding: &'static str) -> String {
        read(body, content_type, encoding).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_page_is_protobuf_only_when_its_type_says_all_three_parts() {
        let format = |text: &'static str| Format::of(Some(&HeaderValue::from_static(text)));
        for text in [
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
            "Application/VND.google.protobuf;encoding=\"delimited\";proto=\"io.prometheus.client.MetricFamily\";q=1",
        ] {
            assert_eq!(format(text), Format::Protobuf, "{text}");
        }
        for text in [
            "",
            "text/plain; version=0.0.4",
            "application/x-www-form-urlencoded",
            "application/vnd.google.protobuf",
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=text",
            "application/vnd.google.protobuf; proto=other; encoding=delimited",
        ] {
            assert_eq!(format(text), Format::Text, "{text}");
        }
    }

    #[test]
    fn what_a_pushgateway_would_refuse_is_refused_with_line_and_reason() {
        assert_eq!(
            refused(b"ok 1\nm x\n", "", ""),
            "text format parsing error in line 2: expected float as value, got \"x\""
        );
        assert_eq!(
            refused(b"m 1\nok 1 1700000000\n", "", "identity"),
            "pushed metrics are invalid or inconsistent with existing metrics: pushed metrics must not have timestamps (line 2)"
        );
        assert_eq!(refused(b"m 1\n", "", "br"), "the Content-Encoding is not one of gzip, snappy and zstd");
        assert_eq!(refused(b"m 1\n", "", "gzip"), "unexpected EOF");
        assert_eq!(refused(b"m 1\n", exposition::protobuf::CONTENT_TYPE, ""), "unexpected EOF");
    }

    #[test]
    fn a_bomb_is_refused_here() {
        use std::io::Write;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        for _ in 0..20 {
            gzip.write_all(&[b'#'; 1 << 20]).unwrap();
        }
        let bomb = gzip.finish().unwrap();
        assert!(bomb.len() < 40_000);
        let error = read(&bomb, "", "GZIP").map(|_| ()).unwrap_err();
        assert!(error.is_too_large(), "{error}");
    }

    #[test]
    fn a_page_in_protobuf_is_told_as_text_where_nobody_reads_protobuf() {
        let families = exposition::parse(b"# TYPE m counter\nm{a=\"b\"} 1\n", &Limits::NONE).unwrap();
        let bytes = exposition::protobuf::write(&families);
        let page = read(&bytes, exposition::protobuf::CONTENT_TYPE, "").unwrap();
        assert_eq!(page.to_text(), "# TYPE m counter\nm{a=\"b\"} 1\n");
        assert_eq!(page.metrics().collect::<Vec<_>>(), [("m", Kind::Counter)]);
    }
}
