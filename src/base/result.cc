#include "base/result.h"

namespace ticklake {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::NotFound: return "not found";
    case Code::Invalid: return "invalid";
    case Code::Conflict: return "conflict";
    case Code::Unavailable: return "unavailable";
    case Code::Corrupt: return "corrupt";
    case Code::Unsupported: return "unsupported";
  }
  return "unknown";
}

Error prefixed(std::string_view where, Error error) {
  return {error.code, std::string(where) + ": " + error.message};
}

}  // namespace ticklake
