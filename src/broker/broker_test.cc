// One suite for both kinds of broker. Kafka takes part where TICKLAKE_TEST_KAFKA names one
// (HOST:PORT).
#include "broker/broker.h"

#include <arrow/array.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/hash.h"
#include "broker/test_topics.h"
#include "broker/topic_rules.h"

namespace ticklake::broker {
namespace {

class TopicsTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto opened = open(GetParam(), directory_.path(), {}, clock_);
    ASSERT_TRUE(opened) << opened.error().message;
    topics_ = std::move(*opened);
    std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
    topic_ = fmt::format("t-{}-{}", test.substr(0, test.find('/')), ::getpid());
  }
  void TearDown() override {
    if (topics_) (void)topics_->remove(topic_);
  }

  bool is_kafka() const { return GetParam() != "embedded"; }
  void create(int32_t partitions, std::map<std::string, std::string> config = {}) {
    auto created = topics_->create(topic_, {partitions, std::move(config)});
    ASSERT_TRUE(created) << created.error().message;
  }
  std::unique_ptr<Writer> writer() {
    auto made = topics_->write(topic_);
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }
  std::unique_ptr<Reader> reader(int32_t partitions) {
    std::map<Partition, Offset> from;
    for (int32_t i = 0; i < partitions; ++i) from.emplace(Partition(i), Offset(0));
    auto made = topics_->read(topic_, from);
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }

  TestDirectory directory_;
  io::SystemClock clock_;
  std::unique_ptr<Topics> topics_;
  std::string topic_;
};

TEST_P(TopicsTest, RecordsComeBackInTheOrderOfTheirPartition) {
  create(3);
  auto to = writer();
  for (int i = 0; i < 3000; ++i) {
    ASSERT_OK(to->append({.value = fmt::format("v{}", i)}, Partition(i % 3)));
  }
  ASSERT_OK(to->flush());
  auto from = reader(3);
  auto rows = read_rows(*from, 3000);
  ASSERT_EQ(rows.size(), 3000u);
  std::map<int32_t, int> next;
  for (const TestRow& row : rows) {
    int n = next[row.partition]++;
    EXPECT_EQ(row.offset, n);
    EXPECT_EQ(row.value, fmt::format("v{}", n * 3 + row.partition));
    EXPECT_EQ(row.topic, topic_);
    EXPECT_EQ(row.timestamp_type, 0);
  }
}

TEST_P(TopicsTest, KeysGoWhereJavaClientsPutThem) {
  create(5);
  auto to = writer();
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK(to->append({.key = fmt::format("key{}", i), .value = "v"}));
  }
  ASSERT_OK(to->flush());
  auto from = reader(5);
  auto rows = read_rows(*from, 100);
  ASSERT_EQ(rows.size(), 100u);
  for (const TestRow& row : rows) {
    EXPECT_EQ(row.partition, static_cast<int32_t>((murmur2(*row.key) & 0x7fffffff) % 5));
  }
}

TEST_P(TopicsTest, WithoutKeyPartitionsTakeTurns) {
  create(4);
  auto to = writer();
  for (int i = 0; i < 40; ++i) ASSERT_OK(to->append({.value = "v"}));
  ASSERT_OK(to->flush());
  auto info = topics_->describe(topic_);
  ASSERT_TRUE(info);
  for (OffsetRange range : info->partitions) EXPECT_EQ(range, (OffsetRange{Offset(0), Offset(10)}));
}

TEST_P(TopicsTest, NullEmptyHeadersAndTimestampsSurvive) {
  create(1);
  auto to = writer();
  ASSERT_OK(to->append({.key = "", .value = std::nullopt, .timestamp_ms = 1234}));
  ASSERT_OK(to->append({.key = std::nullopt,
                        .value = "",
                        .headers = {{"source", "csv"}, {"none", std::nullopt}, {"source", ""}},
                        .timestamp_ms = 1'700'000'000'123}));
  int64_t before = clock_.now_ms();
  ASSERT_OK(to->append({.value = std::string("\0\xff\n", 3)}));
  ASSERT_OK(to->flush());
  auto from = reader(1);
  auto rows = read_rows(*from, 3);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].key, "");
  EXPECT_EQ(rows[0].value, std::nullopt);
  EXPECT_EQ(rows[0].timestamp_us, 1'234'000);
  EXPECT_EQ(rows[0].headers, std::nullopt);
  EXPECT_EQ(rows[1].key, std::nullopt);
  EXPECT_EQ(rows[1].value, "");
  EXPECT_EQ(rows[1].timestamp_us, 1'700'000'000'123'000);
  ASSERT_TRUE(rows[1].headers);
  EXPECT_EQ(*rows[1].headers, "source=csv,none=null,source=,");
  EXPECT_EQ(rows[2].value, std::string("\0\xff\n", 3));
  EXPECT_GE(rows[2].timestamp_us, before * 1000);
  EXPECT_LE(rows[2].timestamp_us, clock_.now_us());
}

TEST_P(TopicsTest, HeadersThatNobodyAsksForAreNull) {
  create(1);
  auto to = writer();
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(to->append({.value = fmt::format("v{}", i), .headers = {{"row", "1"}}}));
  }
  ASSERT_OK(to->flush());
  auto from = reader(1);
  auto rows = read_rows(*from, 1, {.rows_max = 1, .headers = false});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].value, "v0");
  EXPECT_EQ(rows[0].headers, std::nullopt);
  rows = read_rows(*from, 2);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].value, "v2");
  EXPECT_EQ(rows[1].headers, "row=1,");
}

TEST_P(TopicsTest, BigRecordsPassAndTooBigOnesAreRefused) {
  create(1, {{"max.message.bytes", "3000000"}});
  auto to = writer();
  std::string big(2'500'000, 'x');
  for (size_t i = 0; i < big.size(); i += 7) big[i] = static_cast<char>(i * 31 + i / 251);
  ASSERT_OK(to->append({.value = "small"}));
  ASSERT_OK(to->append({.value = big}));
  ASSERT_OK(to->append({.value = "after"}));
  ASSERT_OK(to->flush());
  auto from = reader(1);
  auto rows = read_rows(*from, 3);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].value, big);
  EXPECT_EQ(rows[2].value, "after");
  std::string noise(4'000'000, 'x');
  uint64_t state = 42;
  for (char& c : noise) c = static_cast<char>((state = state * 6364136223846793005u + 1) >> 56);
  Result<void> refused = to->append({.value = noise});
  if (refused) refused = to->flush();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Invalid) << refused.error().message;
  EXPECT_NE(refused.error().message.find("max.message.bytes"), std::string::npos);
}

TEST_P(TopicsTest, SeekMovesAndAddsAPartition) {
  create(2);
  fill(*writer(), 10, 2);
  auto from = topics_->read(topic_, {{Partition(0), Offset(7)}});
  ASSERT_TRUE(from);
  auto rows = read_rows(**from, 3);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].offset, 7);
  ASSERT_OK((*from)->seek(Partition(0), Offset(2)));
  rows = read_rows(**from, 8);
  ASSERT_EQ(rows.size(), 8u);
  EXPECT_EQ(rows[0].offset, 2);
  ASSERT_OK((*from)->seek(Partition(1), Offset(9)));
  rows = read_rows(**from, 1);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].partition, 1);
  EXPECT_EQ(rows[0].offset, 9);
  EXPECT_FALSE((*from)->seek(Partition(2), Offset(0)));
}

TEST_P(TopicsTest, ReadsWhatIsAppendedMeanwhile) {
  create(1);
  auto to = writer();
  auto from = reader(1);
  PollLimits now{.wait_ms_max = 0};
  auto none = from->poll(now);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(to->append({.value = std::to_string(i)}));
    ASSERT_OK(to->flush());
    auto rows = read_rows(*from, 1);
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].value, std::to_string(i));
  }
}

TEST_P(TopicsTest, RangesAndNextTellWhereReadingStands) {
  create(2);
  auto to = writer();
  auto from = reader(2);
  fill(*to, 5, 2);
  auto info = topics_->describe(topic_);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->name, topic_);
  EXPECT_FALSE(info->id.empty());
  ASSERT_EQ(info->partitions.size(), 2u);
  EXPECT_EQ(info->partitions[1], (OffsetRange{Offset(0), Offset(5)}));
  auto ranges = from->ranges();
  ASSERT_TRUE(ranges);
  EXPECT_EQ(ranges->size(), 2u);
  auto late = reader(2);
  ranges = late->ranges();
  ASSERT_TRUE(ranges);
  EXPECT_EQ(*ranges, info->partitions);
}

TEST_P(TopicsTest, NoPartitionRunsAhead) {
  create(4);
  fill(*writer(), 2000, 4);
  auto from = reader(4);
  std::map<int32_t, int64_t> seen;
  int64_t total = 0;
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (total < 8000 && std::chrono::steady_clock::now() < until) {
    auto chunks = from->poll({.rows_max = 400, .wait_ms_max = 100});
    ASSERT_TRUE(chunks) << chunks.error().message;
    std::set<int32_t> partitions;
    int64_t rows = 0;
    for (const Chunk& chunk : *chunks) {
      EXPECT_TRUE(partitions.insert(chunk.partition.value).second);
      seen[chunk.partition.value] += chunk.rows->num_rows();
      EXPECT_EQ(chunk.next, Offset(seen[chunk.partition.value]));
      rows += chunk.rows->num_rows();
    }
    EXPECT_LE(rows, 400);
    total += rows;
    if (is_kafka()) continue;  // what has arrived is up to the network
    for (auto& [partition, count] : seen) EXPECT_EQ(count, seen[0]);
  }
  EXPECT_EQ(total, 8000);
}

TEST_P(TopicsTest, BytesOfAPollAreBounded) {
  create(2);
  auto to = writer();
  for (int i = 0; i < 200; ++i) {
    ASSERT_OK(to->append({.value = std::string(1000, 'x')}, Partition(i % 2)));
  }
  ASSERT_OK(to->flush());
  auto from = reader(2);
  int64_t total = 0;
  for (int polls = 0; total < 200 && polls < 1000; ++polls) {
    auto chunks = from->poll({.bytes_max = 10'000, .wait_ms_max = 100});
    ASSERT_TRUE(chunks) << chunks.error().message;
    int64_t rows = 0;
    for (const Chunk& chunk : *chunks) rows += chunk.rows->num_rows();
    EXPECT_LE(rows, 12);  // each partition may exceed its share by one record
    total += rows;
  }
  EXPECT_EQ(total, 200);
}

TEST_P(TopicsTest, LastRecordsAndOffsetsByTime) {
  create(3);
  auto to = writer();
  for (int i = 0; i < 50; ++i) {
    Record record{.value = fmt::format("v{}", i),
                  .headers = {{"row", std::to_string(i)}},
                  .timestamp_ms = 1'700'000'000'000 + i * 1000};
    ASSERT_OK(to->append(record, Partition(i % 2)));
  }
  ASSERT_OK(to->flush());
  auto last = topics_->last_records(topic_);
  ASSERT_TRUE(last) << last.error().message;
  ASSERT_EQ(last->size(), 2u);
  EXPECT_EQ(last->at(Partition(0)).value, "v48");
  EXPECT_EQ(last->at(Partition(1)).value, "v49");
  ASSERT_EQ(last->at(Partition(1)).headers.size(), 1u);
  EXPECT_EQ(last->at(Partition(1)).headers[0].value, "49");
  EXPECT_EQ(last->at(Partition(1)).timestamp_ms, 1'700'000'049'000);
  auto at = topics_->offsets_at(topic_, 1'700'000'020'500);
  ASSERT_TRUE(at) << at.error().message;
  EXPECT_EQ(at->at(Partition(0)), Offset(11));  // 22,000
  EXPECT_EQ(at->at(Partition(1)), Offset(10));  // 21,000
  EXPECT_EQ(at->at(Partition(2)), Offset(0));
  at = topics_->offsets_at(topic_, 1'800'000'000'000);
  ASSERT_TRUE(at);
  EXPECT_EQ(at->at(Partition(0)), Offset(25));
}

TEST_P(TopicsTest, UnknownTopicSuggestsTheNearest) {
  create(1);
  std::string wrong = topic_ + "s";
  auto info = topics_->describe(wrong);
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, Code::NotFound);
  EXPECT_NE(info.error().message.find("did you mean \"" + topic_ + "\""), std::string::npos)
      << info.error().message;
  EXPECT_EQ(topics_->read(wrong, {}).error().code, Code::NotFound);
  EXPECT_EQ(topics_->write(wrong).error().code, Code::NotFound);
  EXPECT_EQ(topics_->remove(wrong).error().code, Code::NotFound);
  EXPECT_EQ(topics_->last_records(wrong).error().code, Code::NotFound);
  EXPECT_EQ(topics_->offsets_at(wrong, 0).error().code, Code::NotFound);
}

TEST_P(TopicsTest, TopicsAreListedOnceCreatedAndNotTwice) {
  create(1);
  auto listed = topics_->list();
  ASSERT_TRUE(listed);
  EXPECT_EQ(std::count(listed->begin(), listed->end(), topic_), 1);
  auto again = topics_->create(topic_, {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::Conflict) << again.error().message;
  for (const char* bad : {"", ".", "..", "a/b", "a b", "ä"}) {
    EXPECT_EQ(topics_->create(bad, {}).error().code, Code::Invalid) << bad;
  }
  EXPECT_EQ(topics_->create(std::string(250, 'a'), {}).error().code, Code::Invalid);
  EXPECT_EQ(topics_->create(topic_ + "x", {.partitions = 0}).error().code, Code::Invalid);
  EXPECT_FALSE(topics_->create(topic_ + "x", {1, {{"retention.ms", "soon"}}}));
}

TEST_P(TopicsTest, ATopicCreatedAgainHasAnotherId) {
  create(1);
  fill(*writer(), 10, 1);
  auto from = topics_->read(topic_, {{Partition(0), Offset(8)}});
  ASSERT_TRUE(from);
  auto first = topics_->describe(topic_);
  ASSERT_TRUE(first);
  ASSERT_OK(topics_->remove(topic_));
  EXPECT_EQ(topics_->describe(topic_).error().code, Code::NotFound);
  create(1);
  auto second = topics_->describe(topic_);
  ASSERT_TRUE(second);
  EXPECT_NE(first->id, second->id);
  auto stale = topics_->read(topic_, {{Partition(0), Offset(8)}});
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, Code::Corrupt);
  EXPECT_NE(stale.error().message.find("stored offset 8 beyond the end 0"), std::string::npos)
      << stale.error().message;
  EXPECT_NE(stale.error().message.find("created again"), std::string::npos);
  auto polled = (*from)->poll({});
  for (int polls = 0; polled && polls < 50; ++polls) polled = (*from)->poll({.wait_ms_max = 100});
  ASSERT_FALSE(polled);
  EXPECT_EQ(polled.error().code, Code::NotFound) << polled.error().message;
  EXPECT_EQ((*from)->ranges().error().code, Code::NotFound);
}

TEST_P(TopicsTest, DeletedRecordsAreToldApart) {
  std::map<std::string, std::string> small{{"segment.bytes", "20000"}, {"retention.bytes", "1"}};
  create(1, is_kafka() ? std::map<std::string, std::string>() : small);
  auto to = writer();
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(to->append({.value = std::string(4000, 'x')}));
    ASSERT_OK(to->flush());
  }
  if (is_kafka()) ASSERT_OK(delete_kafka_records(GetParam(), topic_, Partition(0), Offset(15)));
  auto info = topics_->describe(topic_);
  ASSERT_TRUE(info);
  Offset begin = info->partitions[0].begin;
  EXPECT_GT(begin, Offset(10));
  EXPECT_EQ(info->partitions[0].end, Offset(20));
  auto stale = topics_->read(topic_, {{Partition(0), Offset(3)}});
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, Code::Corrupt);
  auto words =
      fmt::format("log start {} beyond the stored offset 3: data was deleted", begin.value);
  EXPECT_NE(stale.error().message.find(words), std::string::npos) << stale.error().message;
  auto sound = topics_->read(topic_, {{Partition(0), begin}});
  ASSERT_TRUE(sound);
  EXPECT_EQ(read_rows(**sound, 20 - begin.value).size(), static_cast<size_t>(20 - begin.value));
}

// A broker that was just started loads its groups first; each try is a round trip to it.
template <typename Call>
auto when_loaded(Call call) {
  auto answer = call();
  for (int tries = 0; tries < 10'000 && !answer; ++tries) {
    if (answer.error().code != Code::Unavailable) break;
    answer = call();
  }
  return answer;
}

TEST_P(TopicsTest, OffsetsOfAGroupArePublished) {
  create(2);
  fill(*writer(), 10, 2);
  for (int64_t n : {1, 2}) {
    std::map<Partition, Offset> next{{Partition(0), Offset(n)}, {Partition(1), Offset(n)}};
    auto published =
        when_loaded([&] { return topics_->publish_offsets("lag/group", topic_, next); });
    EXPECT_TRUE(published) << published.error().message;
    auto told = when_loaded([&] { return topics_->group_offsets("lag/group", topic_); });
    ASSERT_TRUE(told) << told.error().message;
    EXPECT_EQ(*told, next);
  }
  auto nothing = when_loaded([&] { return topics_->group_offsets("another", topic_); });
  ASSERT_TRUE(nothing) << nothing.error().message;
  EXPECT_TRUE(nothing->empty());
}

TEST_P(TopicsTest, PartitionsOutsideTheTopicAreInvalid) {
  create(2);
  EXPECT_EQ(writer()->append({.value = "v"}, Partition(2)).error().code, Code::Invalid);
  EXPECT_EQ(topics_->read(topic_, {{Partition(5), Offset(0)}}).error().code, Code::Invalid);
}

std::vector<std::string> brokers() {
  std::vector<std::string> all{"embedded"};
  if (const char* kafka = std::getenv("TICKLAKE_TEST_KAFKA")) all.emplace_back(kafka);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Brokers, TopicsTest, testing::ValuesIn(brokers()), [](const auto& broker) {
  return broker.param == "embedded" ? std::string("Embedded") : std::string("Kafka");
});

}  // namespace
}  // namespace ticklake::broker
