// What the tests of topics share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/broker.h"

#define ASSERT_OK(expression)                                          \
  do {                                                                 \
    auto assert_ok_result = (expression);                              \
    ASSERT_TRUE(assert_ok_result) << assert_ok_result.error().message; \
  } while (false)

namespace ticklake::broker {

// A new directory, deleted at the end.
class TestDirectory {
 public:
  TestDirectory();
  ~TestDirectory();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct TestRow {
  std::optional<std::string> key, value, headers;  // headers as "key=value,"
  std::string topic;
  int32_t partition = -1, timestamp_type = -1;
  int64_t offset = -1, timestamp_us = -1;
};

std::vector<TestRow> rows_of(const Chunk& chunk);

// Polls until that many rows came, in the order of the chunks; fewer after 20 s.
std::vector<TestRow> read_rows(Reader& reader, int64_t wanted, PollLimits limits = {});

// Appends `records` records to each partition, values "0", "1", ..., and flushes.
void fill(Writer& writer, int records, int32_t partitions);

// From now on only this user may do what it wants with the topic.
Result<void> grant_kafka_topic(const std::string& bootstrap, const std::string& topic,
                               const std::string& user);
Result<void> delete_kafka_records(const std::string& bootstrap, const std::string& topic,
                                  Partition partition, Offset before);

}  // namespace ticklake::broker
