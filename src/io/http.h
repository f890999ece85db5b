// HTTP requests out, as a seam: libcurl, and a memory one that answers from a table.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ticklake::io {

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  int64_t timeout_ms = 30'000;       // of the whole exchange
  int64_t max_body_bytes = 1 << 28;  // a longer answer is an error
  std::string ca_file = {};          // trusted instead of the system's certificates
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers = {};  // names in lower case
  std::string body = {};
};

class Http {
 public:
  virtual ~Http() = default;
  // Any status is an answer, redirects too: none is followed. Unavailable where none came (asking
  // again may help); Invalid where none will: the address is none, the server's certificate is not
  // trusted. Messages leave the address out, which may hold a secret. Any thread.
  virtual Result<HttpResponse> send(const HttpRequest& request) = 0;
};

std::unique_ptr<Http> make_http();

class MemoryHttp final : public Http {
 public:
  using Handler = std::function<Result<HttpResponse>(const HttpRequest&)>;
  explicit MemoryHttp(Handler handler) : handler_(std::move(handler)) {}
  Result<HttpResponse> send(const HttpRequest& request) override { return handler_(request); }

 private:
  Handler handler_;
};

}  // namespace ticklake::io
