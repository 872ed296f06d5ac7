//! Replies of a model engine, as bytes.

/// A reply, as RESP3 has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ModelReply {
    Text(Vec<u8>),
    Integer(i64),
    List(Vec<Self>),
    Error(String),
}

impl ModelReply {
    pub(super) fn text(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Text(bytes.into())
    }
}

impl From<Vec<u8>> for ModelReply {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Text(bytes)
    }
}

pub(super) fn error(text: &str) -> Vec<u8> {
    format!("-{text}\r\n").into_bytes()
}

pub(super) fn bulk(bytes: &[u8]) -> Vec<u8> {
    [b"$", bytes.len().to_string().as_bytes(), b"\r\n", bytes, b"\r\n"].concat()
}

pub(super) fn write(reply: &ModelReply, out: &mut Vec<u8>) {
    match reply {
        ModelReply::Text(text) => out.extend_from_slice(&bulk(text)),
        ModelReply::Integer(number) => out.extend_from_slice(format!(":{number}\r\n").as_bytes()),
        ModelReply::List(list) => {
            out.extend_from_slice(format!("*{}\r\n", list.len()).as_bytes());
            list.iter().for_each(|reply| write(reply, out));
        }
        ModelReply::Error(text) => out.extend_from_slice(&error(text)),
    }
}
