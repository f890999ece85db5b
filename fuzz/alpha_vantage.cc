// Whatever a web service answers, its bars are in order, and the key is nowhere in what is told.
#include "base/check.h"
#include "sources/alpha_vantage_answer.h"

namespace {

void read(std::string_view body, const char* function, bool csv) {
  namespace sources = ticklake::sources;
  sources::AlphaVantageSpec spec{.function = function, .symbols = {"IBM"}, .api_key = "K3Y9"};
  spec.csv = csv;
  sources::Answer answer = sources::read_answer(spec, "IBM", "", 200, body);
  CHECK(answer.message.find(spec.api_key) == std::string::npos, "no key in messages");
  for (const auto& bad : answer.bad) {
    CHECK((bad.raw + bad.reason + bad.exchange_time).find(spec.api_key) == std::string::npos,
          "no key in bad bars");
  }
  for (size_t i = 1; i < answer.bars.size(); ++i) {
    CHECK(answer.bars[i - 1].exchange_time < answer.bars[i].exchange_time, "bars are in order");
  }
  CHECK(answer.kind != sources::AnswerKind::Ok || answer.bars.size() + answer.bad.size() > 0,
        "an answer that is fine has bars");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view body(reinterpret_cast<const char*>(data), size);
  read(body, "TIME_SERIES_DAILY_ADJUSTED", false);
  read(body, "TIME_SERIES_DAILY", true);
  return 0;
}
