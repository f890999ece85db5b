// ticklake test: the tests of a project, side by side, each in a folder of its own.
#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <thread>

#include "app/commands.h"
#include "app/script_run.h"
#include "base/text.h"

namespace ticklake::app {
namespace {

struct Test {
  io::Path path;
  std::string name;  // of its file below tests/, without .test
  std::string file;  // for messages
  bool ended = false;
  ScriptOutcome outcome = {};
};

Result<std::vector<Test>> find_tests(Environment& environment, const TestOptions& options) {
  const io::Path& project = options.project.directory;
  io::Path folder = io::join(project, "tests");
  std::vector<Test> tests;
  std::vector<std::string> names;
  for (const auto& info : TRY(environment.files.list_all(folder))) {
    if (!info.path.ends_with(".test")) continue;
    std::string below = info.path.substr(folder.size() + 1);
    std::string name = below.substr(0, below.size() - std::string_view(".test").size());
    names.push_back(name);
    if (name.find(options.filter) == std::string::npos) continue;
    tests.push_back({.path = info.path, .name = name, .file = "tests/" + below});
  }
  if (names.empty()) {
    return Error{Code::NotFound, fmt::format("{} has no tests; write a first one, such as "
                                             "{}/tests/first.test (ticklake init makes an example)",
                                             project, project)};
  }
  if (tests.empty()) {
    return Error{Code::NotFound,
                 fmt::format("no test of {} has {} in its name; there are {}", project,
                             printable(options.filter), joined(names, ", "))};
  }
  return tests;
}

void run_test(Environment& environment, const TestOptions& options, const Signals& signals,
              Test& test) {
  auto text = environment.files.read(test.path);
  auto script = text ? parse_script(*text, test.file) : Result<Script>(text.error());
  if (!script) {
    test.outcome.problems.push_back({0, script.error().message});
    return;
  }
  test.outcome = run_script(
      environment, *script,
      {.project = options.project, .keep = options.keep, .update = options.update}, signals);
  if (!test.outcome.updated) return;
  auto written = environment.files.put(test.path, *test.outcome.updated);
  if (!written) test.outcome.problems.push_back({0, written.error().message});
}

std::string verdict(const Test& test) {
  if (!test.outcome.problems.empty()) return "failed";
  return test.outcome.updated ? "updated" : "passed";
}

void say(const Environment& environment, const Test& test) {
  std::string text =
      fmt::format("{:7}  {} ({} ms)\n", verdict(test), test.name, test.outcome.duration_us / 1'000);
  for (const auto& problem : test.outcome.problems) text += problem.text + "\n";
  if (!test.outcome.kept.empty()) {
    text += fmt::format(
        "kept in {0}; look at a table with: ticklake table read "
        "{0}/storage/tables/CATALOG/DATABASE/TABLE\n",
        test.outcome.kept);
  }
  if (!test.outcome.problems.empty()) text += "\n";
  std::fputs(environment.secrets.masked(text).c_str(), environment.out);
  std::fflush(environment.out);
}

Object test_object(const Environment& environment, const Test& test) {
  std::vector<std::string> problems;
  for (const auto& problem : test.outcome.problems) {
    problems.push_back(to_json({{"line", std::to_string(problem.line)},
                                {"message", json_text(environment.secrets.masked(problem.text))}}));
  }
  return {{"test", json_text(test.name)},
          {"file", json_text(test.file)},
          {"result", json_text(verdict(test))},
          {"ms", std::to_string(test.outcome.duration_us / 1'000)},
          {"problems", "[" + joined(problems, ",") + "]"}};
}

// Takes tests until none is left. Each is told when all before it have ended.
class Runner {
 public:
  Runner(Environment& environment, const TestOptions& options, std::vector<Test>& tests)
      : environment_(environment), options_(options), tests_(tests) {}

  void run() {
    size_t width = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, tests_.size());
    std::vector<std::jthread> threads;
    for (size_t i = 1; i < width; ++i) threads.emplace_back([this] { work(); });
    work();
  }

 private:
  void work() {
    while (Test* test = next()) {
      run_test(environment_, options_, signals_, *test);
      std::scoped_lock lock(mutex_);
      test->ended = true;
      for (; told_ < tests_.size() && tests_[told_].ended; ++told_) {
        if (!options_.format) say(environment_, tests_[told_]);
      }
    }
  }

  Test* next() {
    std::scoped_lock lock(mutex_);
    return taken_ < tests_.size() ? &tests_[taken_++] : nullptr;
  }

  Environment& environment_;
  const TestOptions& options_;
  std::vector<Test>& tests_;
  Signals signals_;
  std::mutex mutex_;  // of all below, and of what is written
  size_t taken_ = 0, told_ = 0;
};

}  // namespace

Result<void> test_project(Environment& environment, const TestOptions& options) {
  auto begin_us = environment.clock.now_us();
  auto tests = TRY(find_tests(environment, options));
  Runner(environment, options, tests).run();
  if (options.format) {
    std::vector<Object> objects;
    for (const auto& test : tests) objects.push_back(test_object(environment, test));
    TRY(write_objects(environment.out, *options.format, objects,
                      {"test", "file", "result", "ms", "problems"}));
  }
  auto failed = static_cast<size_t>(std::ranges::count_if(
      tests, [](const Test& test) { return !test.outcome.problems.empty(); }));
  if (failed > 0) {
    return Error{Code::Invalid,
                 fmt::format("{} of {} failed", failed, counted(tests.size(), "test"))};
  }
  auto tenths = (environment.clock.now_us() - begin_us) / 100'000;
  if (!options.format) {
    fmt::print(environment.out, "{} passed in {}.{} s\n", counted(tests.size(), "test"),
               tenths / 10, tenths % 10);
  }
  return flushed(environment.out);
}

}  // namespace ticklake::app
