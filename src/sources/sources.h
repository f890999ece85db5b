// Sources: what brings data into topics. Each is described by a file sources/<name>.yml;
// docs/sources.md has its form.
//
// The topic is a source's checkpoint: each record carries in its headers where its source was, and
// a source that starts reads them back and goes on right after them. So a source may be dropped at
// any instant and opened again; what the topic then holds is what it would have held without.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "broker/broker.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/http.h"
#include "model/type.h"

namespace ticklake::sources {

// When a market is open: the same hours on each of its days, in UTC. Default: always.
struct Session {
  int64_t open_us = 0;                  // of the day
  int64_t close_us = 86'400'000'000;    // of the day; after open_us
  uint8_t days = 0b111'1111;            // bit 0 is Monday
  bool operator==(const Session&) const = default;
};

// Made-up trade ticks: JSON objects with symbol, ts, price, size, venue and seq, keyed by symbol.
// The tick of a given number is a function of the spec alone, so no state needs to be kept but the
// number.
struct SyntheticSpec {
  std::vector<std::string> symbols;
  uint64_t seed = 42;
  double rate = 1000;                // ticks a second of event time, when live
  int64_t backfill_us = 0;           // how much of the past is sent at once on the first start
  double backfill_rate = 0;          // the same within the backfill; 0: as `rate`
  std::optional<int64_t> start_us;   // fixed first instant; `count` ticks are sent at once
  std::optional<int64_t> count;
  int64_t lateness_us_max = 0;       // a late tick's time is up to this far behind its place
  double late_share = 0;             // of the ticks, 0..1
  double bad_share = 0;              // without symbol, with negative price, cut short: a third each
  double volatility = 0.3;           // of a year, as a share of the price
  Session session;
};

// The files of a directory, each line as a JSON object; every file once, in the order of their
// names.
struct CsvSpec {
  io::Path directory;                // relative to the project
  std::string pattern = "*.csv";     // of file names: '*' and '?'
  Schema schema;                     // the columns taken, and their types
  bool header = true;                // the first line names the columns; else: as in the schema
  char separator = ',';
  std::string key;                   // the column that keys the records; "": no key
  int64_t settle_us = 2'000'000;     // a file that has not changed for so long is complete
};

// How many requests a key may send, whoever sends them. 0: as many as one likes.
struct RequestLimits {
  int64_t per_minute = 5;
  int64_t per_day = 25;              // in any 24 hours
  int64_t spacing_us = 13'000'000;   // between two requests
};

// When to look for what is new: every so often, or at a time of day in New York.
struct PollSchedule {
  int64_t every_us = 0;              // 0: at_us of the days
  int64_t at_us = 18 * 3'600'000'000;
  uint8_t days = 0b001'1111;         // bit 0 is Monday
};

// Bars of Alpha Vantage's TIME_SERIES functions as JSON objects, keyed by symbol; each bar is sent
// when it is new, and again when it has changed.
struct AlphaVantageSpec {
  std::string function;              // "TIME_SERIES_DAILY"
  std::vector<std::string> symbols;
  std::string api_key;               // never in a message, a record or a log
  std::string api_key_missing;       // not empty: why there is no key
  std::string interval;              // "60min"; of TIME_SERIES_INTRADAY only
  // The history to fetch first, as year * 12 + month - 1: these, the last so many, or all since.
  std::vector<int32_t> months;
  int32_t months_last = 0;
  std::optional<int32_t> months_since;
  bool adjusted = true, extended_hours = true;  // of TIME_SERIES_INTRADAY
  bool full = false;                 // outputsize=full once, then compact
  bool csv = false;                  // datatype
  PollSchedule schedule;
  RequestLimits limits;
  std::string base_url = "https://www.alphavantage.co/query";
  std::string ca_file;               // certificates to trust instead of the system's
  int64_t timeout_ms = 30'000;       // of a request
};

// What the values of a source's records are. Those that have a schema bear its id, as schema
// registries frame them.
struct RecordForm {
  enum class Kind : uint8_t { Json, Avro, JsonSchema };
  Kind kind = Kind::Json;
  std::string subject = {};          // where the registry keeps the schema
  bool registers = true;             // the schema where the subject lacks it; else: an error
};

struct SourceSpec {
  std::string name;                  // of the file, without ".yml"
  std::string file;                  // where it was read from, for messages
  std::string topic;                 // made where it is missing
  int32_t partitions = 4;            // of the topic when it is made
  RecordForm records = {};
  std::variant<SyntheticSpec, CsvSpec, AlphaVantageSpec> form;
};

// Gives the value of ${name} ("env:HOME" and "file:PATH" come as such a name), or nothing where it
// is unknown.
using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

// Reads a spec. `file` names it in messages and gives the source its name. Invalid: what is wrong,
// as "file:line:column: ...", with the nearest known word. Unsupported: a type that this version
// does not have.
Result<SourceSpec> parse_spec(std::string_view text, const std::string& file,
                              const Lookup& lookup);

// What one step did.
struct Progress {
  int64_t sent = 0;           // records to the topic, durable
  int64_t bad = 0;            // lines to <topic>__bad, durable
  int64_t files = 0;          // files completed
  int64_t warnings = 0;       // things worth a look (an empty file)
  int64_t idle_until_us = 0;  // by the clock: nothing to do before; 0: there is more now
  bool finished = false;      // there will never be more to do
  std::vector<std::string> notes = {};  // sentences for people: a plan, a refusal

  // Nothing durable came of it though there is more to do now (records that the topic had from
  // before were dropped).
  bool left_no_trace() const {
    return sent == 0 && bad == 0 && files == 0 && idle_until_us == 0 && !finished;
  }
};

// One thread at a time. An error drops the source: open it again when the reason may be gone.
class Source {
 public:
  virtual ~Source() = default;

  // A bounded piece of work; never sleeps. When it returns, what it counts is durable. Invalid: the
  // input cannot be understood (a missing column, a file changed after it was read); names the
  // file. Unavailable: the broker or the disk failed.
  virtual Result<Progress> step() = 0;

  // One line for logs: "ticks: synthetic -> topic ticks, 18000 sent, at 2026-01-05T14:30:00Z".
  virtual std::string describe() const = 0;
};

struct OpenOptions {
  io::Path project_directory;  // a CsvSpec's directory is below it
  // A file <name>.lock is locked here while the source lives, so that no other process sends for
  // it; "": no lock.
  io::Path lease_directory;
  // Requests go through it; needed by alpha_vantage only.
  io::Http* http = nullptr;
  // Keeps the schemas of records that have one.
  std::shared_ptr<broker::SchemaRegistry> registry = {};
  // Where the budgets of keys are kept, for all projects and processes; "": in lease_directory.
  io::Path state_directory;
  // False: alpha_vantage leaves the history out and only looks for what is new.
  bool history = true;
  // Finish when what is there has been sent: the backfill, the files present; a file is complete as
  // it is now.
  bool once = false;
};

// How the source's topic is made. Where the topic tells what has been sent, it is kept for ever:
// what is gone from it would be sent again.
broker::TopicOptions topic_options(const SourceSpec& spec);

// Looks up the schema of the source's records, or registers it, as opening the source does.
Result<void> register_schema(const SourceSpec& spec, broker::SchemaRegistry& registry);

// Opens the source where the topic says that it was; makes the topics that are missing. The
// references must outlive it. Conflict: another process sends for it, named by its pid. Invalid:
// the topic cannot tell where the source was.
Result<std::unique_ptr<Source>> open_source(const SourceSpec& spec, broker::Topics& topics,
                                            io::FileStore& files, const io::Clock& clock,
                                            const OpenOptions& options);

}  // namespace ticklake::sources
