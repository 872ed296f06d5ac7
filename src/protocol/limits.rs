//! The protocol's own limits: numbers that no configuration changes.

/// The longest `id` of an envelope, in code points. The shortest has 1.
pub const MAX_ID_CHARS: usize = 128;
/// The longest `content` of a chat message, in code points. The shortest has 1.
pub const MAX_CONTENT_CHARS: usize = 16_384;
/// How deep `data` of a chat message and `recipe_data` of a backend or an operator may be nested, and
/// `history` of a backend. What receives them parses them with recursion.
pub const MAX_DATA_DEPTH: usize = 32;
/// The longest id of a recipe, in ASCII characters. The shortest has 1.
pub const MAX_ROOM_CHARS: usize = 128;
/// The longest `sub` of a token, in code points. The shortest has 1.
pub const MAX_USER_CHARS: usize = 256;
/// The number of consecutive invalid messages at which the connection is closed.
pub const MAX_INVALID_IN_A_ROW: u8 = 10;
/// How many messages a minute may be answered with an `error`. One more closes the connection.
pub const MAX_REFUSED_A_MINUTE: u8 = 30;
/// How many `auth` messages a minute a client may send on an authenticated connection without an
/// `auth_required`. One more closes the connection.
pub const MAX_UNASKED_AUTHS_A_MINUTE: u8 = 5;
/// How many pings in a row may stay unanswered, with no other frame received, before the
/// connection is closed.
pub const MAX_UNANSWERED_PINGS: u8 = 2;
