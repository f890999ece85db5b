#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/time.h"
#include "sources/session_clock.h"
#include "sources/test_world.h"
#include "sources/ticks.h"

namespace ticklake::sources {
namespace {

using Json = nlohmann::json;

const char* const kFixed = R"(
type: synthetic
topic: ticks
partitions: 3
symbols: 8
seed: 5
rate: 1000
start: 2026-01-05T14:30:00Z
count: 5000
bad_share: 0.03
disorder: {lateness: 5 seconds, share: 0.1}
)";

TEST(Synthetic, MakesTicks) {
  World world;
  EXPECT_EQ(world.drain(spec_of(kFixed, "sources/ticks.yml")).sent, 5000);
  auto lines = world.sorted_values("ticks");
  ASSERT_EQ(lines.size(), 5000u);
  int malformed = 0, nameless = 0, negative = 0, late = 0;
  std::set<int64_t> seqs;
  for (const std::string& line : lines) {
    Json tick = Json::parse(line, nullptr, false);
    if (tick.is_discarded()) {
      ++malformed;
      continue;
    }
    nameless += !tick.contains("symbol");
    negative += tick["price"].get<double>() < 0;
    seqs.insert(tick["seq"].get<int64_t>());
    int64_t at = parse_timestamp(tick["ts"].get<std::string>())->micros;
    int64_t place = 1'767'623'400'000'000 + tick["seq"].get<int64_t>() * 1000;
    late += at < place - 1000;
    EXPECT_LE(at, place);
    EXPECT_GE(at, place - 5'001'000);
  }
  EXPECT_EQ(static_cast<int>(seqs.size()) + malformed, 5000);
  for (int kind : {malformed, nameless, negative}) {
    EXPECT_GT(kind, 25);
    EXPECT_LT(kind, 80);
  }
  EXPECT_GT(late, 400);
  EXPECT_LT(late, 600);
}

TEST(Synthetic, PricesWalk) {
  SyntheticSpec spec;
  spec.symbols = {"A", "B"};
  TickMaker maker(spec);
  double least = 1e9, most = 0, last = 0;
  for (int64_t i = 0; i < 20'000; ++i) {
    Tick tick = maker.make(i, int64_t{1'767'623'400'000'000} + i * 1'000'000);
    if (*tick.symbol != "A") continue;
    double price = Json::parse(tick.json)["price"].get<double>();
    EXPECT_LT(last > 0 ? std::abs(price / last - 1) : 0, 0.01);
    last = price;
    least = std::min(least, price);
    most = std::max(most, price);
  }
  EXPECT_GT(most / least, 1.001);
  EXPECT_LT(most / least, 1.5);
}

TEST(Synthetic, CrashesChangeNothing) {
  auto spec = spec_of(kFixed, "sources/ticks.yml");
  World calm;
  calm.drain(spec);
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    World world(seed);
    world.topics.crash_every = 2;
    world.drain(spec, true);
    ASSERT_EQ(world.values("ticks"), calm.values("ticks")) << "seed " << seed;
  }
}

const char* const kLive = R"(
type: synthetic
topic: ticks
symbols: [IBM, GE]
rate: 100
backfill: 1 minute
backfill_rate: 10
)";

// Lets the source run for a while; with `reopen`, from the topic after each step.
int64_t run(World& world, const SourceSpec& spec, int64_t for_us, bool reopen) {
  int64_t until = world.clock.now_us() + for_us, sent = 0;
  std::unique_ptr<Source> source;
  while (world.clock.now_us() < until) {
    if (!source) source = *world.open(spec);
    auto progress = source->step();
    if (progress) {
      sent += progress->sent;
      int64_t wait = progress->idle_until_us - world.clock.now_us();
      world.clock.advance_us(std::clamp<int64_t>(wait, 0, until - world.clock.now_us()));
    }
    if (!progress || reopen) source.reset();
  }
  return sent;
}

TEST(Synthetic, BackfillsThenGoesLive) {
  World world;
  world.options.once = false;
  auto spec = spec_of(kLive, "sources/ticks.yml");
  int64_t sent = run(world, spec, 10'000'000, false);
  EXPECT_NEAR(static_cast<double>(sent), 600 + 1000, 5);
  // A short stop is caught up with; the numbers go on without a gap.
  world.clock.advance_us(20'000'000);
  sent += run(world, spec, 1'000'000, false);
  EXPECT_NEAR(static_cast<double>(sent), 600 + 3100, 8);
  // A long one is not: what is sent at once is not more than a backfill.
  world.clock.advance_us(3'600'000'000);
  int64_t later = run(world, spec, 1'000'000, false);
  EXPECT_NEAR(static_cast<double>(later), 6100, 8);
  std::set<int64_t> seqs;
  for (const std::string& line : world.sorted_values("ticks")) {
    seqs.insert(Json::parse(line)["seq"].get<int64_t>());
  }
  EXPECT_EQ(static_cast<int64_t>(seqs.size()), sent + later);
  EXPECT_EQ(*seqs.rbegin(), sent + later - 1);
}

TEST(Synthetic, ALongStopInTheMidstOfABatchLeavesNoGap) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    World world(seed);
    world.options.once = false;
    auto spec = spec_of(kLive, "sources/ticks.yml");
    world.topics.crash_every = 1;
    EXPECT_FALSE((*world.open(spec))->step());
    world.topics.crash_every = 0;
    world.clock.advance_us(3'600'000'000);
    run(world, spec, 1'000'000, seed % 2 == 0);
    std::set<int64_t> seqs;
    size_t count = 0;
    for (const std::string& line : world.sorted_values("ticks")) {
      seqs.insert(Json::parse(line)["seq"].get<int64_t>());
      ++count;
    }
    EXPECT_EQ(seqs.size(), count) << "seed " << seed;
    EXPECT_EQ(*seqs.rbegin() + 1, static_cast<int64_t>(count)) << "seed " << seed;
  }
}

TEST(Synthetic, ARestartContinuesTheSameSequence) {
  auto spec = spec_of(kLive, "sources/ticks.yml");
  World calm;
  calm.options.once = false;
  run(calm, spec, 1'000'000, false);
  World world;
  world.options.once = false;
  world.topics.crash_every = 3;
  run(world, spec, 1'000'000, true);
  EXPECT_GT(world.topics.crashes, 10);
  world.topics.crash_every = 0;
  run(world, spec, 20'000, false);
  auto expected = calm.values("ticks"), got = world.values("ticks");
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_GE(got[i].size(), expected[i].size());
    got[i].resize(expected[i].size());
    EXPECT_EQ(got[i], expected[i]);
  }
}

TEST(Synthetic, SharesATopicWithOthers) {
  World world;
  auto spec = spec_of(kFixed, "sources/ticks.yml");
  world.drain(spec);
  auto writer = *world.log->write("ticks");
  for (int i = 0; i < 3000; ++i) *writer->append({.key = "other", .value = "{}"}, Partition(i % 3));
  *writer->flush();
  writer.reset();  // the embedded log has one writer at a time
  EXPECT_EQ(world.drain(spec).sent, 0);
  EXPECT_EQ(world.drain(spec_of(kFixed, "sources/more.yml")).sent, 5000);
}

TEST(SessionClock, CountsOpenHours) {
  Session session{.open_us = 52'200'000'000, .close_us = 75'600'000'000, .days = 0b1'1111};
  SessionClock clock(session);
  auto at = [](const char* text) { return parse_timestamp(text)->micros; };
  auto after = [&](const char* from, int64_t us) {
    return format_instant(clock.instant(clock.open_time(at(from)) + us));
  };
  EXPECT_EQ(after("2026-01-05T15:00:00Z", 60'000'000), "2026-01-05T15:01:00Z");
  EXPECT_EQ(after("2026-01-05T20:59:30Z", 60'000'000), "2026-01-06T14:30:30Z");
  EXPECT_EQ(after("2026-01-09T20:59:30Z", 60'000'000), "2026-01-12T14:30:30Z");
  EXPECT_EQ(after("2026-01-10T12:00:00Z", 0), "2026-01-12T14:30:00Z");
  EXPECT_EQ(after("2026-01-12T14:30:00Z", -60'000'000), "2026-01-09T20:59:00Z");
  EXPECT_EQ(after("1969-12-31T20:59:30Z", 60'000'000), "1970-01-01T14:30:30Z");
  SessionClock always{Session{}};
  for (int64_t instant : {int64_t{0}, int64_t{-1}, int64_t{1'767'623'400'123'456}}) {
    EXPECT_EQ(always.instant(always.open_time(instant)), instant);
  }
}

}  // namespace
}  // namespace ticklake::sources
