// What an alpha_vantage source keeps in topics: the bars, the bad ones beside them in <topic>__bad,
// and in <topic>__requests one record for each answer. The topics are its only memory.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "broker/broker.h"
#include "sources/alpha_vantage_plan.h"

namespace ticklake::sources {

class BarTopics {
 public:
  // Makes the topics where they are missing, and reads what is in them.
  static Result<BarTopics> open(broker::Topics& topics, const SourceSpec& spec);

  struct Sent {
    int64_t bars = 0;
    int64_t bad = 0;
  };
  // Sends the bars that the topics do not have, or not so; durable when it returns.
  Result<Sent> send(const std::string& series, const std::string& symbol, const Answer& answer);

  const AskedByName& asked() const { return asked_; }
  // Durable when it returns.
  Result<void> note(const std::string& request, Asked asked);

 private:
  BarTopics() = default;
  enum class Sort : uint8_t { Good, Bad };
  static uint64_t place_of(Sort sort, std::string_view series, std::string_view time);
  Result<void> read_bars(broker::Topics& topics, const broker::TopicInfo& info, Sort sort);
  Result<void> read_requests(broker::Topics& topics, const broker::TopicInfo& info);
  bool is_known(uint64_t place, std::string_view value) const;

  std::string source_, topic_id_;
  bool framed_ = false;  // the values of bars are not what was made of them
  int32_t partitions_ = 1;
  std::unique_ptr<broker::Writer> bars_, bad_, requests_;
  // Hash of sort, series and time -> hash of the newest value sent for it.
  std::unordered_map<uint64_t, uint64_t> known_;
  AskedByName asked_;
};

}  // namespace ticklake::sources
