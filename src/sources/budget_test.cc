#include "sources/budget.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>

#include "base/time.h"
#include "sources/test_world.h"

namespace ticklake::sources {
namespace {

constexpr int64_t kBegin = 1'767'623'400'000'000;

struct Desk {
  io::ManualClock clock{kBegin};
  io::MemoryFiles files;
  Budget open(RequestLimits limits = {}) {
    return Budget(files, clock, "state/key.json", limits, false);
  }
  // Takes what is to be had until `seconds` from the beginning; when each was given, in seconds.
  std::vector<int64_t> take_until(int64_t seconds, RequestLimits limits = {}) {
    std::vector<int64_t> out;
    while (true) {
      Budget budget = open(limits);  // a new process each time
      int64_t again = *budget.take();
      if (again == 0) {
        out.push_back((clock.now_us() - kBegin) / kMicrosPerSecond);
        continue;
      }
      if (again > kBegin + seconds * kMicrosPerSecond) return out;
      EXPECT_GT(again, clock.now_us());
      clock.advance_us(again - clock.now_us());
    }
  }
};

TEST(Budget, SpacesRequestsAndCountsADay) {
  Desk desk;
  auto first_day = desk.take_until(86'399);
  ASSERT_EQ(first_day.size(), 25u);
  EXPECT_EQ(first_day[1], 13);
  EXPECT_EQ(first_day[24], 24 * 13);
  // The next request is free when the first is 24 hours old, the one after that 13 s later.
  auto second_day = desk.take_until(86'400 + 86'399);
  ASSERT_EQ(second_day.size(), 25u);
  EXPECT_EQ(second_day[0], 86'400);
  EXPECT_EQ(second_day[1], 86'413);
}

TEST(Budget, AMinuteMayBeUsedInOneBurst) {
  Desk desk;
  auto times = desk.take_until(119, {.per_minute = 3, .per_day = 5, .spacing_us = 0});
  EXPECT_EQ(times, (std::vector<int64_t>{0, 0, 0, 60, 60}));
}

TEST(Budget, NoLimitADayKeepsTheFileSmall) {
  Desk desk;
  auto times = desk.take_until(3600, {.per_minute = 75, .per_day = 0, .spacing_us = 0});
  EXPECT_EQ(times.size(), 75u * 61);
  EXPECT_EQ(desk.open({.per_minute = 75, .per_day = 0}).state()->requests_us.size(), 1000u);
}

TEST(Budget, ASourceWithoutALimitADayCountsForTheOthers) {
  Desk desk;
  RequestLimits unlimited{.per_minute = 0, .per_day = 0, .spacing_us = kMicrosPerMinute};
  EXPECT_EQ(desk.take_until(20 * 60 - 1, unlimited).size(), 20u);
  // Five are left of 25 until the first is a day old.
  EXPECT_EQ(desk.take_until(86'399).size(), 5u);
}

// A disk without locks (some network disks) is told, not waited for.
TEST(Budget, ALockThatCannotBeTakenIsAnError) {
  TestDirectory directory;
  std::string file = directory.path() + "/key.json";
  auto take_without_locks = [&] {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_flock, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOLCK),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog filter{.len = 4, .filter = program};
    bool set = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
    io::MemoryFiles files;
    io::ManualClock clock{kBegin};
    auto taken = Budget(files, clock, file, {}, true).take();
    std::string told = !set ? "no filter" : taken ? "taken" : taken.error().message;
    std::fputs(told.c_str(), stderr);
    _exit(0);
  };
  EXPECT_EXIT(take_without_locks(), testing::ExitedWithCode(0),
              "cannot lock .*key.json.lock, which guards the budget of an API key: No locks");
}

TEST(Budget, ARequestCountsBeforeItIsSentWhateverTheDiskDoes) {
  bool broken = false;
  io::MemoryFiles files([&](std::string_view operation, const io::Path&) {
    bool fail = broken && operation == "put";
    return fail ? std::optional<io::MemoryFiles::Fault>({{Code::Unavailable, "disk full"}})
                : std::nullopt;
  });
  io::ManualClock clock{kBegin};
  Budget budget(files, clock, "key.json", {}, false);
  broken = true;
  EXPECT_FALSE(budget.take());
  broken = false;
  EXPECT_EQ(*budget.take(), 0);
  EXPECT_EQ(budget.state()->requests_us.size(), 1u);
}

TEST(Budget, PausesGrowAndEndWithAnAnswer) {
  Desk desk;
  RequestLimits none{.per_minute = 0, .per_day = 0, .spacing_us = 0};
  auto pause = [&] { return (*desk.open(none).failed(15, 100)) - desk.clock.now_us(); };
  EXPECT_EQ(pause(), 15);
  EXPECT_EQ(pause(), 30);
  EXPECT_EQ(pause(), 60);
  EXPECT_EQ(pause(), 100);
  EXPECT_EQ(*desk.open(none).take(), desk.clock.now_us() + 100);
  desk.clock.advance_us(100);
  EXPECT_EQ(*desk.open(none).take(), 0);
  EXPECT_TRUE(desk.open(none).answered());
  EXPECT_EQ(pause(), 15);
  EXPECT_TRUE(desk.open(none).hold(desk.clock.now_us() + 5000));
  EXPECT_EQ(*desk.open(none).take(), desk.clock.now_us() + 5000);
}

TEST(Budget, TellsWhenAPlanIsThrough) {
  Desk desk;
  Budget budget = desk.open();
  EXPECT_EQ(budget.state()->end_of(24, {}, kBegin), kBegin + 23 * 13'000'000);
  EXPECT_EQ(*budget.take(), 0);
  // 24 more today, and the last of 60 on the third day.
  EXPECT_EQ(budget.state()->end_of(60, {}, kBegin), kBegin + 2 * kMicrosPerDay + 10 * 13'000'000);
}

TEST(Budget, AWrongClockDoesNotLockForEver) {
  Desk desk;
  desk.clock.advance_us(400 * kMicrosPerDay);
  desk.take_until(401 * 86'400);
  desk.clock.advance_us(-402 * kMicrosPerDay);
  EXPECT_EQ(*desk.open().take(), 0);
}

TEST(Budget, ADamagedFileIsNamed) {
  Desk desk;
  EXPECT_TRUE(desk.files.put("state/key.json", "{\"requests_us\":[1,"));
  auto taken = desk.open().take();
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().message, "state/key.json is damaged: it holds the requests that an API "
                                   "key has sent in the last 24 hours; remove it to count from "
                                   "zero");
}

TEST(Budget, TheNameOfAKeyDoesNotTellIt) {
  EXPECT_EQ(name_of_key("alpha_vantage", "SECRET"), name_of_key("alpha_vantage", "SECRET"));
  EXPECT_NE(name_of_key("alpha_vantage", "SECRET"), name_of_key("alpha_vantage", "SECRET2"));
  EXPECT_EQ(name_of_key("alpha_vantage", "SECRET").size(), 16u);
  EXPECT_EQ(name_of_key("a", "SECRET").find("SECRET"), std::string::npos);
}

}  // namespace
}  // namespace ticklake::sources
