// The records of any text follow each other and lie within it.
#include "base/check.h"
#include "formats/formats.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  ticklake::formats::CsvSplitter splitter(text);
  int64_t offset = -1;
  while (auto record = splitter.next()) {
    CHECK(record->offset > offset, "records move on");
    CHECK(record->offset + static_cast<int64_t>(record->raw.size()) <= static_cast<int64_t>(size),
          "records lie within the text");
    offset = record->offset;
  }
  return 0;
}
