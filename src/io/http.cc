#include "io/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <mutex>

#include "base/check.h"
#include "base/text.h"

namespace ticklake::io {
namespace {

// What the callbacks of one transfer fill.
struct Transfer {
  HttpResponse response;
  int64_t body_bytes_max = 0;
  bool too_long = false;
};

size_t on_body(char* data, size_t size, size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  if (static_cast<int64_t>(transfer->response.body.size() + size * count) >
      transfer->body_bytes_max) {
    transfer->too_long = true;
    return 0;
  }
  transfer->response.body.append(data, size * count);
  return size * count;
}

size_t on_header(char* data, size_t size, size_t count, void* user) {
  std::string_view line(data, size * count);
  size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    static_cast<Transfer*>(user)->response.headers.emplace_back(
        lowered(trimmed(line.substr(0, colon))), trimmed(line.substr(colon + 1)));
  }
  return size * count;
}

Error failure(CURLcode code, const HttpRequest& request) {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return {Code::Invalid, "the server's certificate is not trusted: check the host's name, and "
                             "which authority signed it"};
    case CURLE_SSL_CACERT_BADFILE:
      return {Code::Invalid, fmt::format("the certificates of {} cannot be read",
                                         request.ca_file.empty() ? "the system"
                                                                 : request.ca_file)};
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {Code::Invalid, "the address is not one of http:// or https://"};
    default:
      return {Code::Unavailable, fmt::format("no HTTP answer: {}", curl_easy_strerror(code))};
  }
}

using Handle = std::unique_ptr<CURL, void (*)(CURL*)>;
using HeaderList = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

class CurlHttp final : public Http {
 public:
  Result<HttpResponse> send(const HttpRequest& request) override {
    // Not before it is needed: it costs milliseconds, and most commands send nothing.
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    Handle handle(curl_easy_init(), curl_easy_cleanup);
    CHECK(handle, "memory for an HTTP request");
    Transfer transfer;
    transfer.body_bytes_max = request.max_body_bytes;
    HeaderList headers(nullptr, curl_slist_free_all);
    for (const auto& [name, value] : request.headers) {
      headers.reset(curl_slist_append(headers.release(), (name + ": " + value).c_str()));
    }
    CURL* curl = handle.get();
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(curl, CURLOPT_NOBODY, request.method == "HEAD" ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (!request.ca_file.empty()) {
      curl_easy_setopt(curl, CURLOPT_CAINFO, request.ca_file.c_str());
    }
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    if (!request.body.empty()) {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
    }
    CURLcode code = curl_easy_perform(curl);
    if (transfer.too_long) {
      return Error{Code::Unavailable,
                   fmt::format("the answer is longer than {} bytes", request.max_body_bytes)};
    }
    if (code != CURLE_OK) return failure(code, request);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    transfer.response.status = static_cast<int>(status);
    return std::move(transfer.response);
  }
};

}  // namespace

std::unique_ptr<Http> make_http() {
  return std::make_unique<CurlHttp>();
}

}  // namespace ticklake::io
