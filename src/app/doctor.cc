#include "app/doctor.h"

#include <fmt/format.h>

#include <chrono>

namespace ticklake::app {
namespace {

struct Told {
  std::string check;
  Finding finding;
  int64_t ms = 0;  // the whole check took
};

std::vector<Told> examined(Patient& patient) {
  using std::chrono::steady_clock;
  std::vector<Told> told;
  for (const Check& check : checks()) {
    auto start = steady_clock::now();
    Findings findings = check.look(patient);
    auto took = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start);
    for (Finding& finding : findings) {
      finding.text = patient.environment.secrets.masked(std::move(finding.text));
      told.push_back({check.name, std::move(finding), took.count()});
    }
  }
  return told;
}

Result<void> write(Environment& environment, std::optional<Format> format,
                   const std::vector<Told>& told) {
  std::vector<Object> objects;
  for (const auto& [check, finding, ms] : told) {
    std::string status = finding.ok ? "ok" : "problem";
    if (!format) fmt::print(environment.out, "{:<8} {}: {}\n", status, check, finding.text);
    objects.push_back({{"check", json_text(check)},
                       {"status", json_text(status)},
                       {"message", json_text(finding.text)},
                       {"ms", std::to_string(ms)}});
  }
  if (!format) return {};
  return write_objects(environment.out, *format, objects, {"check", "status", "message", "ms"});
}

}  // namespace

Result<void> diagnose(Environment& environment, const ProjectOptions& options,
                      std::optional<Format> format) {
  Patient patient{environment, options};
  auto told = examined(patient);
  TRY(write(environment, format, told));
  size_t problems = 0;
  for (const auto& one : told) problems += one.finding.ok ? 0 : 1;
  if (problems == 0) return {};
  return Error{Code::Invalid, fmt::format("doctor found {}", counted(problems, "problem"))};
}

}  // namespace ticklake::app
