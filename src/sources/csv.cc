// Reads the files of a directory to a topic, line by line.
//
//   file found -> read, its whole lines sent batch by batch -> unchanged for a while -> noted in
// the ledger
//
// Invariant: the files in the ledger are all and only those of which every line is durable; at most
// one other file has been begun, the one that the newest record names.
#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "base/text.h"
#include "sources/csv_columns.h"
#include "sources/forms.h"
#include "sources/lease.h"
#include "sources/ledger.h"
#include "sources/outbox.h"

namespace ticklake::sources {
namespace {

constexpr int64_t kBytesPerStepMax = 2 << 20;  // a line longer than this is bad
constexpr int64_t kRowsPerStepMax = 20'000;
constexpr size_t kRawBytesMax = 128 << 10;  // of a bad line that are kept
constexpr size_t kJsonBytesMax = 900'000;   // a topic takes records of 1 MiB unless told otherwise
constexpr int64_t kLookAgainUs = 500'000;

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    for (size_t i = 0; i <= name.size(); ++i) {
      if (matches(pattern.substr(1), name.substr(i))) return true;
    }
    return false;
  }
  if (name.empty() || (pattern[0] != '?' && pattern[0] != name[0])) return false;
  return matches(pattern.substr(1), name.substr(1));
}

// A file that has been begun.
struct OpenFile {
  std::string name;
  io::Path path;
  int64_t ordinal = 0;         // how many files were read before it
  int64_t offset = 0;  // of the next line
  int64_t line = 1;            // the number of the next line
  uint64_t hash = kFnv1aOfNothing;  // of all before `offset`
  bool within_line = false;         // `offset` is inside a line too long to be read
  std::optional<CsvColumns> columns;
  io::FileInfo seen = {};     // as it was last time
  int64_t seen_since_us = 0;  // how long it has been so
};

class Csv final : public Source {
 public:
  Csv(const SourceSpec& spec, io::FileStore& files, const io::Clock& clock,
      const OpenOptions& options, Lease lease, Outbox good, Outbox bad, Ledger ledger)
      : spec_(spec),
        form_(std::get<CsvSpec>(spec_.form)),
        directory_(options.project_directory.empty() || form_.directory.starts_with('/')
                       ? form_.directory
                       : io::join(options.project_directory, form_.directory)),
        files_(files),
        clock_(clock),
        once_(options.once),
        lease_(std::move(lease)),
        good_(std::move(good)),
        bad_(std::move(bad)),
        ledger_(std::move(ledger)) {}

  Result<void> check_directory();
  Result<void> resume();
  Result<Progress> step() override;
  std::string describe() const override;

 private:
  Result<Progress> send_batch();
  struct Piece {
    std::string text;
    int64_t file_size = 0;
    bool to_end() const { return static_cast<int64_t>(text.size()) == rest; }
    int64_t rest = 0;  // bytes from the offset to the end of the file
  };

  Result<bool> begin_next_file();
  Result<Piece> read_piece();
  Place place_of(const formats::CsvRecord& record) const { return {file_->ordinal, record.offset}; }
  Result<bool> is_settled();
  Result<void> read_header(const Piece& piece, bool settled);
  Result<void> send_lines(const Piece& piece, bool settled, Progress& progress);
  Result<void> send_line(const formats::CsvRecord& record, Progress& progress);
  Result<bool> send_bad(const formats::CsvRecord& record, const std::string& reason);
  Result<void> finish_file(Progress& progress);
  void skip_line(const Piece& piece);
  void pass(std::string_view bytes, int64_t lines);

  const SourceSpec spec_;
  const CsvSpec& form_;
  const io::Path directory_;
  io::FileStore& files_;
  const io::Clock& clock_;
  const bool once_;
  Lease lease_;
  Outbox good_, bad_;
  Ledger ledger_;
  std::optional<OpenFile> file_;
  int64_t sent_ = 0, bad_lines_ = 0;
};

Result<void> Csv::check_directory() {
  if (!TRY(files_.list(directory_)).empty()) return {};
  std::string_view path = directory_;
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  size_t slash = path.rfind('/');
  std::string parent(slash == std::string_view::npos ? "." : path.substr(0, slash));
  std::string name(path.substr(slash + 1));
  auto there = TRY(files_.list_directories(parent));
  if (std::find(there.begin(), there.end(), name) != there.end()) return {};
  return Error{Code::NotFound, fmt::format("{}: the directory {} is missing: make it, or correct "
                                           "\"directory\"",
                                           spec_.file, directory_)};
}

// Goes back to the batch of the newest record where its file has not been finished.
Result<void> Csv::resume() {
  const Outbox& newer = bad_.newest() > good_.newest() ? bad_ : good_;
  if (!newer.newest() || newer.newest()->major < ledger_.count()) return {};
  ResumeState state = newer.resume_state();
  OpenFile file;
  file.ordinal = newer.newest()->major;
  file.name = state["file"];
  file.path = io::join(directory_, file.name);
  auto number = [&](const char* key, auto& value, int base = 10) {
    const std::string& word = state[key];
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
    return error == std::errc() && end == word.data() + word.size();
  };
  bool whole = number("line", file.line) && number("offset", file.offset) &&
               number("hash", file.hash, 16) && file.ordinal == ledger_.count();
  if (!whole) {
    return Error{Code::Invalid,
                 fmt::format("the topics {0}, {0}__bad and {0}__files do not tell together where "
                             "source {1} was; delete all three to begin again",
                             spec_.topic, spec_.name)};
  }
  auto hash = hash_of_file(files_, file.path, file.offset);
  if (!hash && hash.error().code == Code::NotFound) {
    return Error{Code::Invalid, fmt::format("{} is gone though only a part of it has been sent "
                                            "(to byte {}): put it back",
                                            file.path, newer.newest()->minor)};
  }
  if (!hash) return std::move(hash).error();
  if (*hash != file.hash) {
    return Error{Code::Invalid, fmt::format("{} changed after a part of it had been sent (to byte "
                                            "{}): put it back as it was",
                                            file.path, newer.newest()->minor)};
  }
  if (form_.header) {
    auto input = TRY(files_.open(file.path));
    auto beginning = TRY_ARROW(input->ReadAt(0, kBytesPerStepMax));
    formats::CsvSplitter splitter(std::string_view(*beginning), form_.separator);
    auto header = splitter.next();
    if (header) file.columns = TRY(CsvColumns::from_header(form_, header->fields, file.path));
  }
  if (!file.columns) file.columns = CsvColumns::from_schema(form_);
  file_ = std::move(file);
  return {};
}

// False: there is none now.
Result<bool> Csv::begin_next_file() {
  auto listed = TRY(files_.list(directory_));
  const io::FileInfo* next = nullptr;
  std::string next_name;
  for (const io::FileInfo& info : listed) {
    std::string name = info.path.substr(info.path.rfind('/') + 1);
    if (!matches(form_.pattern, name)) continue;
    TRY(ledger_.check_unchanged(files_, info, name));
    if (next || ledger_.files().contains(name)) continue;
    next = &info;
    next_name = name;
  }
  if (!next) return false;
  file_ = OpenFile{.name = next_name, .path = next->path, .ordinal = ledger_.count()};
  return true;
}

// True: nobody seems to write to the file any more.
Result<bool> Csv::is_settled() {
  auto info = TRY(files_.info(file_->path));
  int64_t now = clock_.now_us();
  if (info.size != file_->seen.size || info.modified_ms != file_->seen.modified_ms ||
      file_->seen.path.empty()) {
    file_->seen = info;
    file_->seen_since_us = now;
  }
  if (once_) return true;
  return now - file_->seen_since_us >= form_.settle_us ||
         now - info.modified_ms * 1000 >= form_.settle_us;
}

Result<Csv::Piece> Csv::read_piece() {
  auto input = TRY(files_.open(file_->path));
  Piece out;
  out.file_size = TRY_ARROW(input->GetSize());
  out.rest = out.file_size - file_->offset;
  if (out.rest < 0) {
    return Error{Code::Invalid,
                 fmt::format("{} shrank while it was read ({} bytes were sent, it has {} now): put "
                             "it back as it was",
                             file_->path, file_->offset, out.file_size)};
  }
  auto bytes = TRY_ARROW(input->ReadAt(file_->offset, std::min(out.rest, kBytesPerStepMax)));
  out.text = bytes->ToString();
  return out;
}

void Csv::pass(std::string_view bytes, int64_t lines) {
  if (bytes.empty()) return;
  file_->hash = fnv1a(bytes, file_->hash);
  file_->offset += static_cast<int64_t>(bytes.size());
  file_->within_line = bytes.back() != '\n';
  file_->line += lines;
}

// Passes what is there of the rest of a line too long to be read.
void Csv::skip_line(const Piece& piece) {
  size_t end = piece.text.find('\n');
  bool whole = end != std::string::npos;
  pass(std::string_view(piece.text).substr(0, whole ? end + 1 : end), whole ? 1 : 0);
}

// Passes the header where it is there whole.
Result<void> Csv::read_header(const Piece& piece, bool settled) {
  if (!form_.header) {
    file_->columns = CsvColumns::from_schema(form_);
    return {};
  }
  formats::CsvSplitter splitter(piece.text, form_.separator);
  auto header = splitter.next();
  if (!header) return {};
  if (splitter.truncated() && piece.to_end() && !settled) return {};
  if (splitter.truncated() && static_cast<int64_t>(piece.text.size()) == kBytesPerStepMax) {
    header->problem = fmt::format("longer than {} bytes", kBytesPerStepMax);
  }
  if (!header->problem.empty()) {
    return Error{Code::Invalid, fmt::format("{}: the header (line 1) cannot be read: {}",
                                            file_->path, header->problem)};
  }
  file_->columns = TRY(CsvColumns::from_header(form_, header->fields, file_->path));
  auto next = splitter.next();
  size_t end = next ? static_cast<size_t>(next->offset) : piece.text.size();
  int64_t lines = next ? next->line - header->line : 1;
  pass(std::string_view(piece.text).substr(0, end), lines);
  return {};
}

Result<bool> Csv::send_bad(const formats::CsvRecord& record, const std::string& reason) {
  std::string json = "{\"file\":";
  formats::append_json_string(json, file_->name);
  json += fmt::format(",\"line\":{},\"reason\":", record.line);
  formats::append_json_string(json, reason);
  json += ",\"raw\":";
  formats::append_json_string(json, printable(record.raw, kRawBytesMax));
  json += '}';
  broker::Record out{.value = std::move(json)};
  out.headers = {{"file", file_->name}, {"row", fmt::to_string(record.line)}};
  return bad_.send(std::move(out), place_of(record));
}

Result<void> Csv::send_line(const formats::CsvRecord& record, Progress& progress) {
  CsvRow row = file_->columns->row(record);
  if (row.problem.empty() && row.json.size() > kJsonBytesMax) {
    row.problem = fmt::format("longer than {} bytes as JSON", kJsonBytesMax);
  }
  if (!row.problem.empty()) {
    progress.bad += TRY(send_bad(record, row.problem));
    return {};
  }
  broker::Record out{.key = std::move(row.key), .value = std::move(row.json)};
  out.headers = {{"file", file_->name}, {"row", fmt::to_string(record.line)}};
  progress.sent += TRY(good_.send(std::move(out), place_of(record)));
  return {};
}

Result<void> Csv::send_lines(const Piece& piece, bool settled, Progress& progress) {
  ResumeState state = {{"file", file_->name},
                       {"line", fmt::to_string(file_->line)},
                       {"offset", fmt::to_string(file_->offset)},
                       {"hash", fmt::format("{:x}", file_->hash)}};
  good_.begin_batch(state);
  bad_.begin_batch(state);
  const int64_t base = file_->line - 1;
  formats::CsvSplitter splitter(piece.text, form_.separator);
  size_t passed = 0;
  int64_t lines = 0;
  int64_t rows = 0;
  while (auto record = splitter.next()) {
    auto offset = static_cast<size_t>(record->offset);
    passed = offset;
    lines = record->line - 1;
    bool whole_piece = static_cast<int64_t>(piece.text.size()) == kBytesPerStepMax;
    if (splitter.truncated() && !(piece.to_end() && settled)) {
      // More may come; but a piece that one line fills shows that the line has no end in sight.
      if (offset > 0 || !whole_piece) break;
      record->problem = fmt::format("longer than {} bytes", kBytesPerStepMax);
    }
    if (rows == kRowsPerStepMax) break;
    record->line += base;
    record->offset += file_->offset;
    bool blank = record->raw.empty() && form_.schema.fields.size() > 1;
    if (!blank) {
      TRY(send_line(*record, progress));
      ++rows;
    }
    passed = piece.text.size();
    lines = -1;
  }
  TRY(good_.flush());
  TRY(bad_.flush());
  std::string_view done = std::string_view(piece.text).substr(0, passed);
  if (lines < 0) lines = std::count(done.begin(), done.end(), '\n');
  pass(done, lines);
  return {};
}

Result<void> Csv::finish_file(Progress& progress) {
  if (file_->seen.size == 0) ++progress.warnings;
  TRY(ledger_.add(file_->name, {file_->offset, file_->seen.modified_ms, file_->hash}));
  ++progress.files;
  file_.reset();
  return {};
}

Result<Progress> Csv::step() {
  // A source that is killed after each step must get on nevertheless.
  while (true) {
    auto progress = TRY(send_batch());
    if (!progress.left_no_trace()) return progress;
  }
}

Result<Progress> Csv::send_batch() {
  Progress progress;
  if (!file_ && !TRY(begin_next_file())) {
    progress.finished = once_;
    progress.idle_until_us = clock_.now_us() + kLookAgainUs;
    return progress;
  }
  bool settled = TRY(is_settled());
  Piece piece = TRY(read_piece());
  settled = settled && piece.file_size == file_->seen.size;
  int64_t offset_before = file_->offset;
  if (file_->within_line) {
    skip_line(piece);
    piece = TRY(read_piece());
  }
  if (!file_->columns) {
    TRY(read_header(piece, settled));
    // On at once with the lines: a header alone leaves no trace, so a step that only read it would
    // be no progress.
    if (file_->offset != offset_before) piece = TRY(read_piece());
  }
  if (file_->columns && !file_->within_line && !piece.text.empty()) {
    TRY(send_lines(piece, settled, progress));
  }
  sent_ += progress.sent;
  bad_lines_ += progress.bad;
  if (file_->offset == piece.file_size && settled) {
    TRY(finish_file(progress));
  } else if (file_->offset == offset_before) {
    progress.idle_until_us = clock_.now_us() + std::min(form_.settle_us, kLookAgainUs);
  }
  return progress;
}

std::string Csv::describe() const {
  return fmt::format("{}: csv {} -> topic {}, {} files read, {} lines sent, {} bad{}", spec_.name,
                     io::join(directory_, form_.pattern), spec_.topic, ledger_.count(), sent_,
                     bad_lines_,
                     file_ ? fmt::format(", at {} line {}", file_->name, file_->line) : "");
}

}  // namespace

Result<std::unique_ptr<Source>> open_csv(const SourceSpec& spec, broker::Topics& topics,
                                         io::FileStore& files, const io::Clock& clock,
                                         const OpenOptions& options) {
  Lease lease;
  if (!options.lease_directory.empty()) {
    lease = TRY(Lease::take(options.lease_directory, spec.name));
  }
  broker::TopicOptions kept = topic_options(spec);
  auto good = TRY(Outbox::open(topics, spec.topic, kept, spec.name));
  kept.partitions = 1;
  auto bad = TRY(Outbox::open(topics, spec.topic + "__bad", kept, spec.name));
  auto ledger = TRY(Ledger::open(topics, spec.topic + "__files", good.topic_id(), spec.name));
  auto out = std::make_unique<Csv>(spec, files, clock, options, std::move(lease), std::move(good),
                                   std::move(bad), std::move(ledger));
  TRY(out->check_directory());
  TRY(out->resume());
  return std::unique_ptr<Source>(std::move(out));
}

}  // namespace ticklake::sources
