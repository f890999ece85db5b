// An Alpha Vantage made up for tests: it has bars of every symbol from a first day on up to the
// clock's present, answers in the documented shapes, and keeps its limits itself.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "io/clock.h"
#include "io/http.h"

namespace ticklake::sources {

inline constexpr const char* kTestKey = "S3CRETKEY0123456";

class FakeAlphaVantage {
 public:
  explicit FakeAlphaVantage(const io::Clock& clock) : clock_(clock) {}

  using Parameters = std::map<std::string, std::string>;
  struct Seen {
    int64_t at_us;
    Parameters parameters;
  };
  std::vector<Seen> seen;
  // What the next requests are answered with instead.
  std::deque<Result<io::HttpResponse>> instead;
  std::string first_day = "2023-06-01";   // of the bars
  std::map<std::string, double> revised;  // exchange time -> what its close is now
  int per_minute = 5, per_day = 25;
  int refusals = 0;  // requests beyond these

  Result<io::HttpResponse> answer(const io::HttpRequest& request);
  // Exchange times of all bars that there are now, or of those of the month asked for.
  std::vector<std::string> times(const Parameters& parameters) const;
  int64_t sent_to(const std::string& name, const std::string& value) const;

 private:
  std::string json(const Parameters& parameters, const std::vector<std::string>& times) const;
  std::string csv(const Parameters& parameters, const std::vector<std::string>& times) const;
  std::vector<std::pair<std::string, std::string>> cells(const Parameters& parameters,
                                                         const std::string& time) const;
  const io::Clock& clock_;
};

io::HttpResponse ok_with(std::string body);

}  // namespace ticklake::sources
