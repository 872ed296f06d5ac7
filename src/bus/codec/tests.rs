use super::*;

/// The tokens of all frames of `bytes`, which come in pieces of this size.
fn frames(bytes: &[u8], piece: usize) -> Result<Vec<String>, RespError> {
    let mut decoder = RespDecoder::new(1_000);
    let mut frames = Vec::new();
    for piece in bytes.chunks(piece) {
        decoder.push(piece);
        while let Some(mut reader) = decoder.next_frame()? {
            let mut tokens = Vec::new();
            while let Some(token) = reader.token() {
                tokens.push(format!("{token:?}"));
            }
            frames.push(tokens.join(" "));
        }
    }
    Ok(frames)
}

/// One frame for each line that is expected, in whatever pieces.
#[track_caller]
fn reads(bytes: &str, expected: &[&str]) {
    for piece in 1..=bytes.len() {
        assert_eq!(frames(bytes.as_bytes(), piece).unwrap(), expected, "pieces of {piece}");
    }
}

#[track_caller]
fn refuses(bytes: &str, error: RespError) {
    for piece in [1, bytes.len()] {
        assert_eq!(frames(bytes.as_bytes(), piece), Err(error), "{bytes:?}");
    }
}

#[test]
fn each_type_is_read_in_any_pieces() {
    reads("+OK\r\n", &["Text([79, 75])"]);
    reads(
        "-ERR no\r\n!4\r\nE\r\nn\r\n",
        &["Error([69, 82, 82, 32, 110, 111])", "Error([69, 13, 10, 110])"],
    );
    reads(":-7\r\n_\r\n$-1\r\n*-1\r\n", &["Integer(-7)", "Null", "Null", "Null"]);
    reads(
        "#t\r\n,1.5\r\n(-123\r\n",
        &["Boolean(true)", "Double(1.5)", "BigNumber([45, 49, 50, 51])"],
    );
    reads("=6\r\ntxt:hi\r\n$0\r\n\r\n", &["Text([104, 105])", "Text([])"]);
    reads(
        ">3\r\n$1\r\na\r\n*0\r\n%1\r\n:1\r\n~1\r\n:2\r\n:3\r\n",
        &["Push(3) Text([97]) Array(0) Map(1) Integer(1) Set(1) Integer(2)", "Integer(3)"],
    );
}

#[test]
fn what_is_no_resp3_is_an_error_for_good() {
    refuses("?", RespError::UnknownType(b'?'));
    refuses("|1\r\n", RespError::UnknownType(b'|'));
    refuses("$?\r\n", RespError::BadNumber);
    refuses("$-2\r\n", RespError::BadNumber);
    refuses("$+1\r\n", RespError::BadNumber);
    refuses("*99999999999\r\n", RespError::BadNumber);
    refuses(":x\r\n", RespError::BadNumber);
    refuses("(1e5\r\n", RespError::BadNumber);
    refuses("#x\r\n", RespError::BadEnd);
    refuses("$1\r\nabc", RespError::BadEnd);
    refuses("+a\rb", RespError::BadEnd);
    refuses("+a\n", RespError::BadEnd);
    refuses("=2\r\nhi\r\n", RespError::BadEnd);
    let mut decoder = RespDecoder::new(10);
    decoder.push(b"?");
    assert!(decoder.next_frame().is_err());
    decoder.push(b"+OK\r\n");
    assert!(decoder.next_frame().is_err());
    decoder.reset();
    decoder.push(b"+OK\r\n");
    assert!(decoder.next_frame().unwrap().is_some());
}

#[test]
fn a_frame_is_bounded_before_it_is_there() {
    refuses("$995\r\n", RespError::TooLong);
    refuses(&format!("+{}", "x".repeat(5_000)), RespError::TooLong);
    refuses(&"*1\r\n".repeat(9), RespError::TooDeep);
    refuses("*1\r\n>1\r\n:1\r\n", RespError::TooDeep);
    // Many elements are as long as one long one.
    refuses(&format!("*500\r\n{}", ":1\r\n".repeat(300)), RespError::TooLong);
}

#[test]
fn commands_are_written_as_bulk_strings() {
    let mut out = Vec::new();
    CommandWriter::new(&mut out, 3).word(b"GET").parts(&[b"a", b"", b"bc"]).number(u64::MAX);
    let expected = "*3\r\n$3\r\nGET\r\n$3\r\nabc\r\n$20\r\n18446744073709551615\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    reads(
        expected,
        &[&format!(
            "Array(3) {:?} {:?} {:?}",
            RespToken::Text(b"GET"),
            RespToken::Text(b"abc"),
            RespToken::Text(b"18446744073709551615")
        )],
    );
}
