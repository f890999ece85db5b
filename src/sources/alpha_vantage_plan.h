// What an alpha_vantage source has to ask for, and what it has asked: pure decisions.
//
//   history, oldest month first -> then a look at each symbol whenever the schedule says so; after
// a long stop, first what has been missed
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sources/alpha_vantage_answer.h"

namespace ticklake::sources {

// One request.
struct Request {
  enum class Kind : uint8_t {
    Month,   // all bars of a month
    Full,    // all bars there are (outputsize=full)
    Newest,  // the newest ones; of weeks and months all
  };
  Kind kind = Kind::Newest;
  std::string symbol;
  int32_t month = 0;  // year * 12 + month - 1
};

std::string format_month(int32_t month);  // "2024-03"

// The series that the bars belong to: one name whatever request brought them.
std::string series_of(const AlphaVantageSpec& spec, const std::string& symbol);
// What a request is known by in the log of requests.
std::string name_of(const AlphaVantageSpec& spec, const Request& request);
// The address, with the key.
std::string url_of(const AlphaVantageSpec& spec, const Request& request);
// Changes with the key and its limits: what was refused for them may then be asked for again.
std::string plan_of(const AlphaVantageSpec& spec);

// False while the bar's week or month goes on in New York: until then the service dates it with the
// latest day of trading, so that it would come each day under another time. Bars of days and less:
// true.
bool is_complete(const AlphaVantageSpec& spec, const std::string& exchange_time, int64_t now_us);

// The last answer to a request.
struct Asked {
  AnswerKind kind = AnswerKind::Ok;
  int64_t at_us = 0;
  int64_t attempts = 0;  // answers in a row that were not Ok
  int64_t ok_at_us = 0;  // of the last that was Ok
  std::string newest;    // exchange time of the newest bar
  std::string plan;
  std::string message;
};
using AskedByName = std::map<std::string, Asked>;

// What stands between a request and its being sent.
struct Standing {
  enum class Kind : uint8_t {
    Due,
    Later,    // at due_us
    Done,
    Refused,  // never with this key and plan
    GivenUp,  // asked for several times in vain
  };
  Kind kind = Kind::Due;
  int64_t due_us = 0;
};

class Plan {
 public:
  Plan(const AlphaVantageSpec& spec, bool history)
      : spec_(spec), history_(history), plan_(plan_of(spec)) {}

  std::vector<Request> history(int64_t now_us) const;
  std::vector<Request> newest() const;
  Standing standing(const Request& request, const AskedByName& asked, int64_t now_us) const;

  struct Next {
    std::optional<Request> request;
    int64_t due_us = 0;  // without a request: when to look again, in a day at the latest
  };
  Next next(const AskedByName& asked, int64_t now_us) const;

  // How many requests of the history stand so.
  int64_t count(Standing::Kind kind, const AskedByName& asked, int64_t now_us) const;

  // An answer with the newest bars goes back 100 of them. Where more may have come since the last,
  // these requests bring them, and come first: the months since, or all. Those that have been
  // answered since, or refused for good, are left out; what was answered badly is asked for again
  // later. Neither a request nor an instant: nothing is missing.
  struct CatchUp {
    std::optional<Request> request;
    std::optional<int64_t> due_us;
  };
  CatchUp catch_up(const std::string& symbol, const AskedByName& asked, int64_t now_us) const;

 private:
  std::vector<Request> missed(const std::string& symbol, const Asked& last, int64_t now_us) const;
  Standing standing_of_missed(const Request& request, const Asked& last, const AskedByName& asked,
                              int64_t now_us) const;
  std::vector<int32_t> months(int64_t now_us) const;
  bool are_premium(const std::string& symbol, const AskedByName& asked) const;
  bool may_have_missed(int64_t since_us, int64_t now_us) const;

  const AlphaVantageSpec& spec_;
  bool history_;
  std::string plan_;  // of the key
};

// The first instant after `after_us` that the schedule names, given one at which was looked.
int64_t next_poll_us(const PollSchedule& schedule, int64_t after_us);

}  // namespace ticklake::sources
