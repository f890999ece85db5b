#include "broker/test_topics.h"

namespace ticklake::broker {

Result<void> delete_kafka_records(const std::string&, const std::string&, Partition, Offset) {
  return Error{Code::Unsupported, "not yet"};
}

}  // namespace ticklake::broker
