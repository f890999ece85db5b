#include "sources/lease.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "sources/test_world.h"

namespace ticklake::sources {
namespace {

TEST(Lease, IsOfOneProcessAtATime) {
  TestDirectory scratch;
  std::string directory = scratch.path() + "/leases";
  {
    auto held = Lease::take(directory, "bars");
    ASSERT_TRUE(held) << held.error().message;
    auto second = Lease::take(directory, "bars");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::Conflict);
    EXPECT_EQ(
        second.error().message,
        fmt::format("source bars is being sent by process {} already (it holds {}/bars.lock): "
                    "stop it first",
                    ::getpid(), directory));
    EXPECT_TRUE(Lease::take(directory, "trades"));
  }
  EXPECT_TRUE(Lease::take(directory, "bars"));
}

TEST(Lease, NamesAFileThatCannotBeMade) {
  auto refused = Lease::take("/proc/nowhere", "bars");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "cannot open the lease /proc/nowhere/bars.lock of source bars: No such file or "
            "directory");
}

}  // namespace
}  // namespace ticklake::sources
