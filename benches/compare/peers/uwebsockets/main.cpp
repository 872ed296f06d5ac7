// The conversation of the comparison on uWebSockets, written with what its documentation offers:
// topics for the rooms, the socket's user data for the session, one event loop on one thread.
//
// It does the work that `tokio-peer` does: it parses each message (RapidJSON, in place), verifies
// HS256 (OpenSSL, with the key's state kept), writes fresh ids and timestamps, and keeps both
// deadlines of a session. Like `tokio-peer`, it has no rate limits, no replay protection and no
// drain, which is in its favour.
//
// usage: VESTIBULE_AUTH__SECRET=… server [PORT]      port 0 (the default) takes a free one

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <string_view>

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "App.h"

namespace {

using std::string_view;

// As in the other servers.
constexpr int kBacklog = 4096;
constexpr int64_t kAuthTimeoutMs = 5'000;
constexpr int64_t kReauthAfterMs = 14 * 60 * 1'000;
constexpr int64_t kReauthGraceMs = 30'000;
constexpr unsigned kMaxMessageBytes = 64 * 1024;
constexpr size_t kMaxContent = 16'384;
constexpr int kPolicyViolation = 1008;

struct Session;
using Socket = uWS::WebSocket<false, true, Session>;
using Deadlines = std::multimap<int64_t, Socket *>;

enum class Phase : uint8_t { kPending, kAuthenticated, kAskedToRenew };

// The user data of a socket.
struct Session {
    std::string room;
    std::string user;
    Deadlines::iterator deadline;
    Phase phase = Phase::kPending;
};

int64_t monotonic_ms() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000;
}

int64_t unix_ms() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000;
}

// RFC 3339 with milliseconds. The text of the current second is kept.
std::string timestamp(int64_t ms) {
    static int64_t kept = -1;
    static char text[32];
    const std::time_t seconds = ms / 1'000;
    if (seconds != kept) {
        std::tm parts{};
        gmtime_r(&seconds, &parts);
        std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
        kept = seconds;
    }
    char whole[48];
    const int length = std::snprintf(whole, sizeof whole, "%s.%03dZ", text, int(ms % 1'000));
    return {whole, size_t(length)};
}

// base64url without padding. False: another character, or an impossible length.
bool decode_base64url(string_view text, std::string &out) {
    static const auto table = [] {
        std::array<int8_t, 256> values{};
        values.fill(-1);
        constexpr string_view digits =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for (size_t at = 0; at < digits.size(); at++) values[uint8_t(digits[at])] = int8_t(at);
        return values;
    }();
    if (text.size() % 4 == 1) return false;
    out.clear();
    uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const int8_t value = table[uint8_t(c)];
        if (value < 0) return false;
        bits = bits << 6 | uint32_t(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out.push_back(char(bits >> count & 0xff));
        }
    }
    return true;
}

// A document parsed in place, in memory that is used again for each message.
class Json {
public:
    bool parse(string_view text) {
        text_.assign(text);
        value_.SetNull();
        allocator_.Clear();
        value_.ParseInsitu(text_.data());
        return !value_.HasParseError();
    }
    bool is_object() const { return value_.IsObject(); }
    const rapidjson::Value &root() const { return value_; }

private:
    std::string text_;
    char memory_[16 * 1024];
    rapidjson::MemoryPoolAllocator<> allocator_{memory_, sizeof memory_};
    rapidjson::Document value_{&allocator_};
};

// A member that is a string.
const rapidjson::Value *text_in(const rapidjson::Value &object, const char *name) {
    const auto found = object.FindMember(name);
    return found != object.MemberEnd() && found->value.IsString() ? &found->value : nullptr;
}

string_view view(const rapidjson::Value &text) { return {text.GetString(), text.GetStringLength()}; }

struct Claims {
    std::string user;
    int64_t expires_at_ms = 0;
};

// Verifies tokens: HS256 only.
class Tokens {
public:
    explicit Tokens(string_view secret) : hmac_(HMAC_CTX_new()) {
        HMAC_Init_ex(hmac_, secret.data(), int(secret.size()), EVP_sha256(), nullptr);
    }

    // Returns the reason of the close frame, or null.
    const char *check(string_view token, Claims &claims) {
        const size_t first = token.find('.');
        const size_t second = first == token.npos ? token.npos : token.find('.', first + 1);
        if (second == token.npos || token.find('.', second + 1) != token.npos) return kInvalid;
        if (!decode_base64url(token.substr(0, first), decoded_) || !json_.parse(decoded_) ||
            !json_.is_object()) {
            return kInvalid;
        }
        const auto *algorithm = text_in(json_.root(), "alg");
        if (!algorithm || view(*algorithm) != "HS256") return kInvalid;
        if (!is_signed(token.substr(0, second), token.substr(second + 1))) return kInvalid;
        const auto payload = token.substr(first + 1, second - first - 1);
        if (!decode_base64url(payload, decoded_) || !json_.parse(decoded_) || !json_.is_object()) {
            return kPayload;
        }
        const auto *user = text_in(json_.root(), "sub");
        const auto expiry = json_.root().FindMember("exp");
        if (!user || user->GetStringLength() == 0 || expiry == json_.root().MemberEnd() ||
            !expiry->value.IsInt64()) {
            return kPayload;
        }
        const int64_t now = unix_ms() / 1'000;
        if (expiry->value.GetInt64() <= now) return "Token expired";
        const auto begin = json_.root().FindMember("nbf");
        if (begin != json_.root().MemberEnd() &&
            !(begin->value.IsInt64() && begin->value.GetInt64() <= now)) {
            return "Token not yet valid";
        }
        claims.user = view(*user);
        claims.expires_at_ms = expiry->value.GetInt64() * 1'000;
        return nullptr;
    }

private:
    static constexpr const char *kInvalid = "Invalid token";
    static constexpr const char *kPayload = "Invalid token payload";

    bool is_signed(string_view content, string_view signature) {
        unsigned char expected[EVP_MAX_MD_SIZE];
        unsigned length = 0;
        // Without a key, the state of the last one is used again.
        HMAC_Init_ex(hmac_, nullptr, 0, nullptr, nullptr);
        HMAC_Update(hmac_, reinterpret_cast<const unsigned char *>(content.data()), content.size());
        HMAC_Final(hmac_, expected, &length);
        return decode_base64url(signature, decoded_) && decoded_.size() == length &&
               CRYPTO_memcmp(decoded_.data(), expected, length) == 0;
    }

    HMAC_CTX *hmac_;
    std::string decoded_;
    Json json_;
};

// Writes the server's messages into one buffer that is used again.
class Messages {
public:
    string_view welcome(string_view request, const Claims &claims, int64_t reauth_at_ms) {
        begin("recipe_update", fresh_id());
        field("request_id", request);
        field("content", "Connected to recipe chat. How can I help you with this recipe?");
        out_.Key("recipe_data");
        out_.RawValue(kRecipe.data(), kRecipe.size(), rapidjson::kObjectType);
        out_.Key("session");
        out_.StartObject();
        field("user_id", claims.user);
        field("expires_at", timestamp(claims.expires_at_ms));
        field("reauth_at", timestamp(reauth_at_ms));
        out_.EndObject();
        return end();
    }

    string_view reply(string_view request) {
        begin("recipe_update", fresh_id());
        field("request_id", request);
        field("content", "Noted. The recipe serves eight now, with twice of everything.");
        out_.Key("recipe_data");
        out_.Null();
        return end();
    }

    string_view chat(string_view id, string_view content, string_view user) {
        begin("chat_message", id);
        field("content", content);
        field("user_id", user);
        return end();
    }

    string_view auth_required(int64_t deadline_ms) {
        begin("auth_required", fresh_id());
        field("reason", "token_expiring");
        field("message", "Token expiring soon");
        field("deadline", timestamp(deadline_ms));
        return end();
    }

    string_view error(string_view code, string_view message, string_view request) {
        begin("error", fresh_id());
        field("error", code);
        field("message", message);
        field("request_id", request);
        return end();
    }

private:
    static constexpr string_view kRecipe =
        R"({"title":"Tomato soup","servings":4,)"
        R"("ingredients":["800 g tomatoes","1 onion","2 tbsp olive oil"],)"
        R"("steps":["Chop.","Simmer for 20 minutes.","Blend."]})";

    std::string fresh_id() {
        char text[40];
        const int length = std::snprintf(text, sizeof text, "%llx-%llx", (unsigned long long)start_,
                                         (unsigned long long)++count_);
        return {text, size_t(length)};
    }

    void begin(string_view type, string_view id) {
        buffer_.Clear();
        out_.Reset(buffer_);
        out_.StartObject();
        field("type", type);
        field("id", id);
        field("timestamp", timestamp(unix_ms()));
        out_.Key("payload");
        out_.StartObject();
    }

    void field(const char *name, string_view value) {
        out_.Key(name);
        out_.String(value.data(), rapidjson::SizeType(value.size()));
    }

    string_view end() {
        out_.EndObject();
        out_.EndObject();
        return {buffer_.GetString(), buffer_.GetSize()};
    }

    rapidjson::StringBuffer buffer_;
    rapidjson::Writer<rapidjson::StringBuffer> out_{buffer_};
    const int64_t start_ = unix_ms();
    uint64_t count_ = 0;
};

class Server {
public:
    Server(string_view secret, int port) : tokens_(secret) {
        timer_ = us_create_timer(reinterpret_cast<us_loop_t *>(uWS::Loop::get()), 0, sizeof(this));
        *static_cast<Server **>(us_timer_ext(timer_)) = this;
        app_.ws<Session>("/v1/chat/:room", behaviour());
        app_.listen("127.0.0.1", port, [](us_listen_socket_t *listener) {
            if (!listener) {
                std::fprintf(stderr, "cannot listen\n");
                std::exit(1);
            }
            auto *socket = reinterpret_cast<us_socket_t *>(listener);
            // µSockets listens with 512. A second call to `listen` changes the backlog only.
            const auto fd = intptr_t(us_socket_get_native_handle(0, socket));
            ::listen(int(fd), kBacklog);
            std::printf("listening on 127.0.0.1:%d\n", us_socket_local_port(0, socket));
            std::fflush(stdout);
        });
    }

    void run() { app_.run(); }

private:
    uWS::App::WebSocketBehavior<Session> behaviour() {
        uWS::App::WebSocketBehavior<Session> it;
        it.compression = uWS::DISABLED;
        it.maxPayloadLength = kMaxMessageBytes;
        it.idleTimeout = 120;
        it.maxBackpressure = kMaxMessageBytes;
        it.closeOnBackpressureLimit = true;
        it.sendPingsAutomatically = true;
        it.upgrade = [](auto *response, auto *request, auto *context) {
            Session session;
            // The request does not outlive this handler.
            session.room = request->getParameter(0);
            response->template upgrade<Session>(
                std::move(session), request->getHeader("sec-websocket-key"),
                request->getHeader("sec-websocket-protocol"),
                request->getHeader("sec-websocket-extensions"), context);
        };
        it.open = [this](Socket *socket) { set_deadline(socket, kAuthTimeoutMs, true); };
        it.message = [this](Socket *socket, string_view text, uWS::OpCode code) {
            if (code == uWS::TEXT) on_text(socket, text);
        };
        it.close = [this](Socket *socket, int, string_view) {
            deadlines_.erase(socket->getUserData()->deadline);
        };
        return it;
    }

    void on_text(Socket *socket, string_view text) {
        const bool is_pending = socket->getUserData()->phase == Phase::kPending;
        const rapidjson::Value *type = nullptr, *id = nullptr;
        auto payload = rapidjson::Value::ConstMemberIterator();
        bool is_message = json_.parse(text) && json_.is_object();
        if (is_message) {
            const auto &root = json_.root();
            type = text_in(root, "type");
            id = text_in(root, "id");
            payload = root.FindMember("payload");
            is_message = type && id && text_in(root, "timestamp") && payload != root.MemberEnd() &&
                         payload->value.IsObject();
        }
        if (!is_message) {
            if (is_pending) return refuse(socket, "Invalid auth message format");
            return send(socket, messages_.error("invalid_message", "A field is missing", ""));
        }
        if (view(*type) == "auth") {
            on_auth(socket, view(*id), text_in(payload->value, "token"));
        } else if (is_pending) {
            refuse(socket, "First message must be auth");
        } else if (view(*type) == "chat_message") {
            on_chat(socket, view(*id), text_in(payload->value, "content"));
        }
    }

    void on_auth(Socket *socket, string_view id, const rapidjson::Value *token) {
        auto *session = socket->getUserData();
        if (!token || token->GetStringLength() == 0) return refuse(socket, "Missing auth token");
        Claims claims;
        if (const char *reason = tokens_.check(view(*token), claims)) return refuse(socket, reason);
        if (session->phase == Phase::kPending) {
            session->user = claims.user;
            socket->subscribe(session->room);
        } else if (session->user != claims.user) {
            return refuse(socket, "Subject changed");
        }
        session->phase = Phase::kAuthenticated;
        const int64_t now = unix_ms(), left = claims.expires_at_ms - now;
        // A minute before the expiry, or half of what is left where that is less than two.
        const int64_t reauth_in = std::min(std::max(left - 60'000, left / 2), kReauthAfterMs);
        set_deadline(socket, reauth_in);
        send(socket, messages_.welcome(id, claims, now + reauth_in));
    }

    void on_chat(Socket *socket, string_view id, const rapidjson::Value *content) {
        const auto is_first_byte = [](char c) { return (uint8_t(c) & 0xc0) != 0x80; };
        const auto *session = socket->getUserData();
        const string_view text = content ? view(*content) : string_view();
        const bool is_short = text.size() <= kMaxContent ||
            size_t(std::count_if(text.begin(), text.end(), is_first_byte)) <= kMaxContent;
        if (text.empty() || !is_short) {
            const auto why = "content: 1 to 16384 characters";
            return send(socket, messages_.error("invalid_message", why, id));
        }
        // From the socket itself: to all others of the room.
        socket->publish(session->room, messages_.chat(id, text, session->user), uWS::TEXT);
        send(socket, messages_.reply(id));
    }

    static void send(Socket *socket, string_view text) { socket->send(text, uWS::TEXT); }

    static void refuse(Socket *socket, const char *reason) {
        socket->end(kPolicyViolation, reason);
    }

    // One ordered map for all deadlines, and one timer at the nearest of them.
    void set_deadline(Socket *socket, int64_t in_ms, bool is_first = false) {
        auto *session = socket->getUserData();
        if (!is_first) deadlines_.erase(session->deadline);
        const int64_t at = monotonic_ms() + in_ms;
        session->deadline = deadlines_.emplace_hint(deadlines_.end(), at, socket);
        if (at < armed_) arm(at);
    }

    void arm(int64_t at) {
        armed_ = at;
        const auto wait = std::max<int64_t>(1, at - monotonic_ms() + 1);
        us_timer_set(timer_, [](us_timer_t *timer) {
            (*static_cast<Server **>(us_timer_ext(timer)))->on_timer();
        }, int(wait), 0);
    }

    void on_timer() {
        const int64_t now = monotonic_ms();
        while (!deadlines_.empty() && deadlines_.begin()->first < now) {
            Socket *socket = deadlines_.begin()->second;
            switch (socket->getUserData()->phase) {
                case Phase::kPending: refuse(socket, "Authentication timeout"); break;
                case Phase::kAskedToRenew: refuse(socket, "Re-authentication timeout"); break;
                case Phase::kAuthenticated:
                    socket->getUserData()->phase = Phase::kAskedToRenew;
                    set_deadline(socket, kReauthGraceMs);
                    send(socket, messages_.auth_required(unix_ms() + kReauthGraceMs));
            }
        }
        armed_ = INT64_MAX;
        if (!deadlines_.empty()) arm(deadlines_.begin()->first);
    }

    uWS::App app_;
    us_timer_t *timer_ = nullptr;
    Tokens tokens_;
    Messages messages_;
    Json json_;
    Deadlines deadlines_;
    int64_t armed_ = INT64_MAX;
};

}  // namespace

int main(int count, char **arguments) {
    const char *secret = std::getenv("VESTIBULE_AUTH__SECRET");
    if (!secret || !*secret) {
        std::fprintf(stderr, "VESTIBULE_AUTH__SECRET is not set\n");
        return 2;
    }
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    Server(secret, count > 1 ? std::atoi(arguments[1]) : 0).run();
}
