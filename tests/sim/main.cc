// Simulated worlds, one a seed: sim [--seeds N] [--first SEED] [--jobs N]
//
// Each runs a project from CSV files to gold while crashes, lost answers, outages and jumps of the
// clock come upon it, and is then judged by the laws of laws.h. A failure prints its seed:
// `sim --first SEED --seeds 1` does the same again. The last line is "sim: N passed, M failed".
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "laws.h"
#include "world.h"

namespace ticklake::sim {
namespace {

struct Options {
  int64_t seeds = 200, first = 1, jobs = 1;
};

struct Tally {
  int64_t passed = 0, failed = 0, crashes = 0, faults = 0;
};

void run(uint64_t seed, Tally& tally) {
  World world(seed);
  std::vector<std::string> broken;
  int64_t acts = 60 + static_cast<int64_t>(seed % 97) * 2;
  Result<void> done;
  for (int64_t i = 0; i < acts && done; ++i) done = world.act();
  if (done) done = world.finish();
  if (done) {
    broken = broken_laws(world);
  } else {
    broken.push_back(done.error().message);
  }
  tally.crashes += world.crashes;
  tally.faults += world.faults_met;
  (broken.empty() ? tally.passed : tally.failed) += 1;
  for (const auto& law : broken) {
    fmt::print("seed {}: {}\n", seed, law.substr(0, 2'000));
    std::fflush(stdout);
  }
}

// Every seed of this process; the tally goes to the parent through the pipe.
void work(const Options& options, int64_t job, int pipe) {
  Tally tally;
  for (int64_t i = job; i < options.seeds; i += options.jobs) {
    run(static_cast<uint64_t>(options.first + i), tally);
  }
  if (::write(pipe, &tally, sizeof tally) != sizeof tally) std::_Exit(1);
  std::_Exit(0);
}

int main_of(const Options& options) {
  int pipe[2];
  if (::pipe(pipe) != 0) return 1;
  for (int64_t job = 0; job < options.jobs; ++job) {
    if (::fork() == 0) work(options, job, pipe[1]);
  }
  ::close(pipe[1]);
  Tally all, one;
  while (::read(pipe[0], &one, sizeof one) == sizeof one) {
    all.passed += one.passed;
    all.failed += one.failed;
    all.crashes += one.crashes;
    all.faults += one.faults;
  }
  while (::wait(nullptr) > 0) {
  }
  // A process that ended otherwise has not told of its seeds.
  int64_t untold = options.seeds - all.passed - all.failed;
  if (untold > 0) fmt::print("{} seeds were not tried: a process ended\n", untold);
  fmt::print("{} crashes, {} operations that failed\n", all.crashes, all.faults);
  fmt::print("sim: {} passed, {} failed\n", all.passed, all.failed + untold);
  return all.failed + untold == 0 ? 0 : 1;
}

}  // namespace
}  // namespace ticklake::sim

int main(int argc, char** argv) {
  ticklake::sim::Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string_view name = argv[i];
    int64_t* value = name == "--seeds"   ? &options.seeds
                     : name == "--first" ? &options.first
                     : name == "--jobs"  ? &options.jobs
                                         : nullptr;
    if (value == nullptr) {
      std::fprintf(stderr, "usage: sim [--seeds N] [--first SEED] [--jobs N]\n");
      return 2;
    }
    *value = std::atoll(argv[i + 1]);
  }
  return ticklake::sim::main_of(options);
}
