//! The tables of the database, version by version.

/// The migrations, each from one schema version to the next, beginning with an empty database. A
/// released migration must never change; add a new one.
pub(super) const MIGRATIONS: &[&str] = &[
    INITIAL,
    LOCKS,
    INVITATIONS,
    USAGE,
    REVISIONS,
    SESSIONS,
    MEMBERS,
    REDO,
    MODEL,
    ENDS,
    PUBLICATIONS,
];

/// The first version. Times are milliseconds since 1970 (UTC). `n` numbers the rows of one parent.
const INITIAL: &str = "
CREATE TABLE users (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    -- Argon2id: its salt, its output, and what it was computed with.
    salt BLOB NOT NULL,
    hash BLOB NOT NULL,
    memory_kib INTEGER NOT NULL,
    iterations INTEGER NOT NULL
) STRICT;
-- A sign-in, and the refresh tokens that descend from it: one family.
CREATE TABLE sessions (
    key INTEGER PRIMARY KEY,
    user INTEGER NOT NULL REFERENCES users ON DELETE CASCADE
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user);
CREATE TABLE refresh_tokens (
    -- SHA-256: the token itself is nowhere.
    hash BLOB PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE,
    n INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX refresh_tokens_of_session ON refresh_tokens (session, n);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at);
CREATE TABLE recipes (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    -- A token's `sub`, which need not have an account here.
    owner TEXT NOT NULL,
    -- JSON: the whole, and what a list shows of it.
    body TEXT NOT NULL,
    summary TEXT NOT NULL
) STRICT;
CREATE INDEX recipes_of_owner ON recipes (owner, key);
-- What `Undo` goes back to: the recipe before each of its last changes.
CREATE TABLE versions (
    recipe INTEGER NOT NULL REFERENCES recipes ON DELETE CASCADE,
    n INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (recipe, n)
) STRICT;
CREATE TABLE messages (
    recipe INTEGER NOT NULL REFERENCES recipes ON DELETE CASCADE,
    n INTEGER NOT NULL,
    user TEXT NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    content TEXT NOT NULL,
    reply TEXT NOT NULL,
    -- Whether the reply brought the recipe.
    changed INTEGER NOT NULL,
    PRIMARY KEY (recipe, n)
) STRICT;
CREATE INDEX messages_by_id ON messages (recipe, id);
";

/// Adds the time at which an operator locked an account; NULL while it is not locked.
const LOCKS: &str = "ALTER TABLE users ADD COLUMN locked_at INTEGER;";

/// Adds who is invited to sign up: an email, or NULL for anybody who has the code.
const INVITATIONS: &str = "
CREATE TABLE invitations (
    -- SHA-256: the code itself is nowhere.
    hash BLOB PRIMARY KEY,
    email TEXT,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_by_end ON invitations (expires_at);
";

/// Adds what each user stores, in bytes of text. Triggers keep it, in the transaction of each change.
const USAGE: &str = "
CREATE TABLE usage (
    owner TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO usage SELECT owner, sum(bytes) FROM (
    SELECT owner, octet_length(body) + octet_length(summary) AS bytes FROM recipes
    UNION ALL
    SELECT owner, octet_length(versions.body) FROM versions JOIN recipes ON key = recipe
    UNION ALL
    SELECT owner, octet_length(content) + octet_length(reply) FROM messages
    JOIN recipes ON key = recipe
) GROUP BY owner;
CREATE TRIGGER recipe_stored AFTER INSERT ON recipes BEGIN
    INSERT INTO usage VALUES (NEW.owner, octet_length(NEW.body) + octet_length(NEW.summary))
    ON CONFLICT (owner) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER recipe_changed AFTER UPDATE OF body, summary ON recipes BEGIN
    UPDATE usage SET bytes = bytes + octet_length(NEW.body) + octet_length(NEW.summary)
        - octet_length(OLD.body) - octet_length(OLD.summary)
    WHERE owner = NEW.owner;
END;
-- Before: what belongs to the recipe needs its owner.
CREATE TRIGGER recipe_deleted BEFORE DELETE ON recipes BEGIN
    DELETE FROM versions WHERE recipe = OLD.key;
    DELETE FROM messages WHERE recipe = OLD.key;
    UPDATE usage SET bytes = bytes - octet_length(OLD.body) - octet_length(OLD.summary)
    WHERE owner = OLD.owner;
END;
CREATE TRIGGER version_stored AFTER INSERT ON versions BEGIN
    UPDATE usage SET bytes = bytes + octet_length(NEW.body)
    WHERE owner = (SELECT owner FROM recipes WHERE key = NEW.recipe);
END;
CREATE TRIGGER version_deleted AFTER DELETE ON versions BEGIN
    UPDATE usage SET bytes = bytes - octet_length(OLD.body)
    WHERE owner = (SELECT owner FROM recipes WHERE key = OLD.recipe);
END;
CREATE TRIGGER message_stored AFTER INSERT ON messages BEGIN
    UPDATE usage SET bytes = bytes + octet_length(NEW.content) + octet_length(NEW.reply)
    WHERE owner = (SELECT owner FROM recipes WHERE key = NEW.recipe);
END;
CREATE TRIGGER message_deleted AFTER DELETE ON messages BEGIN
    UPDATE usage SET bytes = bytes - octet_length(OLD.content) - octet_length(OLD.reply)
    WHERE owner = (SELECT owner FROM recipes WHERE key = OLD.recipe);
END;
";

/// Adds how often each recipe was changed.
const REVISIONS: &str = "ALTER TABLE recipes ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;";

/// Adds by what a user names a session, and when it began and was used last; NULL where that was not
/// noted.
const SESSIONS: &str = "
ALTER TABLE sessions ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN created_at INTEGER;
ALTER TABLE sessions ADD COLUMN used_at INTEGER;
UPDATE sessions SET id = lower(hex(randomblob(16)));
CREATE UNIQUE INDEX sessions_by_id ON sessions (id);
";

/// Adds who else may see or change a recipe. A row is for an address, for a code that nobody has used
/// yet, or for the user who has used it.
const MEMBERS: &str = "
CREATE TABLE members (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    recipe INTEGER NOT NULL REFERENCES recipes ON DELETE CASCADE,
    is_editor INTEGER NOT NULL,
    email TEXT,
    -- SHA-256: the code itself is nowhere.
    code BLOB UNIQUE,
    -- A token's `sub`, which need not have an account here.
    user TEXT,
    created_at INTEGER NOT NULL,
    -- NULL: without an end.
    expires_at INTEGER
) STRICT;
CREATE INDEX members_of_recipe ON members (recipe);
CREATE INDEX members_by_email ON members (email) WHERE email IS NOT NULL;
CREATE INDEX members_by_user ON members (user) WHERE user IS NOT NULL;
";

/// Adds what `Redo` goes back to. Where `undone` is 1, the row has the recipe after that change, and
/// not before it.
const REDO: &str = "
ALTER TABLE versions ADD COLUMN undone INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER version_changed AFTER UPDATE OF body ON versions BEGIN
    UPDATE usage SET bytes = bytes + octet_length(NEW.body) - octet_length(OLD.body)
    WHERE owner = (SELECT owner FROM recipes WHERE key = NEW.recipe);
END;
";

/// Adds whether a language model suggested what a reply did.
const MODEL: &str = "ALTER TABLE messages ADD COLUMN by_model INTEGER NOT NULL DEFAULT 0;";

/// Finds what ends next among those who may see a recipe.
const ENDS: &str = "
CREATE INDEX members_by_end ON members (expires_at) WHERE expires_at IS NOT NULL;
";

/// Adds what rooms are told, for clients that resume. Each room has a first row without a message: where
/// the others begin. `tag` is 48 random bits, and `total` counts the bytes of all messages so far.
const PUBLICATIONS: &str = "
CREATE TABLE publications (
    recipe INTEGER NOT NULL REFERENCES recipes ON DELETE CASCADE,
    n INTEGER NOT NULL,
    tag INTEGER NOT NULL,
    at INTEGER NOT NULL,
    total INTEGER NOT NULL,
    -- JSON, as everybody got it, but for its position.
    message TEXT,
    PRIMARY KEY (recipe, n)
) STRICT;
CREATE INDEX publications_by_age ON publications (at) WHERE message IS NOT NULL;
INSERT INTO publications SELECT key, 0, random() & 281474976710655, 0, 0, NULL FROM recipes;
CREATE TRIGGER room_opened AFTER INSERT ON recipes BEGIN
    INSERT INTO publications VALUES (NEW.key, 0, random() & 281474976710655, 0, 0, NULL);
END;
CREATE TRIGGER room_closed BEFORE DELETE ON recipes BEGIN
    DELETE FROM publications WHERE recipe = OLD.key;
    DELETE FROM unanswered WHERE recipe = OLD.key;
END;
CREATE TRIGGER publication_stored AFTER INSERT ON publications WHEN NEW.message IS NOT NULL BEGIN
    UPDATE usage SET bytes = bytes + octet_length(NEW.message)
    WHERE owner = (SELECT owner FROM recipes WHERE key = NEW.recipe);
END;
CREATE TRIGGER publication_emptied AFTER UPDATE OF message ON publications BEGIN
    UPDATE usage SET bytes = bytes + coalesce(octet_length(NEW.message), 0)
        - coalesce(octet_length(OLD.message), 0)
    WHERE owner = (SELECT owner FROM recipes WHERE key = OLD.recipe);
END;
CREATE TRIGGER publication_deleted AFTER DELETE ON publications WHEN OLD.message IS NOT NULL BEGIN
    UPDATE usage SET bytes = bytes - octet_length(OLD.message)
    WHERE owner = (SELECT owner FROM recipes WHERE key = OLD.recipe);
END;
-- SHA-256 of a message's content and data; NULL for one of an earlier version.
ALTER TABLE messages ADD COLUMN digest BLOB;
-- Messages that their rooms have, and that are not answered: the model is asked, or was.
CREATE TABLE unanswered (
    recipe INTEGER NOT NULL REFERENCES recipes ON DELETE CASCADE,
    user TEXT NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    -- SHA-256 of its content and data.
    digest BLOB NOT NULL,
    PRIMARY KEY (recipe, user, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX unanswered_by_age ON unanswered (at);
CREATE TRIGGER unanswered_stored AFTER INSERT ON unanswered BEGIN
    UPDATE usage SET bytes = bytes + octet_length(NEW.user) + octet_length(NEW.id)
        + octet_length(NEW.digest)
    WHERE owner = (SELECT owner FROM recipes WHERE key = NEW.recipe);
END;
CREATE TRIGGER unanswered_deleted AFTER DELETE ON unanswered BEGIN
    UPDATE usage SET bytes = bytes - octet_length(OLD.user) - octet_length(OLD.id)
        - octet_length(OLD.digest)
    WHERE owner = (SELECT owner FROM recipes WHERE key = OLD.recipe);
END;
";
