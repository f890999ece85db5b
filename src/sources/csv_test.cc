#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sources/test_world.h"

namespace ticklake::sources {
namespace {

const char* const kBars = R"(
type: csv
topic: bars
partitions: 3
directory: bars
schema: "symbol STRING NOT NULL, date DATE, close DOUBLE, volume BIGINT"
key: symbol
)";

using Lines = std::vector<std::string>;

Lines in_order(std::vector<std::vector<std::string>> partitions) {
  Lines out;
  for (auto& part : partitions) out.insert(out.end(), part.begin(), part.end());
  return out;
}

TEST(Csv, SendsTypedLinesAndKeepsBadOnesAside) {
  World world;
  *world.files.put("market/bars/a.csv",
                   "Symbol,Date,Close,Volume,Extra\n"
                   "AAPL,2000-03-01,130.310,9616100,x\n"
                   "AAPL,2000-03-02,,,\n"
                   "\n"
                   "AAPL,2000-03-99,1,2,3\n"
                   "AAPL,2000-03-03,abc,2,3\n"
                   "AAPL,2000-03-04\n"
                   ",2000-03-05,1,2,3\n"
                   "AAPL,2000-03-06,1,\xff,3\n"
                   "\"AA,\"\"PL\",2000-03-07,1,2,\"two\nlines\"\n"
                   "AAPL,2000-03-08,\"1,2,3\n"
                   "AAPL,2000-03-09,1,2,3\n");
  Progress sum = world.drain(spec_of(kBars));
  EXPECT_EQ(sum.sent, 4);
  EXPECT_EQ(sum.bad, 6);
  EXPECT_EQ(sum.files, 1);
  EXPECT_EQ(world.sorted_values("bars"),
            (Lines{R"({"symbol":"AA,\"PL","date":"2000-03-07","close":1,"volume":2})",
                   R"({"symbol":"AAPL","date":"2000-03-01","close":130.310,"volume":9616100})",
                   R"({"symbol":"AAPL","date":"2000-03-02","close":null,"volume":null})",
                   R"({"symbol":"AAPL","date":"2000-03-09","close":1,"volume":2})"}));
  EXPECT_EQ(in_order(world.values("bars__bad")),
            (Lines{R"({"file":"a.csv","line":5,"reason":"date: \"2000-03-99\" is not a DATE",)"
                   R"("raw":"AAPL,2000-03-99,1,2,3"})",
                   R"({"file":"a.csv","line":6,"reason":"close: not a number: \"abc\"",)"
                   R"("raw":"AAPL,2000-03-03,abc,2,3"})",
                   R"({"file":"a.csv","line":7,"reason":"2 columns where 5 are expected",)"
                   R"("raw":"AAPL,2000-03-04"})",
                   R"({"file":"a.csv","line":8,)"
                   R"("reason":"symbol: empty, but the column is NOT NULL",)"
                   R"("raw":",2000-03-05,1,2,3"})",
                   R"({"file":"a.csv","line":9,"reason":"invalid UTF-8",)"
                   R"("raw":"AAPL,2000-03-06,1,\\xFF,3"})",
                   R"({"file":"a.csv","line":12,"reason":"quote not closed",)"
                   R"("raw":"AAPL,2000-03-08,\"1,2,3"})"}));
}

TEST(Csv, ReadsEachFileOnceAndNewOnesLater) {
  World world;
  world.options.once = false;
  std::string header = "symbol,date,close,volume\n";
  *world.files.put("market/bars/b.csv", header + "B,2000-03-01,1,1\n");
  *world.files.put("market/bars/notes.txt", "not for us");
  auto spec = spec_of(kBars);
  auto run = [&] {
    auto source = *world.open(spec);
    Progress sum;
    for (int i = 0; i < 20; ++i) {
      auto progress = *source->step();
      sum.sent += progress.sent;
      sum.files += progress.files;
      sum.warnings += progress.warnings;
      EXPECT_FALSE(progress.finished);
      if (progress.idle_until_us > world.clock.now_us()) {
        world.clock.advance_us(progress.idle_until_us - world.clock.now_us());
      }
    }
    return sum;
  };
  EXPECT_EQ(run().sent, 1);
  *world.files.put("market/bars/a.csv", header + "A,2000-03-01,1,1\n");
  *world.files.put("market/bars/empty.csv", "");
  Progress second = run();
  EXPECT_EQ(second.sent, 1);
  EXPECT_EQ(second.files, 2);
  EXPECT_EQ(second.warnings, 1);
  EXPECT_EQ(run().files, 0);
  EXPECT_EQ(world.sorted_values("bars").size(), 2u);
}

TEST(Csv, TakesOnlyWholeLinesOfAFileThatGrows) {
  World world;
  world.options.once = false;
  // The files' times are small numbers: begin near them, so that the file is young.
  io::ManualClock clock(0);
  auto spec = spec_of(kBars);
  *world.files.put("market/bars/a.csv", "symbol,date,close,volume\nA,2000-03-01,1,1\nA,2000-03-0");
  auto source = *open_source(spec, world.topics, world.files, clock, world.options);
  auto run = [&](int64_t for_us) {
    int64_t until = clock.now_us() + for_us;
    int64_t sent = 0;
    while (clock.now_us() < until) {
      auto progress = *source->step();
      sent += progress.sent + 100 * progress.bad + 10'000 * progress.files;
      clock.advance_us(std::max<int64_t>(progress.idle_until_us - clock.now_us(), 1000));
    }
    return sent;
  };
  EXPECT_EQ(run(1'000'000), 1);
  *world.files.put("market/bars/a.csv",
                   "symbol,date,close,volume\nA,2000-03-01,1,1\nA,2000-03-02,2,2\nA,2000-0");
  EXPECT_EQ(run(1'000'000), 1);
  // It stays as it is: the rest is a bad line, and the file is done.
  EXPECT_EQ(run(4'000'000), 10'100);
  EXPECT_NE(in_order(world.values("bars__bad"))[0].find("2 columns where 4 are expected"),
            std::string::npos);
}

TEST(Csv, RefusesAFileThatChangedAfterItWasRead) {
  World world;
  std::string text = "symbol,date,close,volume\nA,2000-03-01,1,1\n";
  *world.files.put("market/bars/a.csv", text);
  auto spec = spec_of(kBars);
  world.drain(spec);
  *world.files.put("market/bars/a.csv", text);  // a later time, the same bytes
  EXPECT_EQ(world.drain(spec).sent, 0);
  *world.files.put("market/bars/a.csv", text + "A,2000-03-02,1,1\n");
  auto refusal = (*world.open(spec))->step();
  ASSERT_FALSE(refusal);
  EXPECT_EQ(refusal.error().message,
            "market/bars/a.csv changed after it had been read (42 bytes then, 59 now): put it "
            "back as it was, and give new data a file name of its own");
}

TEST(Csv, NamesWhatIsMissing) {
  World world;
  auto spec = spec_of(kBars);
  auto refusal = world.open(spec);
  ASSERT_FALSE(refusal);
  EXPECT_EQ(refusal.error().message, "sources/bars.yml: the directory market/bars is missing: make "
                                     "it, or correct \"directory\"");
  *world.files.put("market/bars/a.csv", "symbol,date,volume\nA,2000-03-01,1\n");
  auto step = (*world.open(spec))->step();
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().message, "market/bars/a.csv: the column \"close\" is missing; the header "
                                  "has: symbol, date, volume");
}

TEST(Csv, WithoutHeaderAndWithSeparator) {
  World world;
  *world.files.put("market/bars/a.csv", "A;1\nB;2");
  auto spec = spec_of("type: csv\ntopic: t\ndirectory: bars\nheader: false\nseparator: ';'\n"
                      "schema: a STRING, b INT\n");
  EXPECT_EQ(world.drain(spec).sent, 2);
  EXPECT_EQ(world.sorted_values("t"), (Lines{R"({"a":"A","b":1})", R"({"a":"B","b":2})"}));
}

TEST(Csv, ADeletedTopicIsFilledAgain) {
  World world;
  *world.files.put("market/bars/a.csv", "symbol,date,close,volume\nA,2000-03-01,1,1\n");
  auto spec = spec_of(kBars);
  EXPECT_EQ(world.drain(spec).sent, 1);
  EXPECT_EQ(world.drain(spec).sent, 0);
  *world.log->remove("bars");
  EXPECT_EQ(world.drain(spec).sent, 1);
}

TEST(Csv, OneProducerASource) {
  World world;
  *world.files.put("market/bars/a.csv", "symbol,date,close,volume\n");
  world.options.lease_directory = world.directory.path() + "/leases";
  auto first = world.open(spec_of(kBars));
  ASSERT_TRUE(first);
  auto second = world.open(spec_of(kBars));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::Conflict);
  EXPECT_NE(second.error().message.find(fmt::format("process {}", ::getpid())), std::string::npos);
  first->reset();
  EXPECT_TRUE(world.open(spec_of(kBars)));
}

void fill(World& world) {
  for (int file = 0; file < 5; ++file) {
    std::string text = "symbol,date,close,volume\n";
    for (int row = 0; row < 200; ++row) {
      bool bad = row % 37 == 5;
      text += fmt::format("S{},2000-01-{:02},{}.{:02},{}\n", row % 17, row % 28 + 1,
                          bad ? "x" : "1", row % 100, file * 1000 + row);
    }
    *world.files.put(fmt::format("market/bars/{}.csv", file), text);
  }
}

// Whatever is lost, and however often the source begins again, the topics hold what they hold
// without.
TEST(Csv, CrashesChangeNothing) {
  World calm;
  fill(calm);
  Progress expected = calm.drain(spec_of(kBars));
  EXPECT_EQ(expected.sent + expected.bad, 1000);
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    World world(seed);
    fill(world);
    world.topics.crash_every = 3;
    world.drain(spec_of(kBars), seed % 2 == 0);
    EXPECT_GT(world.topics.crashes, 0);
    ASSERT_EQ(world.values("bars"), calm.values("bars")) << "seed " << seed;
    ASSERT_EQ(world.values("bars__bad"), calm.values("bars__bad")) << "seed " << seed;
  }
}

// Its rest is no line of its own, however good it looks, and the lines after it keep their numbers.
TEST(Csv, ALineTooLongIsOneBadRecord) {
  for (bool quoted : {false, true}) {
    std::string text = "symbol,date,close,volume\nA,2000-03-01,1,1\n";
    std::string line = (quoted ? "\"" : "") + std::string((size_t{2} << 20) + 50, 'x');
    size_t cut = (2 << 20) - 1;  // where the rest would begin
    line.replace(cut, 20, "\tB,2000-03-02,2,2,,,");
    text += line + "\nC,2000-03-03,3,3\nD,2000-03-04,x,4\n";
    World world(7);
    *world.files.put("market/bars/a.csv", text);
    world.topics.crash_every = 2;
    world.drain(spec_of(kBars), true);
    EXPECT_EQ(world.sorted_values("bars").size(), 2u);
    Lines bad = in_order(world.values("bars__bad"));
    ASSERT_EQ(bad.size(), 2u);
    EXPECT_NE(bad[0].find("\"line\":3,"), std::string::npos) << bad[0].substr(0, 100);
    EXPECT_NE(bad[1].find("\"line\":5,"), std::string::npos) << bad[1];
  }
}

TEST(Csv, ALineTooLongMayEndTheFile) {
  World world;
  *world.files.put("market/bars/a.csv",
                   "symbol,date,close,volume\n" + std::string(size_t{5} << 20, 'x'));
  Progress sum = world.drain(spec_of(kBars));
  EXPECT_EQ(sum.bad, 1);
  EXPECT_EQ(sum.files, 1);
  World header;
  *header.files.put("market/bars/a.csv", std::string(size_t{5} << 20, 'x'));
  auto step = (*header.open(spec_of(kBars)))->step();
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().message, "market/bars/a.csv: the header (line 1) cannot be read: longer "
                                  "than 2097152 bytes");
}

// The same within one file of several batches.
TEST(Csv, CrashesWithinALargeFileChangeNothing) {
  std::string text = "symbol,date,close,volume\n";
  for (int row = 0; row < 45'000; ++row) {
    text += fmt::format("S{},2000-01-01,{},1\n", row % 11, row % 1000 == 7 ? "x" : "1");
  }
  auto spec = spec_of(kBars);
  World calm;
  *calm.files.put("market/bars/large.csv", text);
  EXPECT_EQ(calm.drain(spec).bad, 45);
  World world(3);
  *world.files.put("market/bars/large.csv", text);
  world.topics.crash_every = 2;
  world.drain(spec, true);
  EXPECT_GT(world.topics.crashes, 1);
  EXPECT_EQ(world.values("bars"), calm.values("bars"));
  EXPECT_EQ(world.values("bars__bad"), calm.values("bars__bad"));
}

}  // namespace
}  // namespace ticklake::sources
