#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "app/doctor.h"
#include "base/text.h"
#include "base/time.h"
#include "base/uuid.h"

namespace ticklake::app {
namespace {

constexpr int64_t kFreeBytesMin = int64_t{1} << 30;
constexpr int64_t kSkewMsMax = 5'000;     // between the disk's clock and ours
constexpr int64_t kFutureMsMax = 60'000;  // of a record
constexpr uint64_t kOpenFilesMin = 1024;

Finding good(std::string text) { return {true, std::move(text)}; }
Finding bad(std::string text) { return {false, std::move(text)}; }

Findings look_at_project(Patient& patient) {
  auto project = load(patient.environment, patient.options);
  if (!project) return {bad(project.error().message)};
  patient.project = std::move(*project);
  Findings findings;
  auto specs = source_specs(patient.environment, *patient.project);
  if (specs) {
    patient.specs = std::move(*specs);
  } else {
    findings.push_back(bad(specs.error().message));
  }
  auto graph = engine::build_graph(*patient.project, patient.environment.clock.now_us());
  if (!graph) {
    findings.push_back(bad(graph.error().message));
    return findings;
  }
  patient.graph = std::move(*graph);
  findings.push_back(good(fmt::format("{} loads: {}, {}", patient.project->name,
                                      counted(patient.graph->tables.size(), "table"),
                                      counted(patient.specs.size(), "source"))));
  return findings;
}

// A variable that is not set keeps the project from loading; one that is set to nothing does not.
Findings look_at_secrets(Patient& patient) {
  if (!patient.project) return {};
  Findings findings;
  size_t set = 0;
  for (const auto& [key, value] : patient.project->configuration) {
    if (!names_secret(key)) continue;
    if (trimmed(value).empty()) {
      findings.push_back(
          bad(fmt::format("{} is empty: set the variable or file that it is taken "
                          "from",
                          key)));
    } else {
      ++set;
    }
  }
  if (findings.empty()) {
    findings.push_back(good(set == 0 ? "the configuration has none"
                                     : fmt::format("all set ({})", counted(set, "secret"))));
  }
  return findings;
}

Result<void> try_storage(io::FileStore& files, const io::Path& path) {
  TRY(files.put_if_absent(path, "ticklake doctor\n"));
  auto again = files.put_if_absent(path, "ticklake doctor\n");
  auto removed = files.remove(path);
  if (!again && again.error().code == Code::Conflict) return removed;
  return Error{Code::Corrupt,
               "a file was written over where that must be refused: two writers could lose each "
               "other's commits; keep the tables on a local disk"};
}

Findings look_at_storage(Patient& patient) {
  if (!patient.project) return {};
  const io::Path& storage = patient.project->storage;
  io::Path probe = io::join(storage, ".doctor-" + new_uuid());
  auto tried = try_storage(patient.environment.files, probe);
  if (!tried) {
    return {
        bad(fmt::format("{}: {}; choose another 'storage' in spark-pipeline.yml, or make this "
                        "one writable",
                        storage, tried.error().message))};
  }
  std::error_code failed;
  auto space = std::filesystem::space(storage, failed);
  auto free_bytes = failed ? 0 : static_cast<int64_t>(space.available);
  std::string free_text = fmt::format(
      "{:.1f} GiB are free", static_cast<double>(free_bytes) / static_cast<double>(1 << 30));
  if (free_bytes < kFreeBytesMin) {
    return {bad(fmt::format("{}: only {}; make room (1 GiB at least), or choose another 'storage'",
                            storage, free_text))};
  }
  return {good(fmt::format("{} can be written, never over a file that is there, and {}", storage,
                           free_text))};
}

// A topic that somebody reads, and the broker that it is on.
struct Wanted {
  std::string topic;
  std::string bootstrap;
  std::map<std::string, std::string> config;
  bool operator<(const Wanted& other) const {
    return std::tie(topic, bootstrap, config) <
           std::tie(other.topic, other.bootstrap, other.config);
  }
};

std::set<Wanted> wanted_topics(const Patient& patient) {
  std::set<Wanted> wanted;
  if (!patient.graph) return wanted;
  for (const auto& dataset : patient.graph->datasets) {
    for (const auto& input : dataset.plan.inputs) {
      Wanted one;
      for (const auto& [name, value] : input.kafka) {
        bool is_ours = name.starts_with("kafka.");
        if (name == "subscribe") one.topic = value;
        if (name == "bootstrapServers" || name == "kafka.bootstrap.servers") {
          one.bootstrap = value;
        } else if (name.find('.') != std::string::npos) {
          one.config[is_ours ? name.substr(6) : name] = value;
        }
      }
      if (!one.topic.empty()) wanted.insert(std::move(one));
    }
  }
  return wanted;
}

std::optional<Finding> future_records(broker::Topics& topics, const std::string& topic,
                                      int64_t now_ms) {
  auto last = topics.last_records(topic);
  if (!last) return bad(last.error().message);
  for (const auto& [partition, record] : *last) {
    if (record.timestamp_ms <= now_ms + kFutureMsMax) continue;
    return bad(
        fmt::format("the last record of topic {}, partition {} is from {}, which is to "
                    "come: set the clock of this machine, or of the one that sent it",
                    topic, partition.value, format_instant(record.timestamp_ms * 1000)));
  }
  return {};
}

Finding topic_finding(Patient& patient, broker::Topics& topics, const std::string& topic) {
  auto info = topics.describe(topic);
  if (info) {
    int64_t records = 0;
    for (const auto& range : info->partitions) records += range.end - range.begin;
    auto future = future_records(topics, topic, patient.environment.clock.now_us() / 1000);
    if (future) return *future;
    return good(fmt::format("topic {} has {} and {}", topic,
                            counted(info->partitions.size(), "partition"),
                            counted(static_cast<size_t>(records), "record")));
  }
  bool is_made = std::any_of(patient.specs.begin(), patient.specs.end(),
                             [&](const auto& spec) { return spec.topic == topic; });
  if (is_made && info.error().code == Code::NotFound) {
    return good(fmt::format("topic {} is not there yet: its source makes it", topic));
  }
  return bad(info.error().message);
}

Findings look_at_broker(Patient& patient) {
  if (!patient.project) return {};
  auto bootstrap = kafka_bootstrap(*patient.project);
  if (!bootstrap) return {bad(bootstrap.error().message)};
  auto start = std::chrono::steady_clock::now();
  auto opened = project_topics(patient.environment, *patient.project);
  if (!opened) return {bad(opened.error().message)};
  std::shared_ptr<broker::Topics> own = std::move(*opened);
  auto names = own->list();
  if (!names) return {bad(names.error().message)};
  auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  Findings findings = {good(fmt::format("{} answers in {} ms and shows {}", own->name(),
                                        took.count(), counted(names->size(), "topic")))};
  Brokers brokers(patient.environment, *patient.project, *bootstrap, own);
  for (const auto& wanted : wanted_topics(patient)) {
    auto topics = brokers.get(wanted.bootstrap, wanted.config);
    findings.push_back(topics ? topic_finding(patient, **topics, wanted.topic)
                              : bad(topics.error().message));
  }
  return findings;
}

Findings look_at_registry(Patient& patient) {
  if (!patient.project) return {};
  auto registry = project_registry(patient.environment, *patient.project);
  if (!registry) return {bad(registry.error().message)};
  if (!*registry) return {};
  auto start = std::chrono::steady_clock::now();
  auto subjects = (*registry)->subjects();
  if (!subjects) return {bad(subjects.error().message)};
  auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  return {good(fmt::format("the schema registry {} answers in {} ms and has {}", (*registry)->url(),
                           took.count(), counted(subjects->size(), "subject")))};
}

Findings look_at_clock(Patient& patient) {
  if (!patient.project) return {};
  auto& files = patient.environment.files;
  io::Path probe = io::join(patient.project->storage, ".doctor-" + new_uuid());
  if (!files.put_if_absent(probe, "ticklake doctor\n")) return {};  // the storage has its own check
  int64_t now_ms = patient.environment.clock.now_us() / 1000;
  auto info = files.info(probe);
  auto removed = files.remove(probe);
  if (!info || !removed) return {};
  int64_t skew_ms = std::abs(info->modified_ms - now_ms);
  if (skew_ms > kSkewMsMax) {
    return {
        bad(fmt::format("the clock of the storage is {} s off this machine's: set both by NTP, "
                        "or time travel and retention go wrong",
                        skew_ms / 1000))};
  }
  return {good(fmt::format("{}, as the storage has it", format_instant(now_ms * 1000)))};
}

Findings look_at_runner(Patient& patient) {
  if (!patient.project) return {};
  auto runner = engine::runner_of(patient.project->storage);
  return {good(runner ? *runner + " runs this project; a second run would be refused"
                      : "nobody runs this project now")};
}

Findings look_at_limits(Patient&) {
  struct rlimit files {};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return {};
  if (files.rlim_cur < kOpenFilesMin) {
    return {
        bad(fmt::format("only {} files may be open at once: raise it with ulimit -n 4096 (in a "
                        "service: LimitNOFILE=4096)",
                        files.rlim_cur))};
  }
  return {good(fmt::format("{} files may be open at once", files.rlim_cur))};
}

}  // namespace

std::vector<Check> checks() {
  return {{"project", look_at_project}, {"secrets", look_at_secrets}, {"storage", look_at_storage},
          {"broker", look_at_broker},   {"registry", look_at_registry}, {"clock", look_at_clock},
          {"runner", look_at_runner},   {"limits", look_at_limits}};
}

}  // namespace ticklake::app
