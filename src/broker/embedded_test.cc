// What only the embedded log can be put through: crashes, damage, full disks, other processes.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>

#include "broker/broker.h"
#include "broker/crc32c.h"
#include "broker/log_segments.h"
#include "broker/test_topics.h"

namespace ticklake::broker {
namespace {

namespace fs = std::filesystem;

class EmbeddedTest : public testing::Test {
 protected:
  void SetUp() override {
    topics_ = *open("embedded", directory_.path() + "/topics", {}, clock_);
    ASSERT_OK(topics_->create("ticks", {1, {}}));
  }
  std::string partition() const { return directory_.path() + "/topics/ticks/0"; }
  std::string segment() const { return segment_path(partition(), Offset(0)); }
  std::unique_ptr<Writer> writer() { return *topics_->write("ticks"); }
  std::unique_ptr<Reader> reader(Offset from = Offset(0)) {
    return *topics_->read("ticks", {{Partition(0), from}});
  }
  OffsetRange held() { return topics_->describe("ticks")->partitions[0]; }

  TestDirectory directory_;
  io::ManualClock clock_{1'700'000'000'000'000};
  std::unique_ptr<Topics> topics_;
};

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void put_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Runs in another process; true where it ended well.
bool in_child(const std::function<bool()>& work) {
  pid_t child = ::fork();
  if (child == 0) ::_exit(work() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Crc32c, AgreesWithTheStandard) {  // RFC 3720, B.4
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST_F(EmbeddedTest, ARecordLiesAsTheDocumentSays) {
  ASSERT_OK(writer()->append({.key = "IBM",
                              .value = "141.2",
                              .headers = {{"row", "7"}},
                              .timestamp_ms = 1'700'000'000'000}));
  std::string hex;
  for (char c : bytes_of(segment())) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  EXPECT_EQ(hex,
            "49665458300000000000000000000000"
            "0068e5cf8b0100000300000005000000"
            "0100000049424d3134312e3203000000"
            "01000000726f7737");
}

TEST_F(EmbeddedTest, ATornTailAtAnyByteIsIgnoredAndThenCut) {
  auto to = writer();
  for (const char* value : {"first", "second"}) ASSERT_OK(to->append({.value = value}));
  ASSERT_OK(to->flush());
  size_t sound = bytes_of(segment()).size();
  ASSERT_OK(to->append({.key = "key", .value = "torn", .headers = {{"h", "v"}}}));
  ASSERT_OK(to->flush());
  to.reset();
  std::string whole = bytes_of(segment());
  for (size_t size = sound; size < whole.size(); ++size) {
    put_bytes(segment(), whole.substr(0, size));
    auto from = reader();
    EXPECT_EQ(rows_of(from->poll({})->at(0)).size(), 2u) << size;
    EXPECT_EQ(held().end, Offset(2)) << size;
    EXPECT_EQ(topics_->last_records("ticks")->at(Partition(0)).value, "second");
    auto again = writer();
    EXPECT_EQ(fs::file_size(segment()), sound) << size;
    ASSERT_OK(again->append({.value = "third"}));
    ASSERT_OK(again->flush());
    auto rows = read_rows(*from, 1);
    ASSERT_EQ(rows.size(), 1u) << size;
    EXPECT_EQ(rows[0].offset, 2);
    EXPECT_EQ(rows[0].value, "third");
  }
}

TEST_F(EmbeddedTest, ATailOfZerosIsTornToo) {  // as file systems leave it after a power cut
  fill(*writer(), 3, 1);
  std::string whole = bytes_of(segment());
  put_bytes(segment(), whole + std::string(5000, '\0'));
  EXPECT_EQ(read_rows(*reader(), 3).size(), 3u);
  EXPECT_EQ(held().end, Offset(3));
  fill(*writer(), 2, 1);
  EXPECT_EQ(held().end, Offset(5));
  EXPECT_EQ(read_rows(*reader(), 5).size(), 5u);
}

TEST_F(EmbeddedTest, AFlippedBitInTheMiddleIsNamed) {
  fill(*writer(), 6, 1);
  std::string whole = bytes_of(segment());
  size_t record = whole.size() / 6;
  for (size_t byte = record * 2; byte < record * 3; ++byte) {
    std::string flipped = whole;
    flipped[byte] = static_cast<char>(flipped[byte] ^ 0x10);
    put_bytes(segment(), flipped);
    auto from = topics_->read("ticks", {{Partition(0), Offset(0)}});
    ASSERT_FALSE(from) << byte;
    EXPECT_EQ(from.error().code, Code::Corrupt);
    auto words =
        fmt::format("{} is damaged at byte {}, in the record of offset 2", segment(), record * 2);
    EXPECT_NE(from.error().message.find(words), std::string::npos) << from.error().message;
    EXPECT_EQ(topics_->write("ticks").error().code, Code::Corrupt) << byte;
  }
  EXPECT_EQ(bytes_of(segment()).size(), whole.size());  // nothing was cut
}

TEST_F(EmbeddedTest, AReaderStopsAtDamageBeforeIt) {
  fill(*writer(), 6, 1);
  auto from = reader();
  ASSERT_TRUE(from->poll({.rows_max = 2}));
  auto fresh = reader();
  std::string whole = bytes_of(segment());
  whole[whole.size() / 2 + 20] = static_cast<char>(~whole[whole.size() / 2 + 20]);
  put_bytes(segment(), whole);
  EXPECT_EQ(read_rows(*fresh, 3, {.rows_max = 3}).size(), 3u);
  auto chunks = fresh->poll({});
  ASSERT_FALSE(chunks);
  EXPECT_EQ(chunks.error().code, Code::Corrupt);
}

TEST_F(EmbeddedTest, DamageBeforeALaterSegmentIsNamed) {
  ASSERT_OK(topics_->create("small", {1, {{"segment.bytes", "200"}}}));
  auto to = *topics_->write("small");
  for (int i = 0; i < 10; ++i) {
    ASSERT_OK(to->append({.value = std::string(60, 'x')}));
    ASSERT_OK(to->flush());
  }
  std::string first = segment_path(directory_.path() + "/topics/small/0", Offset(0));
  put_bytes(first, bytes_of(first).substr(0, 100));
  auto from = *topics_->read("small", {{Partition(0), Offset(0)}});
  ASSERT_TRUE(from->poll({.rows_max = 1}));
  auto chunks = from->poll({});
  ASSERT_FALSE(chunks);
  EXPECT_EQ(chunks.error().code, Code::Corrupt);
  EXPECT_NE(chunks.error().message.find(first), std::string::npos) << chunks.error().message;
}

TEST_F(EmbeddedTest, ASecondWriterIsToldWhoWrites) {
  auto to = writer();
  auto second = topics_->write("ticks");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::Conflict);
  std::string words = fmt::format("is being written by process {} (lock file ", ::getpid());
  EXPECT_NE(second.error().message.find(words), std::string::npos) << second.error().message;
  EXPECT_EQ(topics_->remove("ticks").error().code, Code::Conflict);
  EXPECT_TRUE(in_child([&] { return !topics_->write("ticks"); }));
  to.reset();
  EXPECT_TRUE(topics_->write("ticks"));
}

TEST_F(EmbeddedTest, TheLockOfAKilledWriterIsFreeAndItsRecordsStay) {
  EXPECT_FALSE(in_child([&] {
    auto to = writer();
    for (int i = 0; i < 100; ++i) (void)to->append({.value = std::to_string(i)});
    (void)to->flush();
    (void)to->append({.value = "not flushed"});
    return ::raise(SIGKILL) == 0;
  }));
  EXPECT_EQ(held().end, Offset(100));
  fill(*writer(), 1, 1);
  EXPECT_EQ(held().end, Offset(101));
}

TEST_F(EmbeddedTest, AnotherProcessReadsAtOnce) {
  auto from = reader();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(in_child([&] {
      auto to = writer();
      return to->append({.value = "v"}) && to->flush();
    }));
    auto chunks = from->poll({});
    ASSERT_TRUE(chunks);
    ASSERT_EQ(chunks->size(), 1u);
    EXPECT_EQ(chunks->at(0).next, Offset(i + 1));
  }
}

TEST_F(EmbeddedTest, SegmentsRollAndAreReadAcross) {
  ASSERT_OK(topics_->create("rolls", {1, {{"segment.bytes", "300000"}}}));
  {
    auto to = *topics_->write("rolls");
    for (int i = 0; i < 20000; ++i) {
      ASSERT_OK(to->append({.value = fmt::format("{:0>60}", i)}));
      if (i % 997 == 0) ASSERT_OK(to->flush());
    }
    ASSERT_OK(to->flush());
  }
  std::string partition = directory_.path() + "/topics/rolls/0";
  auto bases = list_segments(partition);
  ASSERT_TRUE(bases);
  EXPECT_GE(bases->size(), 6u);
  EXPECT_FALSE(read_index(partition, bases->front()).empty());
  for (bool with_index : {true, false}) {
    for (Offset base : *bases) {
      if (!with_index) fs::remove(index_path(partition, base));
    }
    for (int64_t from : {0, 1, 4321, 19999, 20000}) {
      auto opened = topics_->read("rolls", {{Partition(0), Offset(from)}});
      ASSERT_TRUE(opened) << opened.error().message;
      auto rows = read_rows(**opened, 20000 - from);
      ASSERT_EQ(rows.size(), static_cast<size_t>(20000 - from));
      for (size_t i = 0; i < rows.size(); ++i) {
        ASSERT_EQ(rows[i].value, fmt::format("{:0>60}", from + static_cast<int64_t>(i)));
      }
    }
  }
  fs::remove(index_path(partition, bases->back()));
  auto again = topics_->write("rolls");
  ASSERT_TRUE(again);
  EXPECT_EQ(topics_->describe("rolls")->partitions[0].end, Offset(20000));
}

TEST_F(EmbeddedTest, RetentionDeletesByAge) {
  ASSERT_OK(topics_->create("aged", {1, {{"segment.bytes", "500"}, {"retention.ms", "60000"}}}));
  auto to = *topics_->write("aged");
  for (int i = 0; i < 30; ++i) {
    ASSERT_OK(to->append({.value = std::string(100, 'x')}));
    ASSERT_OK(to->flush());
    clock_.advance_us(10'000'000);
  }
  OffsetRange range = topics_->describe("aged")->partitions[0];
  EXPECT_GE(range.begin, Offset(20));
  EXPECT_LT(range.begin, Offset(27));
  EXPECT_EQ(range.end, Offset(30));
}

TEST_F(EmbeddedTest, ARecordFromTheFutureDoesNotStopRetention) {
  ASSERT_OK(topics_->create("aged", {1, {{"segment.bytes", "17000"}, {"retention.ms", "60000"}}}));
  auto to = *topics_->write("aged");
  std::string directory = directory_.path() + "/topics/aged/0";
  auto append = [&](int64_t timestamp_ms) {
    ASSERT_OK(to->append({.value = std::string(5000, 'x'), .timestamp_ms = timestamp_ms}));
    ASSERT_OK(to->flush());
    clock_.advance_us(10'000'000);
  };
  append(4'000'000'000'000);
  for (int i = 0; i < 10; ++i) append(-1);
  // Later segments know nothing of it, although each has an index entry.
  std::vector<Offset> bases = *list_segments(directory);
  ASSERT_GE(bases.size(), 3u);
  EXPECT_LE(*age_timestamp_ms(directory, bases.back()), clock_.now_ms());
  EXPECT_EQ(topics_->describe("aged")->partitions[0].begin, Offset(0));
  // Its own segment is as old as the file.
  auto written = fs::file_time_type::clock::now() - std::chrono::hours(24 * 365 * 20);
  fs::last_write_time(segment_path(directory, bases.front()), written);
  append(-1);
  append(-1);
  EXPECT_GT(topics_->describe("aged")->partitions[0].begin, Offset(4));
}

TEST_F(EmbeddedTest, AReaderThatIsOvertakenByRetentionIsTold) {
  ASSERT_OK(topics_->create("tight", {1, {{"segment.bytes", "500"}, {"retention.bytes", "500"}}}));
  auto to = *topics_->write("tight");
  ASSERT_OK(to->append({.value = std::string(100, 'x')}));
  ASSERT_OK(to->flush());
  auto from = *topics_->read("tight", {{Partition(0), Offset(0)}});
  ASSERT_TRUE(from->poll({}));
  for (int i = 0; i < 40; ++i) {
    ASSERT_OK(to->append({.value = std::string(100, 'x')}));
    ASSERT_OK(to->flush());
  }
  auto chunks = from->poll({});
  while (chunks && !chunks->empty()) chunks = from->poll({});
  ASSERT_FALSE(chunks);
  EXPECT_EQ(chunks.error().code, Code::Corrupt);
  EXPECT_NE(chunks.error().message.find("data was deleted"), std::string::npos);
}

TEST_F(EmbeddedTest, AFullDiskNeverShowsHalfARecord) {
  bool kept = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit {
      10'050, RLIM_INFINITY
    };
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto to = writer();
    for (int i = 0; i < 200; ++i) {
      if (!to->append({.value = fmt::format("{:0>64}", i)})) return false;
    }
    auto full = to->flush();
    if (full || full.error().code != Code::Unavailable) return false;
    if (full.error().message.find(segment()) == std::string::npos) return false;
    if (full.error().message.find("free some space") == std::string::npos) return false;
    if (held().end != Offset(100) || to->flush()) return false;  // 100 of 100 bytes fit
    limit.rlim_cur = RLIM_INFINITY;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return bool(to->flush());
  });
  EXPECT_TRUE(kept);
  auto rows = read_rows(*reader(), 200);
  ASSERT_EQ(rows.size(), 200u);
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].value, fmt::format("{:0>64}", i));
}

TEST_F(EmbeddedTest, AReadOnlyDirectoryCanBeReadButNotWritten) {
  fill(*writer(), 3, 1);
  fs::permissions(directory_.path(), fs::perms(0755));
  bool refused = in_child([&] {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && ::seteuid(kNobody) != 0) return false;
    if (::geteuid() != kNobody) {
      fs::permissions(partition(), fs::perms(0555));
      fs::permissions(partition() + "/lock", fs::perms(0444));
    }
    auto to = topics_->write("ticks");
    bool named = !to && to.error().code == Code::Unavailable &&
                 to.error().message.find(partition()) != std::string::npos &&
                 to.error().message.find("make it accessible") != std::string::npos;
    return named && read_rows(*reader(), 3).size() == 3;
  });
  fs::permissions(partition(), fs::perms(0755));
  EXPECT_TRUE(refused);
}

TEST_F(EmbeddedTest, DamagedMetadataAndUnknownSettingsAreRefused) {
  auto unknown = topics_->create("x", {1, {{"cleanup.policy", "compact"}}});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::Unsupported);
  std::string metadata = directory_.path() + "/topics/ticks/topic.json";
  for (const char* bytes : {"", "{", "[]", "{\"format\":1}", "{\"format\":\"x\"}"}) {
    put_bytes(metadata, bytes);
    auto info = topics_->describe("ticks");
    ASSERT_FALSE(info);
    EXPECT_EQ(info.error().code, Code::Corrupt) << info.error().message;
    EXPECT_NE(info.error().message.find(metadata), std::string::npos);
  }
  put_bytes(metadata, "{\"format\":2}");
  EXPECT_EQ(topics_->describe("ticks").error().code, Code::Unsupported);
}

TEST_F(EmbeddedTest, ADamagedIndexOnlyCostsTime) {
  auto to = writer();
  for (int i = 0; i < 5000; ++i) ASSERT_OK(to->append({.value = std::string(50, 'x')}));
  ASSERT_OK(to->flush());
  to.reset();
  std::string index = bytes_of(index_path(partition(), Offset(0)));
  ASSERT_GT(index.size(), 3 * kIndexEntryBytes);
  for (size_t byte = 0; byte < 2 * kIndexEntryBytes; byte += 5) {
    std::string flipped = index;
    flipped[byte] = static_cast<char>(flipped[byte] ^ 1);
    put_bytes(index_path(partition(), Offset(0)), flipped);
    EXPECT_EQ(held().end, Offset(5000));
    EXPECT_EQ(read_rows(*reader(Offset(4000)), 1000).size(), 1000u);
  }
}

}  // namespace
}  // namespace ticklake::broker
