// Records of the embedded log, in any bytes: what is read lies within them, and a record that is
// written again is read again. Of a record whose checksum is wrong the rest is tried, too.
#include <cstring>

#include "base/check.h"
#include "broker/crc32c.h"
#include "broker/log_records.h"

namespace {

using namespace ticklake::broker;

void read_record(const Decoded& decoded) {
  Record record = to_record(decoded);
  std::string_view headers = decoded.headers;
  HeaderView header;
  size_t count = 0;
  while (next_header(headers, header)) ++count;
  CHECK(count == record.headers.size(), "all headers are read");
  std::string written;
  encode(record, decoded.record.offset, decoded.record.timestamp_ms, written);
  Decoded again;
  CHECK(decode(written, again) == Decoding::Whole, "what is written can be read");
  CHECK(again.size == written.size(), "a record ends where it ends");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  for (size_t at = 0; at < bytes.size();) {
    std::string_view rest = std::string_view(bytes).substr(at);
    size_t claimed = claimed_size(rest);
    if (claimed >= kRecordBytesMin && claimed <= rest.size()) {
      uint32_t sum = crc32c(rest.substr(4, claimed - 4));
      std::memcpy(bytes.data() + at, &sum, sizeof sum);
    }
    Decoded decoded;
    if (decode(rest, decoded) != Decoding::Whole) break;
    read_record(decoded);
    at += decoded.size;
  }
  (void)find_record({reinterpret_cast<const char*>(data), size}, 0, ticklake::Offset(-1));
  return 0;
}
