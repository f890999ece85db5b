// What a request asks for and whether it may: pure, so that limits and refusals are tested without
// a socket. Private to the folder.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ticklake::serving {

// The headers that matter, as they came; empty where absent.
struct RequestHead {
  std::string method, target, host, origin, fetch_site, if_none_match, last_event_id;
};

struct Target {
  std::string path;
  std::map<std::string, std::string> parameters;
};

struct Response {
  unsigned status = 200;
  std::string type = "application/json";
  std::string body = {};
  std::string etag = {};  // may be kept, and asked for again by it; "": not to be kept
};

// {"error": ".."}
Response refusal(unsigned status, std::string_view sentence);

// "/a?b=c%20d", decoded. Invalid: it does not begin with '/', a broken %-escape, a control byte,
// ill-formed UTF-8, more than 16 parameters, one of them twice.
Result<Target> parse_target(std::string_view target);

// The refusal, or nothing where the request may be answered: only GET and HEAD; a Host that is a
// name of the loopback (so that no foreign name can be pointed at it); no page of another origin.
std::optional<Response> refused(const RequestHead& head);

// "1m", "5m", "1h", "1d", "30s" as microseconds.
std::optional<int64_t> parse_interval(std::string_view text);
std::string interval_text(int64_t interval_us);

// A number of milliseconds since 1970 or an ISO instant, as microseconds.
std::optional<int64_t> parse_instant(std::string_view text);

}  // namespace ticklake::serving
