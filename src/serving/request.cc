#include "request.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/time.h"
#include "serving/serving.h"

namespace ticklake::serving {
namespace {

constexpr size_t kParametersMax = 16;

struct Unit {
  char letter;
  int64_t us;
};
constexpr std::array<Unit, 4> kUnits = {{{'d', kMicrosPerDay},
                                         {'h', kMicrosPerHour},
                                         {'m', kMicrosPerMinute},
                                         {'s', kMicrosPerSecond}}};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Error bad_target(std::string_view why) {
  return {Code::Invalid, fmt::format("the address is not well-formed: {}", why)};
}

Result<std::string> decoded(std::string_view text, bool plus_is_blank) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return bad_target("a % needs two hex digits after it");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_blank) {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return bad_target("a control byte");
    out += c;
  }
  if (!is_utf8(out)) return bad_target("it is not UTF-8");
  return out;
}

std::optional<int64_t> number_in(std::string_view text) {
  int64_t number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

// "name:port" without the port.
std::string_view host_name(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool is_loopback_name(std::string_view name) {
  return name == "127.0.0.1" || name == "[::1]" || equal_ignoring_case(name, "localhost");
}

}  // namespace

Response refusal(unsigned status, std::string_view sentence) {
  nlohmann::json body = {{"error", std::string(sentence)}};
  auto replace = nlohmann::json::error_handler_t::replace;
  return {.status = status, .body = body.dump(-1, ' ', false, replace) + "\n"};
}

Result<Target> parse_target(std::string_view target) {
  if (!target.starts_with('/')) return bad_target("it must begin with /");
  target = target.substr(0, target.find('#'));
  size_t question = target.find('?');
  Target out{.path = TRY(decoded(target.substr(0, question), false)), .parameters = {}};
  if (question == std::string_view::npos) return out;
  for (const auto& part : split(target.substr(question + 1), '&')) {
    if (part.empty()) continue;
    size_t equals = part.find('=');
    std::string name = TRY(decoded(std::string_view(part).substr(0, equals), true));
    std::string_view raw =
        equals == std::string::npos ? "" : std::string_view(part).substr(equals + 1);
    std::string value = TRY(decoded(raw, true));
    if (!out.parameters.emplace(name, std::move(value)).second) {
      return bad_target(fmt::format("{} is given twice", printable(name)));
    }
    if (out.parameters.size() > kParametersMax) return bad_target("more than 16 parameters");
  }
  return out;
}

std::optional<Response> refused(const RequestHead& head) {
  if (head.method != "GET" && head.method != "HEAD") {
    return refusal(405, "only GET and HEAD are answered here");
  }
  if (!is_loopback_name(host_name(head.host))) {
    return refusal(421, "this server answers as localhost or 127.0.0.1 only");
  }
  bool foreign = !head.origin.empty() && head.origin != "http://" + head.host;
  // A link to the page may be followed from anywhere; its data are for the page.
  auto target = parse_target(head.target);
  bool data = target && (target->path.starts_with("/api/") || target->path == "/metrics");
  bool cross_site = head.fetch_site == "cross-site" && data;
  if (foreign || cross_site) return refusal(403, "pages of other origins may not read this");
  return {};
}

std::optional<int64_t> parse_interval(std::string_view text) {
  if (text.size() < 2) return {};
  for (const auto& unit : kUnits) {
    if (text.back() != unit.letter) continue;
    auto number = number_in(text.substr(0, text.size() - 1));
    if (!number || *number < 1 || *number > 10'000) return {};
    return *number * unit.us;
  }
  return {};
}

std::string interval_text(int64_t interval_us) {
  for (const auto& unit : kUnits) {
    if (interval_us % unit.us == 0) return fmt::format("{}{}", interval_us / unit.us, unit.letter);
  }
  return fmt::format("{}us", interval_us);
}

std::optional<int64_t> parse_instant(std::string_view text) {
  constexpr int64_t kMillisMax = INT64_MAX / kMicrosPerMilli;
  if (auto number = number_in(text)) {
    if (*number < -kMillisMax || *number > kMillisMax) return {};
    return *number * kMicrosPerMilli;
  }
  auto parsed = parse_timestamp(text);
  if (!parsed) return {};
  return parsed->micros;
}

Result<Address> parse_address(const std::string& text) {
  Address out;
  if (text.empty()) return out;
  std::string host = text, port;
  bool digits_only = text.find_first_not_of("0123456789") == std::string::npos;
  if (digits_only) {
    host = out.host;
    port = text;
  } else if (size_t colon = text.rfind(':'); colon != std::string::npos && text.back() != ']') {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) port = "?";
  }
  if (!is_loopback_name(host)) {
    return Error{Code::Unsupported,
                 fmt::format("{}: only this machine can be served in this version; use "
                             "127.0.0.1:PORT, and a tunnel (ssh -L) to look from elsewhere",
                             printable(text))};
  }
  auto number = port.empty() ? std::optional<int64_t>(out.port) : number_in(port);
  if (!number || *number < 0 || *number > 65'535) {
    return Error{Code::Invalid, fmt::format("{}: write it as HOST:PORT, such as "
                                            "127.0.0.1:8787",
                                            printable(text))};
  }
  out.host = host == "[::1]" ? "::1" : "127.0.0.1";
  out.port = static_cast<uint16_t>(*number);
  return out;
}

}  // namespace ticklake::serving
